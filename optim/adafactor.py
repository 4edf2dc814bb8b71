"""Adafactor: squared gradients remembered by the means of rows and columns; steps relative to the array."""

from dataclasses import dataclass
from math import prod, sqrt
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, LayerOptimizer, hyper, register
from optim.layers import norm


class Factors(NamedTuple):
    """Of an array of two axes or more: the updates so far, (lanes,), and the averages of rows and columns."""

    step: Array
    row_avg: Array
    column_avg: Array


class Squares(NamedTuple):
    """Of a vector: the updates so far, (lanes,), and the average of each number's square."""

    step: Array
    square_avg: Array


State = Factors | Squares


@register("adafactor")
@dataclass(frozen=True, kw_only=True)
class Adafactor(LayerOptimizer):
    r"""Adafactor (Shazeer & Stern, 2018, algorithms 4 and 5), as PyTorch has it.

    .. math::
        \beta_t &= 1 - t^{-c}, \qquad
        \alpha_t = \max(\epsilon_2, \mathrm{RMS}(\theta_{t-1})) \min(\eta, 1 / \sqrt t) \\
        R_t &= \beta_t R_{t-1} + (1 - \beta_t) \, \text{row means of } g_t^2, \quad
        C_t \text{ of columns}, \quad
        V_t = R_t C_t / \max(\text{mean of } R_t, \epsilon_1) \\
        u_t &= g_t / \max(\sqrt{V_t}, \epsilon_1) \\
        \theta_t &= \theta_{t-1} - \eta \lambda \theta_{t-1}
        - \alpha_t \, u_t / \max(1, \mathrm{RMS}(u_t) / d)

    for each array by itself. Of more than two axes the last two are rows and columns, at each place
    of the others; for a vector :math:`V_t` is the average of :math:`g_t^2` itself.

    Args:
        lr: :math:`\eta`, in (0, inf), the largest step relative to the array; the paper's is 0.01.
        decay: :math:`c`, in [0, inf), with which the decay goes to 1 (PyTorch's ``-beta2_decay``).
        eps1: least root of the mean square, in (0, inf) (PyTorch's ``eps[0]``, of float64).
        eps2: least size of an array, in [0, inf) (PyTorch's ``eps[1]``).
        clipping: :math:`d`, in (0, inf), the RMS to which an update is held.
        weight_decay: :math:`\lambda`, in [0, inf), decoupled; PyTorch's ``AdamW`` has the same.

    The paper adds :math:`\epsilon_1` = 1e-30 to the squared gradients instead; its steps do not
    grow beyond 0.01. Optax's ``adafactor`` does as the paper, factors the two largest axes, and those of
    128 and more only, and multiplies by a learning rate that is not bounded by :math:`1 / \sqrt t`.
    Keras has a mixture of both.

    >>> import numpy as np
    >>> rule = Adafactor(lr=0.1)
    >>> params = np.full((2, 2, 1), 3.0)
    >>> grads = np.array([[1.0, 2.0], [2.0, 4.0]])[..., None]
    >>> updates, _ = rule.update(grads, rule.init(params), params)
    >>> print(updates[..., 0].round(6))  # of rank one, its squares are known: a tenth of the size
    [[-0.3 -0.3]
     [-0.3 -0.3]]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    decay: Hyper = hyper(0.8, low=0)
    eps1: Hyper = hyper(float(np.finfo(np.float64).eps), low=0, open_low=True)
    eps2: Hyper = hyper(0.001, low=0)
    clipping: Hyper = hyper(1.0, low=0, open_low=True)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        step, zeros = np.zeros_like(params, shape=params.shape[-1:]), np.zeros_like(params)
        if params.ndim == 2:
            return Squares(step, zeros)
        return Factors(step, zeros[..., :1, :], zeros[..., :1, :, :])

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        step = state.step + 1
        share = xp.exp(-self.decay * xp.log(step))
        mean_square, next_state = self.averaged(grads * grads, state, share)
        direction = grads / xp.sqrt(xp.maximum(mean_square, self.eps1 * self.eps1))
        size = xp.maximum(root_mean_square(params), self.eps2) * xp.minimum(1 / xp.sqrt(step), self.lr)
        excess = xp.maximum(root_mean_square(direction) / self.clipping, 1.0)
        return -(size / excess) * direction - self.lr * self.weight_decay * params, next_state

    def averaged(self, squares: Array, state: State, share: Array) -> tuple[Array, State]:
        """Return the estimate of the mean squared gradient, and the state with this one in its averages."""
        step = state.step + 1
        if isinstance(state, Squares):
            square_avg = (1 - share) * state.square_avg + share * squares
            return square_avg, Squares(step, square_avg)
        xp = array_namespace(squares)
        row_avg = (1 - share) * state.row_avg + share * xp.mean(squares, axis=-2, keepdims=True)
        column_avg = (1 - share) * state.column_avg + share * xp.mean(squares, axis=-3, keepdims=True)
        whole = xp.maximum(xp.mean(row_avg, axis=-3, keepdims=True), self.eps1)
        return row_avg * column_avg / whole, Factors(step, row_avg, column_avg)


def root_mean_square(array: Array) -> Array:
    """Return the root of the mean of the squares of each lane's numbers, (lanes,)."""
    return norm(array) / sqrt(prod(array.shape[:-1]))
