"""The order in which minibatches go through the data."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from problems.base import Seeds

MANY_EXAMPLES = 1 << 13
"""From here on fewer orders are kept: a million examples are 4 MB each."""


def epoch_order(seed: int, epoch: int, examples: int) -> NDArray[np.int32]:
    """Return the order in which ``seed`` goes through the examples in that epoch."""
    return (long_order if examples > MANY_EXAMPLES else short_order)(seed, epoch, examples)


def drawn_order(seed: int, epoch: int, examples: int) -> NDArray[np.int32]:
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)


short_order = lru_cache(maxsize=1 << 12)(drawn_order)
long_order = lru_cache(maxsize=1 << 8)(drawn_order)


def batch_rows(seeds: Seeds, first: int, count: int, size: int, examples: int) -> NDArray[np.int32]:
    """Return the rows of the minibatches of so many steps from ``first`` on: (count, size, lanes).

    Each epoch is a new permutation that a lane's seed draws, cut into whole batches; what is
    left over is not used in that epoch.
    """
    distinct, lane = np.unique(seeds, return_inverse=True)
    rows = np.empty((count, size, len(distinct)), dtype=np.int32)
    for number, step in enumerate(range(first, first + count)):
        epoch, batch = divmod(step, examples // size)
        for column, seed in enumerate(distinct):
            order = epoch_order(int(seed), epoch, examples)
            rows[number, :, column] = order[batch * size : (batch + 1) * size]
    return rows.take(lane, axis=2)
