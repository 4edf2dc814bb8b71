"""AdaBound: Adam whose learning rates are held between bounds that close in on SGD's."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes), and the powers of the two decays, as Adam keeps them."""

    step: int
    grad_avg: Array
    square_avg: Array
    max_square_avg: Array | None
    beta1_power: Hyper
    beta2_power: Hyper


@register("adabound")
@dataclass(frozen=True, kw_only=True)
class AdaBound(Optimizer):
    r"""AdaBound and AMSBound (Luo et al., 2019, algorithms 2 and 3), as in the authors' code.

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
        \eta_t &= \operatorname{clip}\Bigl(
        \frac{\eta \sqrt{1 - \beta_2^t}}{(1 - \beta_1^t)(\sqrt{v_t} + \epsilon)}, \;
        \eta^* \Bigl(1 - \frac{1}{\gamma t + 1}\Bigr), \;
        \eta^* \Bigl(1 + \frac{1}{\gamma t}\Bigr)\Bigr) \\
        \theta_t &= \theta_{t-1} - \eta_t m_t

    Args:
        lr: learning rate :math:`\eta` of the beginning, as Adam's, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1).
        eps: added outside the root, before the bias correction, in [0, inf).
        final_lr: learning rate :math:`\eta^*` of the end, as SGD's, in (0, inf).
        gamma: :math:`\gamma`, how fast the bounds close in, in (0, 1).
        amsbound: divide by the largest :math:`v` so far, as AMSGrad does.
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are those of the authors' code. Its bias corrections and eps are not in the
    paper, where all learning rates are divided by :math:`\sqrt t` as well. The authors'
    AdaBoundW, with a weight decay that is not multiplied by the learning rate, is not here.
    PyTorch, Optax and Keras have no AdaBound.

    >>> import numpy as np
    >>> rule = AdaBound(lr=0.1, final_lr=0.01, gamma=0.5)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[0.5]]), rule.init(params), params)
    >>> print(updates.round(6))  # Adam's rate would be 2; the bound is 0.03, and m is 0.05
    [[-0.0015]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    final_lr: Hyper = hyper(0.1, low=0, open_low=True)
    gamma: Hyper = hyper(0.001, low=0, high=1, open_low=True, open_high=True)
    amsbound: bool = False
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(0, zeros, zeros, zeros if self.amsbound else None, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp, step = array_namespace(params), state.step + 1
        grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * grads**2
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        largest, max_square_avg = square_avg, state.max_square_avg
        if max_square_avg is not None:
            largest = max_square_avg = xp.maximum(max_square_avg, square_avg)
        lr = self.lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
        lower = self.final_lr * (1 - 1 / (self.gamma * step + 1))
        upper = self.final_lr * (1 + 1 / (self.gamma * step))
        rate = xp.clip(lr / (xp.sqrt(largest) + self.eps), lower, upper)
        after = State(step, grad_avg, square_avg, max_square_avg, beta1_power, beta2_power)
        return -rate * grad_avg, after
