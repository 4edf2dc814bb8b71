"""A matrix written as a product of two: the plainest loss with saddles and no other bad minima."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from problems.base import Array, Layout, Numbers, constant, register
from problems.loss import Arrays, LossProblem
from problems.matrices import of_singular_values


@register("matrix_factorisation")
@dataclass(frozen=True, kw_only=True)
class MatrixFactorisation(LossProblem):
    r"""The factorisation of a fixed square matrix M of ``size`` n into two of ``factors`` columns.

    .. math:: f(U, V) = \frac{1}{2 n^2} \| U V^T - M \|_F^2

    M has random singular vectors, the same for every seed, and ``rank`` singular values other
    than 0, evenly in the logarithm from n down to n / ``condition``. With as many factors as
    the rank, or more, the least loss is 0; with fewer it is what the singular values left out
    leave (Eckart & Young, 1936). It is reached on a whole surface, as U and V may be turned
    together, so there is no one minimiser. The origin is a saddle, and every local minimum is
    a global one (Baldi & Hornik, 1989).

    A seed draws the start, from N(0, scale²) in every entry of U and V. From a small one the
    singular values are found one after another, the largest first (Saxe et al., 2014).

    Args:
        size: rows and columns of M, from 2 to 300.
        rank: singular values of M that are not 0, from 1 to ``size``.
        factors: columns of U and V, from 1 to ``size``.
        condition: largest over smallest singular value but for zeros, from 1.
        scale: standard deviation of the start, from 1e-6 to 100.

    Raises:
        ValueError: the rank or the number of factors is above the size.
    """

    size: int = constant(20, Numbers(low=2, high=300, integer=True))
    rank: int = constant(4, Numbers(low=1, high=300, integer=True))
    factors: int = constant(4, Numbers(low=1, high=300, integer=True))
    condition: float = constant(10.0, Numbers(low=1))
    scale: float = constant(0.1, Numbers(low=1e-6, high=100))

    def check(self) -> None:
        if max(self.rank, self.factors) > self.size:
            raise ValueError(
                f"MatrixFactorisation: rank and factors must be at most size={self.size}, "
                f"got rank={self.rank}, factors={self.factors}"
            )

    @property
    def singular_values(self) -> Array:
        """The singular values of M that are not 0, descending."""
        return self.size * np.geomspace(1, 1 / self.condition, self.rank)

    @property
    def least(self) -> float:  # type: ignore[override]  # a constant of other problems
        return float(0.5 * (self.singular_values[self.factors :] ** 2).sum() / self.size**2)

    @property
    def layout(self) -> Layout:
        return dict.fromkeys(("left", "right"), (self.size, self.factors))

    @property
    def floats_per_lane(self) -> int:
        return 4 * self.dim + 4 * self.size**2

    def draw(self, rng: np.random.Generator) -> Arrays:
        return {name: self.scale * rng.standard_normal(shape) for name, shape in self.layout.items()}

    def loss(self, params: Arrays, batch: None) -> Any:
        import jax.numpy as jnp

        product = params["left"] @ params["right"].T
        target = of_singular_values(tuple(self.singular_values), self.size)
        return 0.5 * ((product - jnp.asarray(target, product.dtype)) ** 2).mean()
