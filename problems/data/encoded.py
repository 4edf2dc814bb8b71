"""A table of numbers, texts and booleans -> a matrix of features, and what is predicted."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problems.base import Array
from problems.data.split import (
    CLASSES,
    MOST_CLASSES,
    Split,
    Unusable,
    counted,
    nearest,
    predictable,
    rows_of,
    standardised,
    with_ones,
)

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("refuse", "mean", "median", "most_frequent", "drop")
MOST_KINDS = 100  # texts of one column
MOST_FEATURES = 5000
LARGEST_NUMBER = 1e150  # whose square is still a number
LEAVE_OUT = "leave it out of the file, or write it as numbers"


def encoded(
    frame: "pd.DataFrame", target: str | None, missing: str, test_size: float, predicted: str
) -> Split:
    """Return a table in two parts, all that is learnt of it learnt from the rows to train on.

    Numbers are standardised. Texts, booleans and categories become a column of 0 and 1 for each
    text; one column if there are two texts, for the second by the alphabet. A text that only rows
    held out have is none of them. Columns that do not vary are left out.

    Raises:
        Unusable: it cannot be; the message names the column and what is allowed.
    """
    names = [str(name) for name in frame.columns]
    if target is None:
        raise Unusable(f"target must be the column that is to be predicted; {nearest('', names)}")
    if target not in names:
        raise Unusable(f"target={target}: there is no such column; {nearest(target, names)}")
    frame = complete(frame.set_axis(names, axis="columns"), target, missing)
    y: NDArray[Any] = classes_of(frame[target]) if predicted == CLASSES else numbers_of(frame[target])
    train, test = rows_of(y, test_size, predicted)
    if predicted == CLASSES:
        check_classes(frame[target], y, train, test_size)
    columns = [column_of(frame[name], train, missing) for name in names if name != target]
    x = np.concatenate([np.zeros((len(frame), 0)), *columns], axis=1)
    if not x.shape[1]:
        raise Unusable("no column varies, other than the target")
    if x.shape[1] > MOST_FEATURES:
        raise Unusable(f"{x.shape[1]:,} features, at most {MOST_FEATURES:,}")
    x_train, x_test = (with_ones(x[part]) for part in (train, test))
    return Split(x_train, x_test, *predictable(y, train, test, predicted))


def complete(frame: "pd.DataFrame", target: str, missing: str) -> "pd.DataFrame":
    """Return a table whose target has all its values, and the others too unless they are filled in later."""
    counts = frame.isna().sum()
    lacking = [str(name) for name in counts.index[counts > 0]]
    if missing == "refuse" and lacking:
        more = f", as are values of {counted(len(lacking) - 1, 'other column')}" if lacking[1:] else ""
        raise Unusable(
            f"column {lacking[0]!r} is missing in {counted(int(counts[lacking[0]]), 'row')}{more}; "
            f"missing={', '.join(MISSING[1:-1])} or {MISSING[-1]} says what then"
        )
    if missing == "drop":
        frame = frame.dropna(ignore_index=True)
        if frame.empty:
            raise Unusable("missing=drop leaves no row")
    if frame[target].isna().any():
        raise Unusable(
            f"the target {target!r} is missing in {counted(int(counts[target]), 'row')} and never filled in; "
            "missing=drop leaves these rows out"
        )
    return frame


def is_number(column: "pd.Series") -> bool:
    """Tell whether a column is of numbers, which booleans are not."""
    import pandas as pd

    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(column.dtype) and not kinds.is_bool_dtype(column.dtype))


def classes_of(column: "pd.Series") -> NDArray[np.int64]:
    """Return the class of each row, counted from 0 in the order of numbers or of the alphabet."""
    values = column.to_numpy() if is_number(column) else column.astype(str).to_numpy(dtype=str)
    kinds, codes = np.unique(values, return_inverse=True)
    if len(kinds) < 2:
        raise Unusable(f"the target {column.name!r} has one class only, {kinds[0]}")
    if len(kinds) > MOST_CLASSES:
        raise Unusable(
            f"the target {column.name!r} has {len(kinds):,} classes, at most {MOST_CLASSES}; "
            "problem=least_squares predicts numbers"
        )
    counts = np.bincount(codes)
    if counts.min() < 2:
        raise Unusable(
            f"the class {kinds[counts.argmin()]} of the target {column.name!r} has one row only; each needs "
            "one to train on and one held out"
        )
    return codes.astype(np.int64)


def check_classes(
    column: "pd.Series", y: NDArray[np.int64], train: NDArray[np.int64], test_size: float
) -> None:
    """Raise Unusable if no row to train on has some class."""
    lacking = np.setdiff1d(y, y[train])
    if len(lacking):
        first = column.iloc[int(np.flatnonzero(y == lacking[0])[0])]
        raise Unusable(
            f"the class {first} of the target {column.name!r} has "
            f"{counted(int((y == lacking[0]).sum()), 'row')}, none to train on with test_size={test_size}"
        )


def numbers_of(column: "pd.Series") -> Array:
    """Return the numbers that are predicted."""
    if not is_number(column):
        raise Unusable(
            f"the target {column.name!r} is no number, as {str(column.iloc[0])!r}; "
            "problem=logistic predicts classes"
        )
    return finite(column)


def finite(column: "pd.Series") -> Array:
    """Return numbers as float64, whole ones less the least of them; Unusable if some are too large.

    Whole numbers of more than 16 digits, as ids are, are else no longer told apart.
    """
    if column.dtype.kind in "iu":
        whole = column.to_numpy()
        return np.asarray((whole - whole.min()).view(f"u{whole.dtype.itemsize}"), dtype=np.float64)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    large = int((np.abs(numbers) > LARGEST_NUMBER).sum())
    if large:
        raise Unusable(f"column {column.name!r} is beyond {LARGEST_NUMBER:g} in {counted(large, 'row')}")
    return numbers


def column_of(column: "pd.Series", train: NDArray[np.int64], missing: str) -> Array:
    """Return the features that a column makes, (rows, features); none if it does not vary."""
    if column.iloc[train].isna().all():
        raise Unusable(f"column {column.name!r} has no value in the rows to train on; {LEAVE_OUT}")
    return numeric(column, train, missing) if is_number(column) else one_hot(column, train)


def numeric(column: "pd.Series", train: NDArray[np.int64], missing: str) -> Array:
    numbers = finite(column)
    known = numbers[train][~np.isnan(numbers[train])]
    kinds, counts = np.unique(known, return_counts=True)
    fill = {"mean": known.mean(), "median": np.median(known), "most_frequent": kinds[counts.argmax()]}
    numbers = np.where(np.isnan(numbers), fill.get(missing, np.nan), numbers)[:, None]
    if np.ptp(numbers[train]) == 0:
        return numbers[:, :0]
    numbers = numbers - known[0]  # large numbers that hardly vary keep their digits
    return standardised(numbers[train], numbers)[1]


def one_hot(column: "pd.Series", train: NDArray[np.int64]) -> Array:
    """Return a column of 0 and 1 for each text; what is missing has the text that is most frequent."""
    known = column.iloc[train].dropna().astype(str)
    kinds, counts = np.unique(known.to_numpy(dtype=str), return_counts=True)
    if len(kinds) > min(MOST_KINDS, max(len(train) // 2, 2)):
        raise Unusable(
            f"column {column.name!r} has {len(kinds):,} different texts in {counted(len(train), 'row')}, as "
            f"{str(kinds[0])!r}: too many for categories (at most {MOST_KINDS}, and half of the rows); "
            f"{LEAVE_OUT}"
        )
    texts = column.astype(str).where(column.notna(), str(kinds[counts.argmax()])).to_numpy(dtype=str)
    if len(kinds) == 1:
        return np.zeros((len(texts), 0))
    columns: Any = texts[:, None] == (kinds[1:] if len(kinds) == 2 else kinds)
    return np.asarray(columns, dtype=np.float64)
