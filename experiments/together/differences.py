"""Which numbers of the same runs differ, and by how much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.tables import PAIR
from experiments.tables.varying import varying
from experiments.together.matching import OF_FILE, Matched, settings_in

NO_NUMBER = ("run", "seconds", *OF_FILE)
"""The columns of runs, beside their settings, that are no result of theirs."""

BY_NUMBER = ["number", "runs", "differ", "missing", "largest", "relative", "median", "run", "other_run"]


def numbers_in(runs: pd.DataFrame) -> list[str]:
    """Return the columns that say how runs ended."""
    settings = settings_in(runs)
    return [key for key in map(str, runs) if key not in settings and key not in NO_NUMBER]


def shared_numbers(found: Matched) -> list[str]:
    """Return the numbers that runs of both studies have."""
    return [key for key in numbers_in(found.one) if key in numbers_in(found.other)]


def differing(found: Matched, tolerance: float = 0.0) -> pd.DataFrame:
    """Return for each pair of runs (rows) and number (columns) whether it differs.

    Missing numbers are equal. Two numbers differ if they lie apart by more than ``tolerance`` times
    the larger of them; a number and a missing one, or an infinite one, always do.
    """
    return pd.DataFrame(
        {key: differs(found.one[key], found.other[key], tolerance) for key in shared_numbers(found)},
        index=found.one.index,
    )


def differs(one: pd.Series, other: pd.Series, tolerance: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which of these values differ, see ``differing``."""
    equal = (one.to_numpy(object) == other.to_numpy(object)) | (one.isna() & other.isna()).to_numpy()
    if tolerance and is_numeric(one, other):
        equal |= relative(one, other) <= tolerance
    return np.asarray(~equal.astype(bool))


def is_numeric(*columns: pd.Series) -> bool:
    return all(pd.api.types.is_numeric_dtype(column.dtype) or column.isna().all() for column in columns)


def relative(one: pd.Series, other: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return how far two numbers lie apart, in parts of the larger: 0 if they are equal or both missing.

    Infinite if one of them is missing or infinite.
    """
    a, b = (column.to_numpy(np.float64, na_value=np.nan) for column in (one, other))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    return np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))


def by_number(found: Matched, differ: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Return a row for each number, within each value of the columns ``by``: how often it differs, how far.

    Columns: by, number, runs, differ, missing (pairs of which one alone has a finite number), then of
    the pairs with two numbers that differ: largest (absolute difference), relative (the largest in
    parts of the larger number), median (of the relative ones); run and other_run, the ids of the pair
    that lies furthest apart. Of a word, as status, there are no distances.
    """
    groups = found.one.groupby(list(by), observed=True).groups if by else {(): found.one.index}
    rows = []
    for names, index in groups.items():
        one, other = found.one.loc[index], found.other.loc[index]
        label = names if isinstance(names, tuple) else (names,)
        rows += [(*label, *row_of(key, one, other, differ.loc[index, key])) for key in map(str, differ)]
    return pd.DataFrame(rows, columns=[*by, *BY_NUMBER])


def row_of(key: str, one: pd.DataFrame, other: pd.DataFrame, differ: pd.Series) -> tuple[object, ...]:
    """Return the row of one number of some runs, see ``by_number``."""
    if not is_numeric(one[key], other[key]):
        ends, missing, furthest = (np.nan, np.nan, np.nan), 0, differ.idxmax()
    else:
        apart = pd.Series(relative(one[key], other[key]), index=one.index)[differ]
        measured = apart[np.isfinite(apart)]
        absolute = (one[key].astype(float) - other[key].astype(float)).abs()[measured.index]
        ends = (absolute.max(), measured.max(), measured.median())
        missing = len(apart) - len(measured)
        furthest = measured.idxmax() if len(measured) else differ.idxmax()
    ids = (one.at[furthest, "run"], other.at[furthest, "run"]) if differ.any() else ("", "")
    return (key, len(one), int(differ.sum()), missing, *map(float, ends), *ids)


def pairs_that_differ(found: Matched, differ: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """Return the pairs of runs that differ: their settings, both ids, and both values of what differs."""
    rows = differ.any(axis=1)
    one, other = found.one[rows], found.other[rows]
    told = [
        key for key in settings_in(one) if key in (*PAIR, "seed") or key in varying(one, settings_in(one))
    ]
    columns = {key: one[key] for key in told}
    columns |= {f"run ({name})": side["run"] for name, side in zip(names, (one, other), strict=True)}
    for key in map(str, differ):
        if differ.loc[rows, key].any():
            columns |= {f"{key} ({name})": side[key] for name, side in zip(names, (one, other), strict=True)}
    return pd.DataFrame(columns)
