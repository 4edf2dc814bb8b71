"""Rosenbrock's curved valley, in any dimension."""

from dataclasses import dataclass

import numpy as np

from problems.base import Array, Instance, Numbers, Problem, Seeds, constant, register


@register("rosenbrock")
@dataclass(frozen=True, kw_only=True)
class Rosenbrock(Problem):
    r"""Rosenbrock's function (Rosenbrock, 1960), chained over ``dim`` coordinates.

    .. math:: f(x) = \sum_{i=1}^{n-1} 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2

    The minimum is 0, at all ones. From dimension 4 on there is a second local minimum
    near :math:`x_1 = -1` (Shang & Qiu, 2006); suboptimality counts from the global one.

    Args:
        dim: number of coordinates, from 2 to 100,000.
        perturbation: standard deviation of the normal noise that a seed adds to the
            classic start (-1.2, 1, -1.2, 1, ...); seed 0 adds none.
    """

    dim: int = constant(2, Numbers(low=2, high=100_000, integer=True))
    perturbation: float = constant(0.1, Numbers(low=0))

    @property
    def floats_per_lane(self) -> int:
        return 6 * self.dim

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ()

    def instance(self, seeds: Seeds) -> "Valley":
        distinct, lane = np.unique(seeds, return_inverse=True)
        starts = np.stack([self.start(int(seed)) for seed in distinct], axis=1)
        return Valley(starts.take(lane, axis=1))

    def start(self, seed: int) -> Array:
        """Return where ``seed`` begins, shape (dim,)."""
        classic = np.where(np.arange(self.dim) % 2 == 0, -1.2, 1.0)
        noise = np.random.default_rng(seed).standard_normal(self.dim) if seed else 0.0
        return classic + self.perturbation * noise


class Valley(Instance):
    """The function itself; lanes differ only in where they start."""

    def __init__(self, start: Array) -> None:
        self.start = start
        self.minimum = np.zeros(start.shape[1])
        self.minimiser = np.ones_like(start)

    def loss(self, params: Array) -> Array:
        x, gap = params[:-1], params[1:] - params[:-1] ** 2
        return np.asarray((100 * gap**2 + (1 - x) ** 2).sum(axis=0))

    def loss_and_grad(self, params: Array, step: int | None) -> tuple[Array, Array]:
        x, gap = params[:-1], params[1:] - params[:-1] ** 2
        grads = np.zeros_like(params)
        grads[:-1] = -400 * x * gap - 2 * (1 - x)
        grads[1:] += 200 * gap
        return (100 * gap**2 + (1 - x) ** 2).sum(axis=0), grads
