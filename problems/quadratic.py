"""The article's worked example: a parabola fitted to noisy points."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from problems.base import Array, Instance, Numbers, Problem, Seeds, constant, plain_widths, register


@register("quadratic")
@dataclass(frozen=True, kw_only=True)
class QuadraticFit(Problem):
    r"""Least squares for :math:`y = a x^2 + b x + c + N(0, \text{noise}^2)`.

    The objective is half the mean squared error, :math:`\frac{1}{2m} \|A\theta - y\|^2`
    with rows :math:`(x^2, x, 1)` in :math:`A`: its gradient is the one in the article's
    code. The mean squared error itself is the metric ``mse``.

    With :math:`H = A^T A / m` the gradient is :math:`H (\theta - \theta^*)`, and the loss
    is its minimum plus :math:`\frac12 (\theta - \theta^*)^T H (\theta - \theta^*)`.
    Computed that way it costs a 3 x 3 product instead of a pass over the points, and the
    suboptimality keeps its digits down to the smallest numbers.

    Seed 0 draws the article's data and start: NumPy's legacy generator, the noise
    first, then the start. Every other seed is another draw of both.

    Args:
        a, b, c: the true coefficients.
        noise: standard deviation of the noise on y.
        points: how many points, evenly spaced on [low, high]; from 3 to a million.
        low, high: the range of x.
        scale: what the objective is multiplied by, above 0; 2 makes it the mean squared
            error, the article's stated loss.
    """

    engines: ClassVar = ("numpy", "jax")
    """Over the README's first grid, four optimizers on one core: 3.8 s under numpy, 4.5 s under jax."""

    a: float = constant(2.0, Numbers())
    b: float = constant(3.0, Numbers())
    c: float = constant(4.0, Numbers())
    noise: float = constant(0.5, Numbers(low=0))
    points: int = constant(100, Numbers(low=3, high=1_000_000, integer=True))
    low: float = constant(-3.0, Numbers())
    high: float = constant(3.0, Numbers())
    scale: float = constant(1.0, Numbers(low=1e-300))

    def check(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"QuadraticFit: low must be below high, got low={self.low}, high={self.high}")

    @property
    def widths(self) -> tuple[int, ...]:
        return plain_widths(3)

    @property
    def in_one_call(self) -> bool:
        return True

    @property
    def floats_per_lane(self) -> int:
        return 6

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("mse",)

    @property
    def x(self) -> Array:
        """The abscissas, shape (points,)."""
        return np.linspace(self.low, self.high, self.points)

    def curve(self, params: Array) -> Array:
        """Return the parabolas with coefficients ``params`` (3, lanes) at ``x``: (points, lanes)."""
        return design(self) @ params

    def data(self, seed: int) -> tuple[Array, Array]:
        """Return what ``seed`` draws: y, shape (points,), and the start, shape (3,)."""
        rng = np.random.RandomState(seed)
        y = self.curve(np.array([self.a, self.b, self.c])) + rng.normal(0, self.noise, self.points)
        return y, rng.randn(3)

    def instance(self, seeds: Seeds) -> "Parabolas":
        distinct, lane = np.unique(seeds, return_inverse=True)
        draws = [drawn(self, int(seed)) for seed in distinct]
        return Parabolas(
            scale=self.scale,
            hessian=self.scale * (design(self).T @ design(self) / self.points),
            start=np.stack([draw.start for draw in draws], axis=1).take(lane, axis=1),
            minimiser=np.stack([draw.minimiser for draw in draws], axis=1).take(lane, axis=1),
            minimum=self.scale * np.array([draw.minimum for draw in draws])[lane],
        )


@cache
def design(problem: QuadraticFit) -> Array:
    """Return the matrix A with rows (x^2, x, 1), shape (points, 3)."""
    return np.stack([problem.x**2, problem.x, np.ones(problem.points)], axis=1)


@cache
def pseudo_inverse(problem: QuadraticFit) -> Array:
    """Return the matrix that maps y to the least-squares solution, shape (3, points)."""
    return np.asarray(np.linalg.pinv(design(problem)), dtype=np.float64)


class Draw(NamedTuple):
    """What one seed decides."""

    start: Array
    minimiser: Array
    minimum: float


@lru_cache(maxsize=1 << 16)
def drawn(problem: QuadraticFit, seed: int) -> Draw:
    y, start = problem.data(seed)
    minimiser = pseudo_inverse(problem) @ y
    residual = problem.curve(minimiser) - y
    return Draw(start, minimiser, float(residual @ residual) / (2 * problem.points))


@dataclass(frozen=True, kw_only=True)
class Parabolas(Instance):
    """One data set per lane, all on the same abscissas, so all with the same ``hessian`` (3, 3)."""

    minimiser: Array
    scale: float
    hessian: Array

    def loss(self, params: Array) -> Array:
        return self.loss_and_grad(params)[0]

    def loss_and_grad(self, params: Array, batch: None = None) -> tuple[Array, Array]:
        error = params - self.minimiser
        # the product with the Hessian column by column: compilers fuse that, and no lane meets another
        grads = sum(self.hessian[:, i, None] * error[i] for i in range(3))
        return self.minimum + 0.5 * (error * grads).sum(axis=0), grads

    def metrics(self, params: Array) -> dict[str, Array]:
        return {"mse": 2 * self.loss(params) / self.scale}
