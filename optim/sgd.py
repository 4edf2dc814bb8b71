"""Gradient descent, with momentum in the forms that are in use."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """``velocity`` of shape (dim, lanes), None where no lane has momentum."""

    step: int
    velocity: Array | None


@register("sgd")
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    r"""Stochastic gradient descent (Robbins & Monro, 1951) with momentum (Polyak, 1964).

    .. math::
        v_t &= \mu v_{t-1} + (1 - \tau) g_t, \qquad v_1 = g_1 \\
        \theta_t &= \theta_{t-1} - \eta v_t
        \quad\text{or, Nesterov,}\quad
        \theta_t = \theta_{t-1} - \eta (g_t + \mu v_t)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        momentum: :math:`\mu`, in [0, 1); 0 is plain gradient descent.
        dampening: :math:`\tau`, in [0, 1]; without momentum it has no effect.
        nesterov: look ahead by one step (Sutskever et al., 2013, eq. 3-4, as rewritten
            by Bengio et al., 2013, eq. 7); needs momentum and no dampening.
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are PyTorch's: the learning rate multiplies the velocity, and the first
    gradient enters undamped. In Sutskever et al. and in Keras the velocity already
    holds the learning rate, which differs as soon as the rate changes on the way.

    Raises:
        ValueError: Nesterov without momentum, or with dampening.

    >>> import numpy as np
    >>> rule = SGD(lr=0.1, momentum=0.9)
    >>> params = np.array([[1.0]])
    >>> state = rule.init(params)
    >>> for _ in range(2):
    ...     updates, state = rule.update(np.array([[1.0]]), state, params)
    >>> print(updates)
    [[-0.19]]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    momentum: Hyper = hyper(0.0, low=0, high=1, open_high=True)
    dampening: Hyper = hyper(0.0, low=0, high=1)
    nesterov: bool = False
    weight_decay: Hyper = hyper(0.0, low=0)

    def check(self) -> None:
        if self.nesterov and (np.any(np.equal(self.momentum, 0)) or np.any(self.dampening)):
            raise ValueError(
                "SGD: nesterov=true needs momentum in (0, 1) and dampening = 0, "
                f"got momentum={np.min(self.momentum)}, dampening={np.max(self.dampening)}"
            )

    def init(self, params: Array) -> State:
        return State(step=0, velocity=np.zeros_like(params) if np.any(self.momentum) else None)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        grads = add_weight_decay(grads, self.weight_decay, params)
        if state.velocity is None:
            return -self.lr * grads, State(state.step + 1, None)
        damped = (self.momentum > 0) & (state.step > 0)
        velocity = self.momentum * state.velocity + (1 - damped * self.dampening) * grads
        direction = grads + self.momentum * velocity if self.nesterov else velocity
        return -self.lr * direction, State(state.step + 1, velocity)
