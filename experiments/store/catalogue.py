"""Which files may hold some runs, told by the bounds of their settings in each file's footer.

A list of the ids that are stored would grow with the study. A file holds runs that follow each
other in a grid, so few files meet a stretch of a grid, and only their ids need be read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from experiments.store.parquet import Damaged, readable
from experiments.store.seal import check_footer
from optim.base import Array, Optimizer
from optim.wrapper import Wrapper
from problems.base import Problem

FIRST_ROOM = 64  # files


class Bounds(NamedTuple):
    """The least and the greatest value of each setting, (settings,) each.

    Of a setting that is no number, or missing, -inf and inf; of no runs at all, inf and -inf.
    """

    low: Array
    high: Array


def settings_of(optimizer: Optimizer, problem: Problem) -> list[str]:
    """Return the columns of runs that say what their settings are."""
    hyperparameters = [f"optimizer.{field.name}" for part in (optimizer, Wrapper) for field in fields(part)]
    constants = [f"problem.{field.name}" for field in fields(problem)]
    return ["seed", "steps", *hyperparameters, *constants]


def bounds_of(values: Mapping[Any, Any], settings: Sequence[str]) -> Bounds:
    """Return the bounds of these settings, given their values: a frame of runs, or a list for each."""
    ends = np.array([ends_of(np.asarray(values[key])) for key in settings])
    return Bounds(ends[:, 0], ends[:, 1])


def ends_of(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    low, high = (values.min(), values.max()) if values.dtype.kind in "iuf" else (np.nan, np.nan)
    return (-np.inf, np.inf) if np.isnan(low) else (float(low), float(high))


def bounds_in(
    file: Path, settings: Sequence[str], is_current: Callable[[Mapping[str, str]], bool] | None = None
) -> Bounds:
    """Return the bounds of the runs in a file; of none if by what its footer tells they are not current.

    Where the footer is not the one that was written, there are no bounds: there may be any run.
    """
    try:
        with readable(file):
            check_footer(file)
            footer = pq.read_metadata(file)
    except Damaged:
        return Bounds(np.full(len(settings), -np.inf), np.full(len(settings), np.inf))
    told = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
    if is_current is not None and not is_current(told):
        return Bounds(np.full(len(settings), np.inf), np.full(len(settings), -np.inf))
    place = {footer.schema.column(i).path: i for i in range(footer.num_columns)}
    groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
    ends = np.array(
        [joint(g.column(place[key]).statistics if key in place else None for g in groups) for key in settings]
    )
    return Bounds(ends[:, 0], ends[:, 1])


def joint(parts: Iterable[Any]) -> tuple[float, float]:
    """Return the ends of a column, given what the footer tells of each part of it."""
    low, high = np.inf, -np.inf
    for part in parts:
        known = part is not None and part.has_min_max and not part.null_count
        if not known or isinstance(part.min, bool) or not isinstance(part.min, int | float):
            return -np.inf, np.inf
        low, high = min(low, part.min), max(high, part.max)
    return low, high


class Catalogue:
    """The runs files of one optimizer on one problem, each with the bounds of its settings.

    It grows by a file at a time, with room for as many again: of ten thousand files none is
    copied for the next.
    """

    def __init__(self, settings: Sequence[str]) -> None:
        self.settings = settings
        self.names: list[str] = []
        self.ends = np.empty((2, len(settings), 0))  # low and high; (2, settings, room)

    def add(self, name: str, bounds: Bounds) -> None:
        """Enter a file."""
        if len(self.names) == self.ends.shape[2]:
            more = np.empty((2, len(self.settings), max(len(self.names), FIRST_ROOM)))
            self.ends = np.concatenate([self.ends, more], axis=2)
        self.ends[:, :, len(self.names)] = bounds
        self.names.append(name)

    def drop(self, gone: Set[str]) -> None:
        """Strike files out."""
        kept = [place for place, name in enumerate(self.names) if name not in gone]
        if len(kept) < len(self.names):
            self.names = [self.names[place] for place in kept]
            self.ends = self.ends[:, :, kept]

    def meeting(self, runs: Bounds) -> list[str]:
        """Return the names of the files whose bounds meet those of the runs."""
        low, high = self.ends[:, :, : len(self.names)]
        near = np.all((low <= runs.high[:, None]) & (high >= runs.low[:, None]), axis=0)
        return list(itertools.compress(self.names, near.tolist()))
