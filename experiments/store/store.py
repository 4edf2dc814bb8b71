"""What is on disk: immutable Parquet files, one pair for each block of runs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, reduce
from operator import and_
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.engine.fingerprint import code_fingerprint
from experiments.engine.trace import Trace
from experiments.request.cell import Cell
from experiments.request.product import Product
from experiments.store.absent import Absent, absent_among
from experiments.store.catalogue import Catalogue, bounds_in, bounds_of, settings_of
from experiments.store.columns import as_frame, history_table, run_columns
from experiments.store.parquet import Damaged, has_columns, read_table, readable, write_table, writing
from experiments.store.sample import Sample, sampled
from experiments.store.seal import check_footer, check_pages
from optim.base import Optimizer
from problems.base import Problem

MOST_FILES = 256  # whose ids are held, some 300 kB each: in a grid's order a file is met once or twice
PRUNED = "pruned"  # what a runs file keeps of its history where that was removed
MOST_READ = 2_000_000  # runs of a study that are read at once: their tables take some 3 GB

log = logging.getLogger(__name__)


class Store:
    """The runs of one study, in ``folder/runs`` and ``folder/history``.

    Any number of processes may write at once: a file is written under a temporary name,
    synced and renamed, never changed. The history of a block goes first; its runs file
    is the commit, and history without one does not exist.

    Args:
        folder: the study's.
        read_only: whether to leave damaged files where they are.
        sample: the only runs that are read, if not all.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False, sample: Sample | None = None) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self.sample = sample
        self.rows: dict[str, int] = {}
        self.catalogues: dict[str, Catalogue] = {}
        self.waiting: dict[str, list[str]] = {}  # files that are in no catalogue yet
        self.looks_once = False
        self.footers: dict[Path, tuple[tuple[int, int], Footer]] = {}
        self.unreadable: set[str] = set()  # runs files that are left out
        self.ids_in = lru_cache(MOST_FILES)(ids_in)

    def check_writable(self) -> None:
        """Raise CannotWrite if no file can be made in the folder."""
        with writing(self.folder) as temporary:
            temporary.touch()
            temporary.unlink()

    def write(self, cell: Cell, trace: Trace, provenance: Mapping[str, str]) -> None:
        """Store the runs of a block; ``cell`` has the same lanes as ``trace``."""
        ids = cell.runs["run"].to_numpy()
        name = file_name(cell.optimizer.full_name(), cell.problem.name, ids)
        metadata = {
            **provenance,
            "optimizer": cell.optimizer.full_name(),
            "problem": cell.problem.name,
            "record.points": str(cell.points),
            "record.params": str(cell.params),
            "engine": cell.backend.engine,
            "schedule": cell.method.schedule.name,
            "code": cell.code,
        }
        write_table(history_table(ids, trace), self.folder / "history" / name, metadata)
        write_table(pa.table(run_columns(cell, trace)), self.folder / "runs" / name, metadata)
        self.waiting.setdefault(series_of(name), []).append(name)

    def write_selection(self, chosen: pd.DataFrame, pool: Cell, space: Mapping[str, Any]) -> None:
        """Store how the trials of a search compared, see ``tuning.select``, and in which space."""
        name = file_name(pool.optimizer.full_name(), pool.problem.name, pool.runs["run"])
        metadata = {"optimizer": pool.optimizer.full_name(), "problem": pool.problem.name}
        metadata |= {"engine": pool.backend.engine, "schedule": pool.method.schedule.name, "code": pool.code}
        table = pa.Table.from_pandas(chosen.assign(space=json.dumps(space)), preserve_index=False)
        write_table(table, self.folder / "selections" / name, metadata)

    def selections(self) -> pd.DataFrame:
        """Return one row a trial of every search by the present code, with its optimizer and problem.

        ``space`` is the space that was searched, as JSON.
        """
        files = self.files("selections", outdated=False)
        frames: list[pd.DataFrame] = [pd.DataFrame(), *(read_table(file).to_pandas() for file in files)]
        return pd.concat(frames, ignore_index=True)

    def count(self) -> int:
        """Return how many rows are stored, whatever code made them; files that cannot be read have none."""
        for name in names_in(self.folder / "runs"):
            if name not in self.rows:
                with suppress(pa.ArrowException, OSError):
                    self.rows[name] = pq.read_metadata(self.folder / "runs" / name).num_rows
        return sum(self.rows.values())

    def has(self, cell: Cell) -> NDArray[np.bool_]:
        """Tell which runs of a cell are stored: (runs,). Files that cannot be read are set aside."""
        wanted = pa.array(cell.runs["run"], pa.string())
        stored = np.zeros(len(wanted), np.bool_)
        values: Mapping[Any, Any] = dict(cell.runs.items())
        for file in self.files_meeting(cell.optimizer, cell.problem, values):
            with self.damage_set_aside():
                stored |= pc.is_in(wanted, self.ids_in(file)).to_numpy(False)
        return stored

    def files_meeting(self, optimizer: Optimizer, problem: Problem, values: Mapping[Any, Any]) -> list[Path]:
        """Return the runs files that may hold runs of these settings, given the values of each setting."""
        if not self.looks_once:
            self.look()
        series = f"{optimizer.full_name()}-{problem.name}"
        known = self.catalogues.setdefault(series, Catalogue(settings_of(optimizer, problem)))
        for name in self.waiting.pop(series, ()):
            known.add(name, bounds_in(self.folder / "runs" / name, known.settings, is_current))
        names = known.meeting(bounds_of(values, known.settings))
        return [self.folder / "runs" / name for name in names if name not in self.unreadable]

    def look(self) -> None:
        """Look which runs files there are."""
        self.waiting = {}
        for name in names_in(self.folder / "runs"):
            self.waiting.setdefault(series_of(name), []).append(name)
        for series, known in self.catalogues.items():
            there = self.waiting.pop(series, [])
            known.drop(set(known.names).difference(there))
            self.waiting[series] = sorted(set(there).difference(known.names))

    @contextmanager
    def looking_once(self) -> Iterator[None]:
        """Look at the folder now, and no more for what is asked for inside.

        Each look costs as much as there are files, and a grid of many cells asks for each. What
        this store writes inside is known all the same; what another process writes is not, and is
        at worst run once more.
        """
        self.look()
        self.looks_once = True
        try:
            yield
        finally:
            self.looks_once = False

    @contextmanager
    def damage_set_aside(self) -> Iterator[None]:
        """Set a runs file aside that turns out to be damaged: its runs are then missing."""
        try:
            yield
        except Damaged as error:
            if not error.file.exists():  # another process was faster
                return
            if self.read_only:
                log.warning(f"{error}: its runs are to be run again")
                self.unreadable.add(error.file.name)
            else:
                log.warning(f"{error}: set aside, its runs are run again")
                self.set_aside(error.file.name)

    def set_aside(self, name: str, kinds: Sequence[str] = ("runs", "history")) -> None:
        """Move a runs file and its history, as far as they are there, to the folder ``set_aside``.

        Raises:
            CannotWrite: the folder is read-only, say.
        """
        for known in self.catalogues.values():
            known.drop({name})
        for kind in kinds:  # the commit first
            target = self.folder / "set_aside" / kind / f"{name}.{uuid4().hex[:8]}"
            with writing(target.parent), suppress(FileNotFoundError):  # another process was faster
                os.replace(self.folder / kind / name, target)

    def runs(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run, or only these runs.

        Runs that another version of the code made are left out unless ``outdated``.
        """
        frame = as_frame([self.read(file) for file in self.files_read(outdated)], ids)
        return frame.drop_duplicates("run", ignore_index=True) if len(frame) else frame

    def with_params(self) -> list[str]:
        """Return the ids of the runs whose histories have the parameters, if some have and some have not."""
        files = self.files_read(outdated=False)
        those = [file for file in files if self.footer(file).params == "True"]
        return [str(run) for file in those for run in self.ids_in(file).to_pylist()] if those != files else []

    def recordings(self, ids: Iterable[str]) -> dict[str, tuple[int, bool]]:
        """Return of each of these runs how many steps were to be recorded, and whether parameters were."""
        wanted = set(ids)
        found: dict[str, tuple[int, bool]] = {}
        for file in self.files_read(outdated=False):
            footer = self.footer(file)
            if footer.points:
                there = wanted.intersection(self.ids_in(file).to_pylist())
                found |= dict.fromkeys(there, (int(footer.points), footer.params == "True"))
        return found

    def runs_of(self, cell: Cell) -> pd.DataFrame:
        """Return one row a run of a cell, as far as it is stored; no file is read that cannot hold any."""
        values: Mapping[Any, Any] = dict(cell.runs.items())
        files = sorted(self.files_meeting(cell.optimizer, cell.problem, values))
        frame = as_frame([read_table(file) for file in files], cell.runs["run"])
        return frame.drop_duplicates("run", ignore_index=True) if len(frame) else frame

    def results(self, product: Product, columns: Sequence[str], fixed: Sequence[str]) -> pd.DataFrame:
        """Return one row a run of a product, as far as it is stored.

        It has the settings that vary, those of the others that are in ``fixed``, and ``columns``.
        Read by its settings, not by its ids, so that a million of them need not be made.
        """
        allowed = product.allowed
        varied = [*product.levels, *product.points]
        files = sorted(self.files_meeting(product.method(0, 1).optimizer, product.problem, allowed))
        tables = [
            read_table(file, columns=[*varied, *columns], filters=condition(allowed))
            for file in files
            if has_columns(file, allowed)  # another schedule has others
        ]
        frame = as_frame(tables, None)
        if frame.empty:
            return frame
        if product.points:  # whose values vary together
            frame = frame.merge(pd.DataFrame(product.points).drop_duplicates())
        constants = {key: allowed[key][0] for key in fixed if key in allowed and key not in varied}
        return frame.drop_duplicates(varied, ignore_index=True).assign(**constants)

    def history(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run and recorded step, of all runs or of these."""
        names = [file.name for file in self.files_read(outdated) if self.has_history(file)]
        if ids is None and self.sample is not None:
            ids = self.runs(outdated=outdated)["run"].astype(str)
        wanted = None if ids is None else list(ids)
        filters = None if wanted is None else pc.field("run").isin(pa.array(wanted, pa.string()))
        tables = [read_table(self.folder / "history" / name, filters=filters) for name in names]
        frame = as_frame(tables, wanted)
        return frame.drop_duplicates(["run", "step"], ignore_index=True) if len(frame) else frame

    def outdated(self) -> int:
        """Return how many stored runs another version of the code made, or parts that are not here."""
        footers = map(self.footer, self.files("runs", outdated=True))
        return sum(footer.rows for footer in footers if not footer.is_current)

    def absent(self) -> tuple[Absent, ...]:
        """Return what there are runs of and is not here: parts from outside that were not named, say."""
        footers = map(self.footer, self.files("runs", outdated=True))
        return absent_among((footer.rows, footer.told) for footer in footers)

    def pruned(self) -> set[str]:
        """Return the ids of the runs that are read and have no history any more."""
        files = [file for file in self.files_read(outdated=False) if not self.has_history(file)]
        return {run for file in files for run in self.read(file)["run"].cast(pa.string()).to_pylist()}

    def within(self, most: int) -> Store:
        """Return the store, or if it has more runs than so many a sample of it; see ``sampled``.

        Raises:
            ValueError: it has more settings than that.
        """
        files = self.files("runs", outdated=False)
        if sum(self.footer(file).rows for file in files) <= most:
            return self
        try:
            store = Store(self.folder, read_only=self.read_only, sample=sampled(self.preferred(files), most))
        except ValueError as error:
            raise ValueError(f"study={self.folder.name}: {error}") from None
        store.unreadable = self.unreadable
        return store

    def without_damaged(self) -> list[Damaged]:
        """Leave out the runs files that cannot be read, from here on, and return what is wrong with each.

        Each file is read in full; one that another process has removed meanwhile is not there.
        """
        found = []
        for file in self.files("runs", outdated=True):
            try:
                with readable(file):
                    check_pages(file)
                read_table(file)
            except Damaged as error:
                self.unreadable.add(file.name)
                found += [error] if file.exists() else []
        return found

    def preferred(self, files: Sequence[Path]) -> list[Path]:
        """Return the files, those with recorded parameters first: of two recordings the first is taken."""
        return sorted(files, key=lambda file: self.footer(file).params != "True")

    def steps_a_run(self) -> float:
        """Return how many steps are recorded of a run, on average."""
        files = self.files_read(outdated=False)
        runs = sum(self.footer(file).rows for file in files)
        histories = [self.folder / "history" / file.name for file in files if self.has_history(file)]
        return sum(self.footer(history).rows for history in histories) / max(runs, 1)

    def has_history(self, file: Path) -> bool:
        """Tell whether the history of a runs file is to be read: whether it was not pruned."""
        return self.footer(file).history != PRUNED

    def read(self, file: Path) -> pa.Table:
        """Return the runs in a file, of a sample those in it."""
        table = read_table(file)
        return table if self.sample is None else table.take(pa.array(self.sample.rows[file.name]))

    def files_read(self, outdated: bool) -> list[Path]:
        """Return the runs files that are read, in a fixed order: of a sample those that have some of it."""
        if self.sample is None:
            return self.files("runs", outdated)
        return [self.folder / "runs" / name for name in sorted(self.sample.rows)]

    def files(self, kind: str, outdated: bool) -> list[Path]:
        """Return the files of that kind, in a fixed order, without the runs that were found unreadable."""
        names = set(names_in(self.folder / kind)) - (self.unreadable if kind == "runs" else set())
        files = [self.folder / kind / name for name in sorted(names)]
        return files if outdated else [file for file in files if self.footer(file).is_current]

    def footer(self, file: Path) -> Footer:
        """Return what the footer of a file tells; it is read once, as files do not change.

        Raises:
            Damaged: it has none.
        """
        with readable(file):
            found = file.stat()
        stamp = found.st_size, found.st_mtime_ns
        if self.footers.get(file, ((0, 0),))[0] != stamp:
            self.footers[file] = stamp, footer_of(file)
        return self.footers[file][1]


FOOTER = (
    *(b"code", b"optimizer", b"problem", b"engine", b"schedule"),
    *(b"record.params", b"record.points", b"command", b"history"),
)
"""The keys of what a footer tells, in the order of the fields."""


class Footer(NamedTuple):
    """What the footer of a file tells.

    Attributes:
        rows: how many there are.
        code: the fingerprint of the code that made it; empty if there is none.
        optimizer, problem, engine, schedule: of its rows.
        params: True if their histories have the parameters, as text; empty if that is not told.
        points: how many steps were asked to be recorded, as text; empty if that is not told.
        command: what the user typed.
        history: ``PRUNED`` if it was removed.
    """

    rows: int
    code: str
    optimizer: str
    problem: str
    engine: str
    schedule: str
    params: str
    points: str
    command: str
    history: str

    @property
    def told(self) -> dict[str, str]:
        """What it tells in words, by the keys of a footer."""
        return {key: value for key, value in self._asdict().items() if key != "rows"}

    @property
    def is_current(self) -> bool:
        """Whether the code that made the file is the code as it is now."""
        return is_current(self.told)


def is_current(told: Mapping[str, Any]) -> bool:
    """Tell whether the code as it is now made a file, given what its footer tells."""
    return bool(told.get("code")) and told["code"] == code_now(told)


def code_now(told: Mapping[str, Any]) -> str | None:
    """Return the fingerprint that runs would have now which have this in common, by what a footer tells.

    None if their optimizer, problem, engine or schedule is not known here.
    """
    parts = (str(told.get(key, "")) for key in ("optimizer", "problem", "engine", "schedule"))
    try:
        return code_fingerprint(*parts)
    except KeyError:
        return None


def footer_of(file: Path) -> Footer:
    """Return what the footer of a file tells.

    Raises:
        Damaged: it has none, or not the one that was written.
    """
    with readable(file):
        check_footer(file)
        found = pq.read_metadata(file)
        words = ((found.metadata or {}).get(key, b"").decode() for key in FOOTER)
        return Footer(found.num_rows, *words)


def names_in(folder: Path) -> list[str]:
    """Return the names of the Parquet files in a folder, in no order; none if it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.name.endswith(".parquet")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def ids_in(file: Path) -> pa.Array:
    """Return the ids in a runs file.

    Raises:
        Damaged: a byte of it, in whatever column, is not as it was written.
    """
    with readable(file):
        check_pages(file)
    return read_table(file, columns=["run"])["run"].cast(pa.string()).combine_chunks()


def file_name(optimizer: str, problem: str, ids: Iterable[str]) -> str:
    """Return the name of the files that hold these runs of an optimizer on a problem."""
    digest = hashlib.blake2b("".join(ids).encode(), digest_size=8).hexdigest()
    return f"{optimizer}-{problem}-{digest}.parquet"


def series_of(name: str) -> str:
    """Return what the names of all files of an optimizer on a problem begin with."""
    return name.rpartition("-")[0]


def condition(allowed: Mapping[str, Sequence[Any]]) -> pc.Expression:
    """Return the condition that every column has one of its allowed values."""
    return reduce(and_, (one_of(pc.field(key), values) for key, values in allowed.items()))


def one_of(column: pc.Expression, values: Sequence[Any]) -> pc.Expression:
    if values[0] is None:
        return column.is_null()
    return column == values[0] if len(values) == 1 else column.isin(pa.array(values))
