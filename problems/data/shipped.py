"""Data that scikit-learn ships, and MNIST-1D."""

import random
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problems.base import Array
from problems.data.split import CLASSES, NUMBERS, Split, Unusable, nearest, split_of, standardised, with_ones

# scikit-learn and mnist1d are imported where they are used: they cost a second that others need not pay
SHIPPED = {CLASSES: ("breast_cancer", "digits", "iris", "wine"), NUMBERS: ("diabetes", "linnerud")}
"""The tables that scikit-learn holds itself, without a download."""

TARGETS = {"linnerud": ("Weight", "Waist", "Pulse")}
"""The columns of which one is predicted, where there are several; the first if none is named."""


@lru_cache
def load_split(data: str, test_size: float, target: str | None = None) -> Split:
    """Return a table of scikit-learn's in two parts, always alike.

    Raises:
        Unusable: there is no such target.
    """
    x, y = columns_of(data, target)
    return split_of(x, y, test_size, CLASSES if data in SHIPPED[CLASSES] else NUMBERS)


def columns_of(data: str, target: str | None) -> tuple[Array, NDArray[Any]]:
    """Return the features (rows, features) and what is predicted (rows,)."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    if data in TARGETS:
        names = TARGETS[data]
        if target is not None and target not in names:
            raise Unusable(f"target={target}: there is no such column; {nearest(target, names)}")
        return x, y[:, names.index(target or names[0])]
    if target is not None:
        raise Unusable(f"target must be null, as there is only one, got {target!r}")
    return x, y


@lru_cache
def load_pixels() -> Array:
    """Return the pixels of all digits, (examples, 64), from 0 to 1."""
    from sklearn.datasets import load_digits

    return np.asarray(load_digits(return_X_y=True)[0] / 16, dtype=np.float64)


@lru_cache
def load_mnist1d() -> Split:
    """Return MNIST-1D (Greydanus & Kobak, 2024), made by its authors' package from their seed and split."""
    from mnist1d.data import make_dataset

    before = random.getstate(), np.random.get_state()  # the package seeds both
    try:
        made = make_dataset()
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    x_train, x_test = (with_ones(part) for part in standardised(made["x"], made["x_test"]))
    return Split(x_train, x_test, made["y"].astype(np.int64), made["y_test"].astype(np.int64))
