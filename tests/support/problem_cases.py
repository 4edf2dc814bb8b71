"""What the tests of problems share."""

import numpy as np

from problems import Instance

LANES = 64


SEEDS = np.resize([0, 3, 7, 3], LANES)


STEP = 3


def near_start(instance: Instance, scale: float = 1.0) -> np.ndarray:
    """Return parameters around the start, shape (dim, lanes)."""
    noise = np.random.default_rng(0).standard_normal(instance.start.shape)
    return instance.start + scale * noise
