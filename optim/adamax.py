"""AdaMax: Adam with the largest recent gradient in the place of the root mean square."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Average and norm of shape (dim, lanes), and the power of the decay as a running product."""

    grad_avg: Array
    norm: Array
    beta1_power: Hyper


@register("adamax")
@dataclass(frozen=True, kw_only=True)
class AdaMax(Optimizer):
    r"""AdaMax (Kingma & Ba, 2015, algorithm 2).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
        u_t &= \max(\beta_2 u_{t-1}, |g_t| + \epsilon) \\
        \theta_t &= \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \, m_t / u_t

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the norm, in [0, 1).
        eps: added to the size of the gradient, in [0, inf); the paper has none.
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are PyTorch's and Optax's. Keras adds eps (1e-7) to :math:`u_t` in the division
    instead, and has ``lr=0.001``.

    >>> import numpy as np
    >>> rule = AdaMax(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first step is lr, whatever the gradient
    [[-0.1]]
    """

    lr: Hyper = hyper(0.002, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros, zeros, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        norm = xp.maximum(self.beta2 * state.norm, xp.abs(grads) + self.eps)
        beta1_power = state.beta1_power * self.beta1
        return -self.lr / (1 - beta1_power) * grad_avg / norm, State(grad_avg, norm, beta1_power)
