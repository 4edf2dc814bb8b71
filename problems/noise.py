"""Noise on gradients, drawn from a lane's own seed."""

from functools import lru_cache

import numpy as np

from problems.base import Array, Seeds

STRETCH = 64  # steps whose noise is drawn together: to make a generator costs as much as hundreds of numbers


def unit_noise(seeds: Seeds, first: int, count: int, dim: int) -> Array:
    """Return the unit normal noise of so many steps from ``first`` on: (count, dim, lanes).

    What a lane gets at a step depends on its seed and the step alone.
    """
    distinct, lane = np.unique(seeds, return_inverse=True)
    noise = np.empty((count, dim, len(distinct)))
    end = first + count
    for stretch in range(first // STRETCH, (end - 1) // STRETCH + 1):
        start = stretch * STRETCH
        low, high = max(first, start), min(end, start + STRETCH)
        for column, seed in enumerate(distinct):
            noise[low - first : high - first, :, column] = drawn(int(seed), stretch, dim)[
                low - start : high - start
            ]
    return noise.take(lane, axis=2)


@lru_cache(maxsize=256)
def drawn(seed: int, stretch: int, dim: int) -> Array:
    """Return the noise of a stretch of steps, (STRETCH, dim)."""
    return np.random.default_rng([seed, stretch, 1]).standard_normal((STRETCH, dim))
