"""Some seeds of every setting: what is shown of a study with more runs than fit into memory.

The files are read twice, one at a time: to count the runs of each setting, then to choose
among its seeds. What is held meanwhile has the size of the sample, not of the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.engine.backend import BACKEND
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter
from experiments.store.parquet import read_table, readable

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

AT_ONCE = 1_000_000  # rows that wait until they are counted or chosen from, some 100 MB
MOST_ENDS = 4_000_000  # of ranges of seeds, some 200 MB; if they are more, the lowest seeds are taken
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Sample:
    """Some of the runs of a study.

    Attributes:
        seeds: how many there are of each setting, at most; of the tuning seeds as many again.
        rows: which rows of each runs file, by its name; files without any are left out.
        cells: a row for each optimizer, problem with its constants, and number of steps, and how
            many ``runs`` are stored of it.
    """

    seeds: int
    rows: Mapping[str, Integers]
    cells: pd.DataFrame


class Order(NamedTuple):
    """In which order seeds are taken: those of a stretch follow each other.

    ``first`` is the first seed of each stretch, ascending, and ``place`` its place.
    """

    first: Integers
    place: Integers

    def of(self, seed: Integers) -> Integers:
        """Return the place of each seed."""
        at = np.searchsorted(self.first, seed, "right") - 1
        return self.place[at] + seed - self.first[at]


def sampled(files: Sequence[Path], most: int) -> Sample:
    """Return at most so many of the runs in some files: as many seeds of each setting as fit.

    Tuning seeds count for themselves. Of the seeds that a setting has, those come first that
    the most optimizers have on the same problem, so that comparisons stay paired; then those
    that the most settings have, then the lowest. Of a run that is there twice the first is taken.

    Raises:
        ValueError: there are more settings.
    """
    groups, changes, cells = counted(files, most)
    seeds = most_seeds(groups["count"].to_numpy(), most)
    at, row = chosen_rows(files, np.sort(groups["group"].to_numpy()), orders_of(changes), seeds, most)
    ends = np.searchsorted(at, np.arange(len(files) + 1))
    stored = groups.groupby("cell")["count"].sum()
    return Sample(
        seeds=seeds,
        rows={
            file.name: row[first:end]
            for file, (first, end) in zip(files, pairwise(ends), strict=True)
            if first < end
        },
        cells=cells.assign(runs=cells["cell"].map(stored)).drop(columns="cell"),
    )


def most_seeds(runs: Integers, most: int) -> int:
    """Return of how many seeds of each group there are at most so many runs, given how many each has."""
    low, high = 1, int(runs.max(initial=1))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(runs, middle).sum() <= most else (low, middle - 1)
    return low


# What there is


def rows_in(file: Path) -> pd.DataFrame:
    """Return a row a run, in their order, with its settings and what it is counted by.

    Columns: ``instance``, a hash of the problem, its constants, the number of steps and what computed them;
    ``cell``, of those and the optimizer; ``group``, of those, the hyperparameters, and whether
    the seed is a tuning seed; then seed, optimizer, problem, steps and the constants.
    """
    with readable(file):
        names = pq.read_schema(file).names
    constants = [name for name in names if name.startswith("problem.")]
    instance = ["problem", "steps", *(name for name in BACKEND if name in names), *constants]
    optimizer = ["optimizer", *filter(is_hyperparameter, names)]
    table = read_table(file, columns=["seed", *instance, *optimizer])
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=True)
    problem = hashed(frame[instance])
    return frame[["optimizer", *instance]].assign(
        seed=frame["seed"].astype(np.int64),
        instance=problem,
        cell=joint(problem, hashed(frame[["optimizer"]])),
        group=joint(problem, hashed(frame[optimizer])) + (frame["seed"] >= FIRST_TUNING_SEED).to_numpy(),
    )


def hashed(frame: pd.DataFrame) -> Hashes:
    """Return a hash of each row: of equal values the same, whole numbers or not, whatever the file."""
    numbers = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return np.asarray(pd.util.hash_pandas_object(frame.astype(dict.fromkeys(numbers, float)), index=False))


def joint(one: Hashes, other: Hashes) -> Hashes:
    """Return a hash of two."""
    return one * np.uint64(0x9E3779B97F4A7C15) ^ other


class Counts:
    """How often each combination of some columns is there; what is there 0 times is not kept."""

    def __init__(self, *columns: str) -> None:
        self.columns = list(columns)
        self.parts: list[pd.DataFrame] = []

    def add(self, rows: pd.DataFrame, sign: int = 1) -> None:
        """Count these rows, or with the sign -1 take them off again."""
        self.parts.append(rows[self.columns].assign(count=sign))

    def total(self) -> pd.DataFrame:
        """Return a row for each combination, with its ``count``, and hold no more than that."""
        if len(self.parts) > 1:
            summed = pd.concat(self.parts).groupby(self.columns, as_index=False)["count"].sum()
            self.parts = [summed[summed["count"] != 0]]
        return self.parts[0]


def counted(files: Sequence[Path], most: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return how many runs each group has, where the seeds of each cell begin and end, and the cells.

    The second has the seeds at which the number of runs of a cell changes, and by how much: of
    a range of seeds there are two, however long it is.

    Raises:
        ValueError: there are more groups than ``most``.
    """
    groups, changes, cells = Counts("cell", "group"), Counts("instance", "cell", "seed"), list[pd.DataFrame]()
    waiting, kept = 0, True
    for file in files:
        rows = rows_in(file)
        groups.add(rows)
        if kept:
            changes.add(rows)
            changes.add(rows.assign(seed=rows["seed"] + 1), -1)
        cells.append(rows.drop_duplicates("cell").astype({"optimizer": str, "problem": str}))
        waiting += len(rows)
        if waiting > AT_ONCE or file == files[-1]:
            waiting, cells = 0, [pd.concat(cells).drop_duplicates("cell")]
            if len(groups.total()) > most:
                raise ValueError(
                    f"a report shows a run of each setting at least, at most {most:,} fit into memory, and "
                    "there are more settings"
                )
            kept = kept and len(changes.total()) <= MOST_ENDS
    names = [name for name in cells[0] if name not in ("instance", "group", "seed")]
    return groups.total(), changes.total()[:0] if not kept else changes.total(), cells[0][names]


# What is taken


def orders_of(changes: pd.DataFrame) -> dict[int, Order]:
    """Return for each instance in which order its seeds are taken, given where those of its cells begin."""
    found = {}
    for instance, part in changes.groupby("instance"):
        first = np.unique(part["seed"].to_numpy())
        runs = np.array([runs_from(first, cell) for _, cell in part.groupby("cell")])
        order = np.lexsort((first, -runs.sum(axis=0), -(runs > 0).sum(axis=0)))
        place = np.empty_like(first)
        lengths = np.diff(first, append=first[-1])[order]
        place[order] = np.cumsum(lengths) - lengths
        found[int(str(instance))] = Order(first, place)
    return found


def runs_from(first: Integers, changes: pd.DataFrame) -> Integers:
    """Return how many runs a cell has of each seed from these on, to before the next of them."""
    at = np.searchsorted(first, changes["seed"].to_numpy())
    added = np.bincount(at, weights=changes["count"].to_numpy(), minlength=len(first))
    return np.cumsum(added).astype(np.int64)


def chosen_rows(
    files: Sequence[Path], groups: Hashes, orders: Mapping[int, Order], seeds: int, most: int
) -> tuple[Integers, Integers]:
    """Return the file, by its number, and the row of each run that is taken, in their order."""
    parts, last = [np.empty((4, 0), np.int64)], np.full(len(groups), LAST)
    for number, file in enumerate(files):
        rows = rows_in(file)
        group, place = np.searchsorted(groups, rows["group"].to_numpy()), places(rows, orders)
        near = np.flatnonzero(place <= last[group])  # the others come after enough of the same group
        parts.append(np.stack([group[near], place[near], np.full(len(near), number), near]))
        if sum(part.shape[1] for part in parts) > most + AT_ONCE or file == files[-1]:
            parts = [first_seeds(np.concatenate(parts, axis=1), seeds, last)]
    order = np.lexsort(parts[0][:1:-1])
    return parts[0][2, order], parts[0][3, order]


def places(rows: pd.DataFrame, orders: Mapping[int, Order]) -> Integers:
    """Return the place of each row's seed in the order of its instance; the seed itself if there is none."""
    found = rows["seed"].to_numpy().copy()
    for instance in rows["instance"].unique() if orders else ():
        of = (rows["instance"] == instance).to_numpy()
        found[of] = orders[int(instance)].of(found[of])
    return found


def first_seeds(found: Integers, seeds: int, last: Integers) -> Integers:
    """Return the first so many places of each group, and enter the last of them in ``last``.

    ``found`` is (4, rows): group, place, file, row. Each place is taken once.
    """
    found = found[:, np.lexsort(found[::-1])]
    found = found[:, np.any(np.diff(found[:2], axis=1, prepend=-1) != 0, axis=0)]
    begins = np.flatnonzero(np.diff(found[0], prepend=-1))
    rank = np.arange(found.shape[1]) - np.repeat(begins, np.diff(begins, append=found.shape[1]))
    full = rank == seeds - 1
    last[found[0, full]] = found[1, full]
    return found[:, rank < seeds]
