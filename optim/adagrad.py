"""AdaGrad: the gradient divided by the root of the sum of all its squares."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """``square_sum`` has shape (dim, lanes)."""

    step: int
    square_sum: Array


@register("adagrad")
@dataclass(frozen=True, kw_only=True)
class AdaGrad(Optimizer):
    r"""AdaGrad with a diagonal matrix (Duchi, Hazan & Singer, 2011, fig. 1).

    .. math::
        G_t &= G_{t-1} + g_t^2, \qquad G_0 = \text{initial accumulator} \\
        \theta_t &= \theta_{t-1} - \frac{\eta / (1 + (t - 1) \lambda)}{\sqrt{G_t} + \epsilon} g_t

    Args:
        lr: base learning rate :math:`\eta`, in (0, inf).
        lr_decay: :math:`\lambda`, in [0, inf).
        initial_accumulator: :math:`G_0`, in [0, inf).
        eps: added outside the root, in [0, inf).
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are PyTorch's. Optax and Keras start the accumulator at 0.1; Optax adds
    eps (1e-7) inside the root. Neither has ``lr_decay``.

    >>> import numpy as np
    >>> rule = AdaGrad(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))
    [[-0.1]]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    lr_decay: Hyper = hyper(0.0, low=0)
    initial_accumulator: Hyper = hyper(0.0, low=0)
    eps: Hyper = hyper(1e-10, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        return State(step=0, square_sum=np.zeros_like(params) + self.initial_accumulator)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        grads = add_weight_decay(grads, self.weight_decay, params)
        square_sum = state.square_sum + grads**2
        lr = self.lr / (1 + state.step * self.lr_decay)
        return -lr * grads / (xp.sqrt(square_sum) + self.eps), State(state.step + 1, square_sum)
