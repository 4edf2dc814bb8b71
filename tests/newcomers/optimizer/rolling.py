"""Momentum, with one hyperparameter that is no learning rate, and a bare array as its state."""

from dataclasses import dataclass

import numpy as np

from optim.base import Array, Hyper, Optimizer, hyper, register


@register("rolling")
@dataclass(frozen=True, kw_only=True)
class Rolling(Optimizer):
    """A ball that keeps a share of its speed."""

    decay: Hyper = hyper(0.5, low=0, high=1, open_high=True)

    def init(self, params: Array) -> Array:
        return np.zeros_like(params)

    def update(self, grads: Array, state: Array, params: Array) -> tuple[Array, Array]:
        velocity = self.decay * state - 0.01 * grads
        return velocity, velocity
