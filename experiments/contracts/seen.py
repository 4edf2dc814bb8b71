"""A problem as an optimizer sees it, by lanes of a few seeds."""

from __future__ import annotations

import numpy as np

from problems import Instance, Problem

LANES = 64


SEEDS = np.resize([0, 3, 7, 3], LANES)


STEP = 3


def seen(
    problem: Problem,
    instance: Instance,
    params: np.ndarray,
    step: int | None,
    seeds: np.ndarray = SEEDS,
) -> tuple[np.ndarray, np.ndarray]:
    """Return loss and gradient as the optimizer sees them at a step, or on all data."""
    return instance.loss_and_grad(params, None if step is None else problem.batch(seeds, step))


def near_start(instance: Instance, scale: float = 1.0) -> np.ndarray:
    """Return parameters around the start, shape (dim, lanes)."""
    noise = np.random.default_rng(0).standard_normal(instance.start.shape)
    return instance.start + scale * noise
