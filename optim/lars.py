"""LARS: a learning rate for each array, from the norms of its parameters and of its gradient."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optim.base import Array, Hyper, LayerOptimizer, add_weight_decay, hyper, register
from optim.layers import norm, ratio_or_one


class State(NamedTuple):
    """The velocity, of the array's shape; it holds the learning rates."""

    velocity: Array


@register("lars")
@dataclass(frozen=True, kw_only=True)
class LARS(LayerOptimizer):
    r"""Layer-wise adaptive rate scaling (You, Gitman & Ginsburg, 2017, algorithm 1).

    .. math::
        r_t &= \tau \, \|\theta_{t-1}\| / (\|g_t\| + \lambda \|\theta_{t-1}\| + \epsilon) \\
        v_t &= \mu v_{t-1} + \eta \, r_t (g_t + \lambda \theta_{t-1}) \\
        \theta_t &= \theta_{t-1} - v_t
        \quad\text{or, Nesterov,}\quad
        \theta_t = \theta_{t-1} - (\eta \, r_t (g_t + \lambda \theta_{t-1}) + \mu v_t)

    for each array by itself, a vector like a matrix. Where a norm is 0, above or below, the trust
    ratio :math:`r_t` is 1: the array takes a step of plain gradient descent.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf). There is no usual default.
        momentum: :math:`\mu`, in [0, 1).
        nesterov: look ahead by one step, as in ``sgd``.
        trust: trust coefficient :math:`\tau`, in (0, inf).
        weight_decay: :math:`\lambda`, in [0, inf), an L2 term that the ratio knows of.
        eps: added below the ratio, in [0, inf); the paper has none.

    Without weight decay the numbers are those of Optax's ``lars``. With it, Optax divides by
    :math:`\|g_t + \lambda \theta_{t-1}\|` instead of the paper's sum of norms. PyTorch has no LARS.

    >>> import numpy as np
    >>> rule = LARS(lr=1.0, trust=0.1)
    >>> params = np.array([[3.0], [4.0]])
    >>> updates, _ = rule.update(np.array([[0.0], [1e-6]]), rule.init(params), params)
    >>> print(updates.ravel() + 0)  # a tenth of the norm, whatever the gradient
    [ 0.  -0.5]
    """

    lr: Hyper = hyper(0.1, low=0, open_low=True)
    momentum: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    nesterov: bool = False
    trust: Hyper = hyper(0.001, low=0, open_low=True)
    weight_decay: Hyper = hyper(0.0, low=0)
    eps: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        return State(np.zeros_like(params))

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        size = norm(params)
        ratio = ratio_or_one(self.trust * size, norm(grads) + self.weight_decay * size + self.eps)
        step = self.lr * ratio * add_weight_decay(grads, self.weight_decay, params)
        velocity = self.momentum * state.velocity + step
        direction = step + self.momentum * velocity if self.nesterov else velocity
        return -direction, State(velocity)
