"""Data from scikit-learn and of MNIST-1D, split once, and the order in which minibatches go through it."""

import random
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from problems.base import Array, Seeds

# scikit-learn and mnist1d are imported where they are used: they cost a second that others need not pay
DATA_SETS = ("breast_cancer", "digits", "wine")


class Split(NamedTuple):
    """Standardised features with a last column of ones, and class labels from 0."""

    x_train: Array
    x_test: Array
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


@lru_cache
def load_split(data: str, test_size: float) -> Split:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=test_size, stratify=y, random_state=0)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = (np.insert(scaler.transform(part), x.shape[1], 1, axis=1) for part in (x_train, x_test))
    return Split(x_train, x_test, y_train, y_test)


@lru_cache
def load_pixels() -> Array:
    """Return the pixels of all digits, (examples, 64), from 0 to 1."""
    from sklearn.datasets import load_digits

    return np.asarray(load_digits(return_X_y=True)[0] / 16, dtype=np.float64)


@lru_cache
def load_mnist1d() -> Split:
    """Return MNIST-1D (Greydanus & Kobak, 2024), made by its authors' package from their seed and split."""
    from mnist1d.data import make_dataset
    from sklearn.preprocessing import StandardScaler

    before = random.getstate(), np.random.get_state()  # the package seeds both
    try:
        made = make_dataset()
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    scaler = StandardScaler().fit(made["x"])
    x_train, x_test = (
        np.insert(scaler.transform(made[n]), made["x"].shape[1], 1, axis=1) for n in ("x", "x_test")
    )
    return Split(x_train, x_test, made["y"].astype(np.int64), made["y_test"].astype(np.int64))


@lru_cache(maxsize=1 << 12)
def epoch_order(seed: int, epoch: int, examples: int) -> NDArray[np.int64]:
    """Return the order in which ``seed`` goes through the examples in that epoch."""
    return np.random.default_rng([seed, epoch]).permutation(examples)


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
