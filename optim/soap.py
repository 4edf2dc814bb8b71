"""SOAP: Adam in the eigenbases of Shampoo's preconditioners."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, LayerOptimizer, hyper, register
from optim.layers import along, gram, or_identity, stacked, transposed, unstacked


class State(NamedTuple):
    """What is known before an update.

    Attributes:
        step: (lanes,), updates so far, the first of which moves nothing.
        grad_avg: the average gradient.
        square_avg: the average square of the gradient in the bases.
        grams, bases: for each axis of a matrix, (n, n, lanes); none for a vector.
        beta1_power, beta2_power: (lanes,), running products.
    """

    step: Array
    grad_avg: Array
    square_avg: Array
    grams: tuple[Array, ...]
    bases: tuple[Array, ...]
    beta1_power: Array
    beta2_power: Array


@register("soap")
@dataclass(frozen=True, kw_only=True)
class SOAP(LayerOptimizer):
    r"""Shampoo with Adam in the preconditioner's eigenbasis (Vyas et al., 2024, algorithm 3).

    .. math::
        L_t &= \beta_2 L_{t-1} + (1 - \beta_2) G_t G_t^T, \qquad
        R_t = \beta_2 R_{t-1} + (1 - \beta_2) G_t^T G_t \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) G_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) (Q_L^T G_t Q_R)^2 \\
        \theta_t &= \theta_{t-1} - \eta \, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \,
        Q_L \frac{Q_L^T m_t Q_R}{\sqrt{v_t} + \epsilon} Q_R^T

    :math:`Q_L, Q_R` are at first the eigenvectors of :math:`L, R` after one gradient, which moves
    nothing. After every :math:`k` further updates they are sorted by :math:`q^T L q`, :math:`v_t` with
    them, and :math:`Q_L` becomes the orthogonal part of a QR decomposition of :math:`L Q_L`, one step of
    power iteration. An array of more axes has a basis along each. A vector gets Adam, as in the authors'
    code with ``precondition_1d`` off, and stands still at first as well.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squares and of :math:`L, R`, in [0, 1).
        eps: added outside the root, in [0, inf).
        weight_decay: :math:`\lambda`, in [0, inf), decoupled: parameters are multiplied by
            :math:`1 - \eta \lambda` after the step.
        frequency: :math:`k`, in [1, inf), the authors' ``precondition_frequency``; if it is not whole,
            as often on average.

    The numbers are those of the authors' code (``weight_decay`` is 0.01 there), in this run's precision;
    it decomposes in float32. Bases are computed at every update and used at every :math:`k`-th: a larger
    ``frequency`` saves no time here. PyTorch, Optax and Keras have no SOAP.

    While :math:`L` or :math:`R` has less than full rank, as after fewer gradients than a wide layer
    needs, any basis of its null space is one of eigenvectors. Which it is, is up to rounding: there,
    the two engines and other processors take other paths, each as good.

    >>> import numpy as np
    >>> rule = SOAP(lr=0.1)
    >>> params = np.zeros((2, 2, 1))
    >>> grads = np.array([[0.0, 3.0], [5.0, 0.0]])[..., None]
    >>> first, state = rule.update(grads, rule.init(params), params)
    >>> second, state = rule.update(grads, state, params)
    >>> print(abs(first).max(), second[..., 0].round(6) + 0)
    0.0 [[ 0.  -0.1]
     [-0.1  0. ]]
    """

    in_one_call: ClassVar[bool] = False
    needs_matrices: ClassVar[bool] = True

    lr: Hyper = hyper(0.003, low=0, open_low=True)
    beta1: Hyper = hyper(0.95, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.95, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    frequency: Hyper = hyper(10.0, low=1)

    def init(self, params: Array) -> State:
        *shape, lanes = params.shape
        zeros, nothing = np.zeros_like(params), np.zeros_like(params, shape=(lanes,))
        sizes = shape if len(shape) > 1 else []
        squares = tuple(np.zeros_like(params, shape=(n, n, lanes)) for n in sizes)
        return State(nothing, zeros, zeros, squares, squares, nothing + 1, nothing + 1)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        started = state.step > 0
        seen = xp.where(started, grads, 0.0)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * seen
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * rotated(seen, state.bases) ** 2
        beta1_power = xp.where(started, state.beta1_power * self.beta1, 1.0)
        beta2_power = xp.where(started, state.beta2_power * self.beta2, 1.0)
        lr = self.lr * xp.sqrt(1 - beta2_power) / xp.where(started, 1 - beta1_power, 1.0)
        direction = rotated(grad_avg, state.bases) / (xp.sqrt(square_avg) + self.eps)
        moved = -lr * rotated_back(direction, state.bases)
        updates = xp.where(started, moved - self.lr * self.weight_decay * (params + moved), 0.0)
        grams = tuple(
            self.beta2 * before + (1 - self.beta2) * gram(grads, axis)
            for axis, before in enumerate(state.grams)
        )
        square_avg, bases = self.refreshed(square_avg, grams, state)
        next_state = State(state.step + 1, grad_avg, square_avg, grams, bases, beta1_power, beta2_power)
        return updates, next_state

    def refreshed(
        self, square_avg: Array, grams: tuple[Array, ...], state: State
    ) -> tuple[Array, tuple[Array, ...]]:
        """Return the average squares in the order of their new bases, and these."""
        xp = array_namespace(square_avg)
        first = state.step == 0
        due = ~first & (xp.floor(state.step / self.frequency) > xp.floor((state.step - 1) / self.frequency))
        bases = []
        for axis, (sums, basis) in enumerate(zip(grams, state.bases, strict=True)):
            stack, old = stacked(sums), stacked(basis)
            due_here = due & xp.all(xp.isfinite(stack), axis=(1, 2))
            order = by_size(stack, old, due_here)
            places = [1] * (square_avg.ndim - 1)
            places[axis] = -1
            square_avg = xp.take_along_axis(square_avg, xp.reshape(order.T, (*places, len(order))), axis=axis)
            turned, _ = xp.linalg.qr(
                or_identity(stack @ xp.take_along_axis(old, order[:, None, :], axis=2), due_here)
            )
            _, vectors = xp.linalg.eigh(or_identity(stack, first))
            kept = xp.where(due_here[:, None, None], turned, old)
            bases.append(unstacked(xp.where(first[:, None, None], xp.flip(vectors, axis=-1), kept)))
        return square_avg, tuple(bases)


def by_size(stack: Array, basis: Array, wanted: Array) -> Array:
    """Return the columns of a basis from the largest square form to the smallest, (lanes, n).

    They stay in their order in lanes that are not wanted.
    """
    xp = array_namespace(stack)
    sizes = xp.sum(basis * (stack @ basis), axis=1)
    order = xp.argsort(xp.where(wanted[:, None], sizes, 0.0), axis=1, descending=True, stable=True)
    sorted_columns: Array = order
    return sorted_columns


def rotated(array: Array, bases: tuple[Array, ...]) -> Array:
    """Return an array in the coordinates of a basis along each of its axes."""
    for axis, basis in enumerate(bases):
        array = along(array, axis, transposed(stacked(basis)))
    return array


def rotated_back(array: Array, bases: tuple[Array, ...]) -> Array:
    """Return an array out of the coordinates of these bases."""
    for axis, basis in enumerate(bases):
        array = along(array, axis, stacked(basis))
    return array
