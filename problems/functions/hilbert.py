"""The quadratic of the Hilbert matrix, the classic of bad condition."""

from dataclasses import dataclass
from functools import cache
from math import comb, sqrt
from typing import Any, ClassVar

import numpy as np

from problems.base import Array, Numbers, constant, register
from problems.functions.base import FunctionProblem


@register("hilbert")
@dataclass(frozen=True, kw_only=True)
class Hilbert(FunctionProblem):
    r"""The quadratic of the Hilbert matrix (Brent, 1973).

    .. math:: f(x) = x^T H x, \quad H_{ij} = \frac{1}{i + j - 1}

    The condition of H is 1.5e4 in dimension 4, 1.6e13 in 10, and beyond what float64 resolves from 13
    on. So f is computed as :math:`\|L^T x\|^2` from the Cholesky factor, whose entries are known
    exactly (Hitotumatu, 1988): it is never below its least value 0, at the origin. Seed 0 starts at all
    ones as Brent does, the others in the box [-1, 1].

    Args:
        dim: number of coordinates, from 2 to 100.
    """

    dim: int = constant(10, Numbers(low=2, high=100, integer=True))

    box: ClassVar = (-1.0, 1.0)
    classic: ClassVar = 1.0
    by_coordinates: ClassVar = False

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        return ((x @ jnp.asarray(factor(self.dim), x.dtype)) ** 2).sum()


@cache
def factor(dim: int) -> Array:
    """Return the lower triangular matrix L with L Lᵀ = H, shape (dim, dim)."""
    rows = [
        [sqrt(2 * k + 1) * (comb(2 * i + 1, i - k) / ((2 * i + 1) * comb(2 * i, i))) for k in range(i + 1)]
        for i in range(dim)
    ]
    return np.array([row + [0.0] * (dim - len(row)) for row in rows])
