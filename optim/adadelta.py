"""AdaDelta: steps as large as recent steps, in units of the parameters."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes): of the squared gradient and of the squared step."""

    square_avg: Array
    delta_avg: Array


@register("adadelta")
@dataclass(frozen=True, kw_only=True)
class AdaDelta(Optimizer):
    r"""AdaDelta (Zeiler, 2012, algorithm 1).

    .. math::
        E[g^2]_t &= \rho E[g^2]_{t-1} + (1 - \rho) g_t^2 \\
        \Delta_t &= \frac{\sqrt{E[\Delta^2]_{t-1} + \epsilon}}{\sqrt{E[g^2]_t + \epsilon}} g_t \\
        E[\Delta^2]_t &= \rho E[\Delta^2]_{t-1} + (1 - \rho) \Delta_t^2 \\
        \theta_t &= \theta_{t-1} - \eta \Delta_t

    Args:
        lr: factor :math:`\eta` of the step, in (0, inf); the paper has none, which is 1.
        rho: decay :math:`\rho` of both moving averages, in [0, 1).
        eps: added inside both roots, in (0, inf); it alone sets the size of the first step.
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are PyTorch's and Optax's. PyTorch allows ``eps=0``, with which no parameter
    ever moves. Keras defaults to ``lr=0.001, rho=0.95, eps=1e-7``.

    >>> import numpy as np
    >>> rule = AdaDelta()
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first step is sqrt(eps / (1 - rho)), whatever the gradient
    [[-0.003162]]
    """

    lr: Hyper = hyper(1.0, low=0, open_low=True)
    rho: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-6, low=0, open_low=True)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros, zeros)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        grads = add_weight_decay(grads, self.weight_decay, params)
        square_avg = self.rho * state.square_avg + (1 - self.rho) * grads**2
        delta = xp.sqrt(state.delta_avg + self.eps) / xp.sqrt(square_avg + self.eps) * grads
        delta_avg = self.rho * state.delta_avg + (1 - self.rho) * delta**2
        return -self.lr * delta, State(square_avg, delta_avg)
