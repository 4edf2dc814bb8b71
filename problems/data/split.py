"""Data in two parts, one to train on and one held out."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from problems.base import Array

# scikit-learn is imported where it is used: it costs a second that others need not pay
MOST_CLASSES = 100
CLASSES, NUMBERS = "classes", "numbers"
"""What is predicted: which of some classes, or a number."""


class Split(NamedTuple):
    """Standardised features with a last column of ones, and what is predicted.

    That is a class, counted from 0, or a number, less its median and over its standard deviation.
    """

    x_train: Array
    x_test: Array
    y_train: NDArray[Any]
    y_test: NDArray[Any]


class Unusable(ValueError):
    """Data that cannot be had or used; the message says why in one line."""


def split_of(x: Array, y: NDArray[Any], test_size: float, predicted: str) -> Split:
    """Return rows split once, by classes if there are such; see ``rows_of``."""
    train, test = rows_of(y, test_size, predicted)
    x_train, x_test = (with_ones(part) for part in standardised(x[train], x[test]))
    return Split(x_train, x_test, *predictable(y, train, test, predicted))


def predictable(
    y: NDArray[Any], train: NDArray[np.int64], test: NDArray[np.int64], predicted: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both parts of what is predicted; numbers less their median, over their deviation.

    The median and not the mean, after which least squares would have an intercept whose gradient is 0
    but for rounding, at the start and for ever: adaptive methods would magnify that.
    """
    if predicted == CLASSES:
        return y[train], y[test]
    if np.ptp(y[train]) == 0:
        raise Unusable(f"the target is the same, {y[train][0]:g}, in all rows to train on")
    y = (y - np.median(y[train])) / y[train].std()
    return y[train], y[test]


def rows_of(y: NDArray[Any], test_size: float, predicted: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on and those held out: of each class the same share, always alike.

    Raises:
        Unusable: there are too few.
    """
    from sklearn.model_selection import train_test_split

    held_out = int(np.ceil(test_size * len(y)))
    least = len(np.unique(y)) if predicted == CLASSES else 2
    if min(held_out, len(y) - held_out) < least:
        wanted = f"the {least} classes" if predicted == CLASSES else "2"
        raise Unusable(
            f"test_size={test_size} of {counted(len(y), 'row')} leaves {len(y) - held_out} to train on and "
            f"{held_out} held out, which must not be fewer than {wanted}"
        )
    train, test = train_test_split(
        np.arange(len(y)), test_size=test_size, stratify=y if predicted == CLASSES else None, random_state=0
    )
    return train, test


def standardised(train: Array, test: Array) -> tuple[Array, Array]:
    """Return columns less their mean and over their deviation, if it is not 0, of those to train on."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def with_ones(x: Array) -> Array:
    """Return columns and a last one of ones."""
    return np.insert(x, x.shape[1], 1, axis=1)


def counted(count: int, noun: str) -> str:
    """Return a number and what it counts: 1 row, 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def nearest(name: str, names: Sequence[str], most: int = 12) -> str:
    """Return in words which names there are: those like this one, or the first."""
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"near that: {', '.join(near)}"
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"there are {', '.join(names[:most])}{more}"
