"""Shampoo: full-matrix AdaGrad along each axis of an array."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, LayerOptimizer, hyper, register
from optim.layers import along, gram, or_identity, stacked, transposed


class State(NamedTuple):
    """For each axis of the array its statistics, (n, n, lanes)."""

    grams: tuple[Array, ...]


@register("shampoo")
@dataclass(frozen=True, kw_only=True)
class Shampoo(LayerOptimizer):
    r"""Shampoo (Gupta, Koren & Singer, 2018, algorithms 1 and 2).

    .. math::
        L_t &= L_{t-1} + G_t G_t^T, \qquad R_t = R_{t-1} + G_t^T G_t, \qquad
        L_0 = R_0 = \epsilon I \\
        \theta_t &= \theta_{t-1} - \eta \, L_t^{-1/4} G_t R_t^{-1/4}

    for a matrix. An array of :math:`k` axes has a preconditioner along each, to the power
    :math:`-1/(2k)`; so a vector has one, to the power -1/2, which is full-matrix AdaGrad (Duchi,
    Hazan & Singer, 2011), and so does the one vector of a problem without matrices.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        eps: :math:`\epsilon`, in (0, inf), what the preconditioners start from.

    Roots are taken at every update; the authors' experiments, to save time, take them less often, and
    have momentum. Each costs some ten times the cube of the axis: on the networks here this is by far
    the slowest rule. PyTorch, Optax and Keras have no Shampoo.

    >>> import numpy as np
    >>> rule = Shampoo(lr=0.1, eps=1e-12)
    >>> params = np.zeros((2, 2, 1))
    >>> grads = np.array([[3.0, 0.0], [0.0, 5.0]])[..., None]
    >>> updates, _ = rule.update(grads, rule.init(params), params)
    >>> print(updates[..., 0].round(6) + 0)  # the first is orthogonal, whatever the gradient's size
    [[-0.1  0. ]
     [ 0.  -0.1]]
    """

    in_one_call: ClassVar[bool] = False

    lr: Hyper = hyper(0.1, low=0, open_low=True)
    eps: Hyper = hyper(0.0001, low=0, open_low=True)

    def init(self, params: Array) -> State:
        *shape, lanes = params.shape
        eps = np.full(lanes, self.eps, dtype=params.dtype)
        return State(tuple(np.eye(n, dtype=params.dtype)[..., None] * eps for n in shape))

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        order = len(state.grams)
        grams = tuple(before + gram(grads, axis) for axis, before in enumerate(state.grams))
        direction = grads
        for axis, sums in enumerate(grams):
            direction = along(direction, axis, self.inverse_root(stacked(sums), 2 * order))
        return -self.lr * direction, State(grams)

    def inverse_root(self, stack: Array, degree: int) -> Array:
        """Return symmetric matrices, none of whose eigenvalues is below eps, to the power -1/degree.

        It is 0 where one has overflowed: such a lane stands still.
        """
        xp = array_namespace(stack)
        finite = xp.all(xp.isfinite(stack), axis=(1, 2))
        values, vectors = xp.linalg.eigh(or_identity(stack, finite))
        least = xp.zeros_like(values) + xp.reshape(xp.zeros_like(values[:, 0]) + self.eps, (-1, 1))
        powers = xp.where(finite[:, None], xp.maximum(values, least) ** (-1 / degree), 0.0)
        root: Array = (vectors * powers[:, None, :]) @ transposed(vectors)
        return root
