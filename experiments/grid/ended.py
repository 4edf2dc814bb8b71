"""What came of a grid: what was run, what failed, and the results to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.grid.forecast import Forecast
from experiments.grid.worker import Outcome
from experiments.request.product import Product
from experiments.store import Store

MOST_SHOWN = 10_000_000  # runs: their table takes 160 MB a million


@dataclass(frozen=True)
class Ended:
    """What came of a grid.

    Attributes:
        folder: of the study.
        command: what the user typed.
        outcome: how many runs were run and reused, and what failed.
        reported: what was asked for, a product a cell.
        results: one row a run that is stored, a table a cell; None if they are too many to compare.
    """

    folder: Path
    command: str
    outcome: Outcome
    reported: Sequence[Product]
    results: Sequence[pd.DataFrame] | None

    @property
    def is_one_run(self) -> bool:
        """Whether a single run was asked for."""
        return is_one_run(self.reported)


@dataclass(frozen=True)
class Foretold:
    """What a grid will take, of which nothing was run.

    Attributes:
        cells: what each takes.
        jobs: into how many it is cut.
        workers: how many jobs run at once.
        seconds: until the last has ended.
    """

    cells: Sequence[Forecast]
    jobs: int
    workers: int
    seconds: float


def results_of(store: Store, reported: Sequence[Product]) -> list[pd.DataFrame] | None:
    """Return of each product one row a run, as far as it is stored; None if they are too many.

    Of a single run it is all that is stored of it, of a grid what tells the best settings.
    """
    if is_one_run(reported):
        return [store.runs_of(reported[0].cell())]
    if sum(len(product) for product in reported) > MOST_SHOWN:
        return None
    fixed = ["optimizer", "problem", "steps", "optimizer.lr", *differing([p.allowed for p in reported])]
    with store.looking_once():
        return [store.results(product, ["status", "suboptimality"], fixed) for product in reported]


def is_one_run(reported: Sequence[Product]) -> bool:
    return len(reported) == len(reported[0]) == 1


def differing(allowed: Sequence[Mapping[str, Sequence[Any]]]) -> list[str]:
    """Return the settings that are not the same number in all cells that have them."""
    keys = dict.fromkeys(key for each in allowed for key in each)
    return [key for key in keys if len({each[key][0] for each in allowed if key in each}) > 1]
