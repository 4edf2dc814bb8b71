"""Which files may hold some runs, told by the bounds of their settings in each file's footer.

A list of the ids that are stored would grow with the study. A file holds runs that follow each
other in a grid, so few files meet a stretch of a grid, and only their ids need be read.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from experiments.lanes import Cell
from experiments.parquet import readable
from experiments.seal import check_footer
from optim.base import Array


class Bounds(NamedTuple):
    """The least and the greatest value of each setting, (settings,) each; of no runs at all, inf and -inf."""

    low: Array
    high: Array


def varying(cell: Cell) -> list[str]:
    """Return the settings that may differ between the runs of such a cell, all of them numbers."""
    return ["seed", "steps", *(f"optimizer.{name}" for name in cell.optimizer.hyperparameters())]


def bounds_of(cell: Cell) -> Bounds:
    """Return the bounds of the runs of a cell."""
    settings = cell.runs[varying(cell)].to_numpy(np.float64)
    return Bounds(settings.min(axis=0), settings.max(axis=0))


def bounds_in(file: Path, cell: Cell) -> Bounds:
    """Return the bounds of the runs in a file, as far as they may be runs of such a cell.

    Raises:
        Damaged: its footer is not the one that was written.
    """
    with readable(file):
        check_footer(file)
        footer = pq.read_metadata(file)
    settings = varying(cell)
    if footer.metadata[b"code"].decode() != cell.code:
        return Bounds(np.full(len(settings), np.inf), np.full(len(settings), -np.inf))
    return ends_in(footer, settings)


def first_seed(file: Path) -> int:
    """Return the least seed of the runs in a file.

    Raises:
        Damaged: its footer is not the one that was written.
    """
    with readable(file):
        check_footer(file)
        return int(ends_in(pq.read_metadata(file), ["seed"]).low[0])


def ends_in(footer: pq.FileMetaData, settings: Sequence[str]) -> Bounds:
    """Return the bounds that a footer gives of these columns, all of them numbers."""
    place = {footer.schema.column(i).path: i for i in range(footer.num_columns)}
    groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
    ends = [[group.column(place[key]).statistics for group in groups] for key in settings]
    return Bounds(
        np.array([min(end.min for end in each) for each in ends], np.float64),
        np.array([max(end.max for end in each) for each in ends], np.float64),
    )


def meeting(files: Mapping[str, Bounds], runs: Bounds) -> Sequence[str]:
    """Return the names of the files whose bounds meet those of the runs."""
    if not files:
        return []
    low, high = (np.stack(ends) for ends in zip(*files.values(), strict=True))
    near = np.all((low <= runs.high) & (high >= runs.low), axis=1)
    return list(itertools.compress(files, near.tolist()))
