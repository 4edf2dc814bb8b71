"""Lion: the sign of a mixture of momentum and gradient."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, hyper, register


class State(NamedTuple):
    """The moving average of the gradient, of shape (dim, lanes)."""

    grad_avg: Array


@register("lion")
@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer):
    r"""Lion (Chen et al., 2023, algorithm 2).

    .. math::
        u_t &= \operatorname{sign}(\beta_1 m_{t-1} + (1 - \beta_1) g_t) \\
        \theta_t &= \theta_{t-1} - \eta (u_t + \lambda \theta_{t-1}) \\
        m_t &= \beta_2 m_{t-1} + (1 - \beta_2) g_t

    Args:
        lr: learning rate :math:`\eta`, the size of every step, in (0, inf).
        beta1: weight of the average in the direction, in [0, 1).
        beta2: decay of the average gradient, in [0, 1).
        weight_decay: :math:`\lambda`, in [0, inf); decoupled, so it does not enter the gradient.

    The numbers are Optax's, with the defaults of the authors' code: Optax has
    ``weight_decay=0.001``, Keras ``lr=0.001``. PyTorch has no Lion.

    >>> import numpy as np
    >>> rule = Lion(lr=0.1)
    >>> params = np.array([[1.0, 1.0]])
    >>> updates, state = rule.update(np.array([[5.0, -0.01]]), rule.init(params), params)
    >>> print(updates)
    [[-0.1  0.1]]
    """

    lr: Hyper = hyper(0.0001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.99, low=0, high=1, open_high=True)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        return State(np.zeros_like(params))

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        direction = xp.sign(self.beta1 * state.grad_avg + (1 - self.beta1) * grads)
        updates = -self.lr * (direction + self.weight_decay * params)
        return updates, State(self.beta2 * state.grad_avg + (1 - self.beta2) * grads)
