"""What a study holds now: read while other processes write to it, without what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments import tables
from experiments.grid.failures import Failure, outstanding, read_failures
from experiments.reports.alarms import alarms
from experiments.store import MOST_READ, Store
from experiments.store.parquet import Damaged
from experiments.tables.coverage import Where
from experiments.tables.distinct import distinct
from experiments.tuning.protocol import budgets, split
from experiments.wording import counted

ATTEMPTS = 3  # at a study whose files go while they are read
MOST_LINES = 6  # of files that cannot be read


@dataclass(frozen=True)
class Seen:
    """What a study holds.

    Attributes:
        store: from which it was read, without what cannot be read.
        runs: each setting and seed once; of a study that is too large, a sample, or none.
        stored: how many runs of the present code there are, copies too.
        files: in how many files.
        failures: of runs that are not stored.
        unread: what is wrong with the files that cannot be read, a line each.
        left_out: what the runs are without, these files included, a line each.
    """

    store: Store
    runs: pd.DataFrame
    stored: int
    files: int
    failures: Sequence[Failure]
    unread: Sequence[str]
    left_out: Sequence[str]

    @property
    def count(self) -> int:
        """How many runs there are."""
        whole = self.store.sample is None and not self.runs.empty
        return len(self.runs) if whole else self.stored


def read(folder: Path) -> Seen:
    """Return what a study holds.

    Raises:
        Damaged: its files go, time and again, while they are read.
    """
    store, faults = Store(folder, read_only=True), list[Damaged]()
    for _ in range(ATTEMPTS - 1):
        try:
            return taken(store, faults)
        except Damaged:
            faults += store.without_damaged()
    return taken(store, faults)


def taken(store: Store, faults: Sequence[Damaged]) -> Seen:
    """Return what a store holds, with what is wrong with the files that it is without.

    Raises:
        Damaged: there is another such file.
    """
    files = store.files("runs", outdated=False)
    stored = sum(store.footer(file).rows for file in files)
    shown, too_many = store, list[str]()
    try:
        shown = store.within(MOST_READ)
    except ValueError as error:  # more settings than fit into memory
        too_many = [f"all runs from the table, {error}"]
    runs = pd.DataFrame() if too_many else distinct(shown.runs(), shown.with_params())
    written, bad = read_failures(store.folder)
    whole = shown.sample is None and not runs.empty
    failures = outstanding(written, set(runs["run"].astype(str)) if written and whole else set())
    lost = list(unread(faults))
    left_out = [*too_many, *lost, *older(store)]
    if shown.sample is not None:
        left_out.append(f"{stored - len(runs):,} of {counted(stored, 'run')}, more than fit into memory")
    if bad:
        left_out.append(f"{counted(bad, 'line')} of the list of failures that cannot be read")
    return Seen(shown, runs, stored, len(files), failures, lost, left_out)


def prepared(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs as tables take them, labelled, with the column of the learning rate."""
    if runs.empty:
        return tables.labelled(runs)
    runs = tables.numbered(tables.labelled(runs))
    return runs if tables.LR in runs else runs.assign(**{tables.LR: np.nan})


def unread(faults: Sequence[Damaged]) -> Iterator[str]:
    """Yield a line for each file that cannot be read, or for the first of many."""
    yield from (f"{fault}" for fault in faults[:MOST_LINES])
    if len(faults) > MOST_LINES:
        yield f"{counted(len(faults) - MOST_LINES, 'more file')} that cannot be read"


def older(store: Store) -> Iterator[str]:
    """Yield what is stored and not of the code as it is here."""
    absent = store.absent()
    if count := store.outdated() - sum(each.runs for each in absent):
        yield f"{counted(count, 'run')} of older code"
    yield from map(str, absent)


def alarm_lines(runs: pd.DataFrame, measure: str, factor: float, where: Where) -> list[str]:
    """Return the alarms of a report on these runs, for each budget of steps."""
    return [
        f"{budget.said}: {line}" if budget.said else line
        for budget in budgets(split(runs, where), where)
        for line in alarms(budget.split, measure, factor)
    ]
