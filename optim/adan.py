"""Adan: Nesterov's momentum for Adam, from the differences of gradients."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, hyper, register


class State(NamedTuple):
    """The last gradient, moving averages of shape (dim, lanes), and the powers of the three decays."""

    step: int
    grads: Array
    grad_avg: Array
    difference_avg: Array
    square_avg: Array
    beta1_power: Hyper
    beta2_power: Hyper
    beta3_power: Hyper


@register("adan")
@dataclass(frozen=True, kw_only=True)
class Adan(Optimizer):
    r"""Adan, adaptive Nesterov momentum (Xie et al., 2022, algorithm 1), as in the authors' code.

    .. math::
        d_t &= g_t - g_{t-1}, \qquad d_1 = 0 \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) d_t \\
        n_t &= \beta_3 n_{t-1} + (1 - \beta_3) (g_t + \beta_2 d_t)^2 \\
        u_t &= \Bigl(\frac{m_t}{1 - \beta_1^t} + \frac{\beta_2 v_t}{1 - \beta_2^t}\Bigr)
        / \Bigl(\sqrt{\frac{n_t}{1 - \beta_3^t}} + \epsilon\Bigr) \\
        \theta_t &= \theta_{t-1} - \eta (u_t + \lambda \theta_{t-1})
        \quad\text{or, proximal,}\quad
        \theta_t = (\theta_{t-1} - \eta u_t) / (1 + \eta \lambda)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average difference, and its weight, in [0, 1).
        beta3: decay of the average square, in [0, 1).
        eps: added outside the root, in [0, inf).
        weight_decay: :math:`\lambda`, in [0, inf); it does not enter the gradient.
        proximal: shrink the parameters after the step, as the paper does.

    The numbers are those of the authors' code, where each :math:`\beta` is one minus the paper's,
    and the default is proximal. Optax decouples the weight decay as here by default; it weighs
    differences by :math:`1 - \beta_2` (its pull request 1715 calls that an error), so that the
    two are the same at :math:`\beta_2 = 1/2` alone, and has a second eps inside the root. PyTorch
    and Keras have no Adan.

    >>> import numpy as np
    >>> rule = Adan(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first step is lr, whatever the gradient
    [[-0.1]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.98, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.92, low=0, high=1, open_high=True)
    beta3: Hyper = hyper(0.99, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    proximal: bool = False

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(0, zeros, zeros, zeros, zeros, 1.0, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        difference = xp.where(state.step > 0, grads - state.grads, 0.0)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        difference_avg = self.beta2 * state.difference_avg + (1 - self.beta2) * difference
        ahead = grads + self.beta2 * difference
        square_avg = self.beta3 * state.square_avg + (1 - self.beta3) * ahead**2
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        beta3_power = state.beta3_power * self.beta3
        direction = grad_avg / (1 - beta1_power) + self.beta2 / (1 - beta2_power) * difference_avg
        scaled = direction / (xp.sqrt(square_avg / (1 - beta3_power)) + self.eps)
        updates = -self.lr * (scaled + self.weight_decay * params)
        if self.proximal:
            updates = updates / (1 + self.lr * self.weight_decay)
        averages = (grad_avg, difference_avg, square_avg)
        return updates, State(state.step + 1, grads, *averages, beta1_power, beta2_power, beta3_power)
