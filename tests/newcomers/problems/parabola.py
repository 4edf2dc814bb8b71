"""Half a square."""

import numpy as np

from problems.base import Array, Instance, Problem, Seeds, register


@register("parabola")
class Parabola(Problem):
    """Half the square of one number, from a normal start."""

    floats_per_lane = 1
    metric_names = ()

    def instance(self, seeds: Seeds) -> "ParabolaInstance":
        return ParabolaInstance(seeds)


class ParabolaInstance(Instance):
    """The parabola as some lanes meet it."""

    minimiser = None

    def __init__(self, seeds: Seeds) -> None:
        self.start = np.array([[np.random.default_rng(seed).standard_normal() for seed in seeds]])
        self.minimum = np.zeros(len(seeds))

    def loss(self, params: Array) -> Array:
        return params[0] ** 2 / 2

    def loss_and_grad(self, params: Array, step: int | None) -> tuple[Array, Array]:
        return self.loss(params), params.copy()
