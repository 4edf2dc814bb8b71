"""RAdam: Adam that waits until its average of squares can be trusted."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register

LENGTH = 5.0
"""The average of squares is used from more than so many effective terms on; the paper has 4."""


class State(NamedTuple):
    """Moving averages of shape (dim, lanes), and the powers of the two decays, as Adam keeps them."""

    step: int
    grad_avg: Array
    square_avg: Array
    beta1_power: Hyper
    beta2_power: Hyper


@register("radam")
@dataclass(frozen=True, kw_only=True)
class RAdam(Optimizer):
    r"""RAdam, rectified Adam (Liu et al., 2020, algorithm 2).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad \hat m_t = m_t / (1 - \beta_1^t) \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \qquad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t} \\
        r_t^2 &= \frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \rho_t} \\
        \theta_t &= \theta_{t-1} - \eta \, \hat m_t \cdot
        \begin{cases}
            r_t \sqrt{1 - \beta_2^t} / (\sqrt{v_t} + \epsilon) & \text{if } \rho_t > 5 \\
            1 & \text{otherwise}
        \end{cases}

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1); up to 2/3 no step is rectified,
            and the rule is gradient descent with momentum.
        eps: added outside the root, in [0, inf); the paper has none.
        weight_decay: in [0, inf); an L2 term added to the gradient, or, if decoupled,
            a shrinkage of the parameters by ``lr * weight_decay`` a step.
        decoupled: as in AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    The numbers are PyTorch's: eps is added before the bias correction. Optax adds it after.
    Both rectify where :math:`\rho_t > 5` (Optax also where it is 5), the paper where
    :math:`\rho_t > 4`. Keras has no RAdam.

    >>> import numpy as np
    >>> rule = RAdam(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first steps are of momentum alone
    [[-0.5]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = False

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(0, zeros, zeros, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp, step = array_namespace(params), state.step + 1
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * grads**2
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * beta2_power / (1 - beta2_power)
        rectified = length > LENGTH
        # both branches are computed: where this one is not taken, of numbers that it can bear
        length, longest = xp.where(rectified, length, 6.0), xp.where(rectified, longest, 6.0)
        root = xp.where(rectified, xp.sqrt(square_avg) + self.eps, 1.0)
        ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        scale = xp.where(rectified, xp.sqrt(ratio) * xp.sqrt(1 - beta2_power) / root, 1.0)
        updates = -self.lr * (grad_avg / (1 - beta1_power)) * scale
        if self.decoupled:
            updates = updates - self.lr * self.weight_decay * params
        return updates, State(step, grad_avg, square_avg, beta1_power, beta2_power)
