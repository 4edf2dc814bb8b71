"""What functions of one vector share: where a lane starts, and how its seed shifts and rotates them."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import SHORT, Array, Flag, Layout, Numbers, constant
from problems.loss import Arrays, Lane, LossProblem
from problems.matrices import orthogonal

MOST_ROTATED = 300  # dimensions: each lane has a matrix of its own
Coordinates = float | tuple[float, ...]
"""A point: one number for all of its coordinates, or one for each."""


@dataclass(frozen=True, kw_only=True)
class FunctionProblem(LossProblem):
    r"""A function of one vector, given by its ``value``, whose least value is known, and where it is.

    .. math:: f(x) = g(x^* + Q (x - x^* - s))

    The value is g and ``optimum`` is its minimiser x*. By default s = 0 and Q is the identity, so
    that f is g. Otherwise each seed, 0 as well, draws its own: f then has the same least value, at
    x* + s, which is the minimiser of the lane. Where a function has several, ``optimum`` is one of
    them, and the distance that is recorded is that to this one.

    A seed draws the start uniformly from the ``box``, but seed 0 takes the ``classic`` start where
    the literature has one. Shift and rotation move it along: x starts at x* + s + Qᵀ (z - x*) if z was
    drawn, so that the loss at the start, and its distance from the minimiser, stay what they are.

    Args:
        shift: from 0; each coordinate of s is uniform in [-shift, shift].
        rotate: whether Q is a random orthogonal matrix, Haar distributed (Mezzadri, 2007).

    Raises:
        ValueError: a matrix for each lane would be too large.

    >>> from problems import Himmelblau
    >>> lanes = Himmelblau(shift=1.0, rotate=True).instance(np.array([0, 1]))
    >>> lanes.loss(lanes.minimiser).tolist()
    [0.0, 0.0]
    >>> (abs(lanes.minimiser - [[3.0], [2.0]]) <= 1).all().item()
    True
    """

    shift: float = constant(0.0, Numbers(low=0))
    rotate: bool = constant(False, Flag())

    box: ClassVar[tuple[Coordinates, Coordinates]]
    """The lowest and the highest coordinates of a start."""
    classic: ClassVar[Coordinates | None] = None
    """Where seed 0 starts; None if that is drawn as well."""
    by_coordinates: ClassVar[bool] = True
    """Whether ``value`` goes without a matrix product."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """How many coordinates x has."""

    @abstractmethod
    def value(self, x: Any) -> Any:
        """Return g at x, shape (dim,), in ``jax.numpy``."""

    @property
    def optimum(self) -> Coordinates:
        """Where g has its least value, ``least``."""
        return 0.0

    def check(self) -> None:
        if self.rotate and self.dim > MOST_ROTATED:
            raise ValueError(
                f"{type(self).__name__}: dim must be at most {MOST_ROTATED} with rotate=true, got {self.dim}"
            )

    @property
    def layout(self) -> Layout:
        return {"x": (self.dim,)}

    def draw(self, rng: np.random.Generator) -> Arrays:
        return {"x": rng.uniform(*map(self.point, self.box))}

    def point(self, coordinates: Coordinates) -> Array:
        """Return a point as an array, shape (dim,)."""
        return np.broadcast_to(np.asarray(coordinates, dtype=np.float64), self.dim)

    def lane(self, seed: int) -> Lane:
        rng = np.random.default_rng(seed)
        start, optimum = self.draw(rng)["x"], self.point(self.optimum)
        if seed == 0 and self.classic is not None:
            start = self.point(self.classic)
        if not self.shift and not self.rotate:
            return Lane({"x": start}, {"x": optimum})
        centre = optimum + self.shift * rng.uniform(-1, 1, self.dim)
        if not self.rotate:
            return Lane({"x": centre + (start - optimum)}, {"x": centre}, (centre,))
        rotation = orthogonal(rng, self.dim)
        return Lane({"x": centre + rotation.T @ (start - optimum)}, {"x": centre}, (centre, rotation))

    def loss(self, params: Arrays, batch: tuple[Any, ...] | None) -> Any:
        import jax.numpy as jnp

        x = params["x"]
        if batch is None:
            return self.value(x)
        centre, *rotation = batch
        away = x - centre  # exactly 0 at the minimiser
        if rotation:
            away = (rotation[0] * away).sum(axis=1)  # a product of matrices for each lane is slower
        return self.value(jnp.asarray(self.point(self.optimum), x.dtype) + away)

    @property
    def floats_per_lane(self) -> int:
        return 6 * self.dim + (self.dim**2 if self.rotate else 0)

    @property
    def in_one_call(self) -> bool:
        return self.by_coordinates and not self.rotate and 64 * self.dim <= SHORT


@dataclass(frozen=True, kw_only=True)
class AnyDimension(FunctionProblem):
    """A function of as many coordinates as one likes.

    Args:
        dim: number of coordinates, from 2 to 10,000; to 300 if rotated.
    """

    dim: int = constant(10, Numbers(low=2, high=10_000, integer=True))
