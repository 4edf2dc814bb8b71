"""Half a square."""

import numpy as np

from problems.base import Array, Instance, Problem, Seeds, register


@register("parabola")
class Parabola(Problem):
    """Half the square of one number, from a normal start."""

    engines = ("numpy", "jax")
    floats_per_lane = 1
    metric_names = ()

    def instance(self, seeds: Seeds) -> "ParabolaInstance":
        start = np.array([[np.random.default_rng(seed).standard_normal() for seed in seeds]])
        return ParabolaInstance(start=start, minimum=np.zeros(len(seeds)))


class ParabolaInstance(Instance):
    """The parabola as some lanes meet it."""

    def loss(self, params: Array) -> Array:
        return params[0] ** 2 / 2

    def loss_and_grad(self, params: Array, batch: None = None) -> tuple[Array, Array]:
        return self.loss(params), params
