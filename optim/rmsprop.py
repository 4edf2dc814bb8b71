"""RMSprop: the gradient divided by a moving average of its recent magnitude."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes); None where no lane uses them."""

    square_avg: Array
    grad_avg: Array | None
    velocity: Array | None


@register("rmsprop")
@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    r"""RMSprop (Tieleman & Hinton, 2012, Coursera lecture 6.5), in the article's form.

    .. math::
        E[g^2]_t &= \beta E[g^2]_{t-1} + (1 - \beta) g_t^2, \qquad E[g^2]_0 = 0 \\
        \theta_t &= \theta_{t-1} - \frac{\eta}{\sqrt{E[g^2]_t} + \epsilon} g_t

    Centered (Graves, 2013, eq. 40): :math:`E[g^2]_t - E[g]_t^2` stands under the root.
    With momentum :math:`\mu`: :math:`v_t = \mu v_{t-1} + g_t / (\sqrt{\cdot} + \epsilon)`
    and :math:`\theta_t = \theta_{t-1} - \eta v_t`.

    Args:
        lr: base learning rate :math:`\eta`, in (0, inf).
        beta: decay of the moving averages, in [0, 1); 0.9 to 0.999 is usual.
        eps: added outside the root, in [0, inf).
        momentum: in [0, 1); 0 switches it off.
        centered: divide by the standard deviation rather than the root mean square.
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are PyTorch's (there ``beta`` is ``alpha``, 0.99 by default). Optax adds
    eps inside the root unless told otherwise; Keras defaults to ``eps=1e-7``. There is
    no bias correction. Where rounding makes the centered variance negative, it counts
    as 0; PyTorch returns NaN there.

    >>> import numpy as np
    >>> rule = RMSprop(lr=0.01)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(2 * params, rule.init(params), params)
    >>> print(updates.round(6))  # the first step is lr / sqrt(1 - beta), whatever the gradient
    [[-0.031623]]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    beta: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    momentum: Hyper = hyper(0.0, low=0, high=1, open_high=True)
    centered: bool = False
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(
            square_avg=zeros,
            grad_avg=zeros if self.centered else None,
            velocity=zeros if np.any(self.momentum) else None,
        )

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        grads = add_weight_decay(grads, self.weight_decay, params)
        square_avg = self.beta * state.square_avg + (1 - self.beta) * grads**2
        variance, grad_avg, velocity = square_avg, state.grad_avg, state.velocity
        if grad_avg is not None:
            grad_avg = self.beta * grad_avg + (1 - self.beta) * grads
            variance = xp.clip(square_avg - grad_avg**2, 0, None)
        scaled = grads / (xp.sqrt(variance) + self.eps)
        if velocity is not None:
            scaled = velocity = self.momentum * velocity + scaled
        return -self.lr * scaled, State(square_avg, grad_avg, velocity)
