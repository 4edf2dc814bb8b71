"""What is on disk: immutable Parquet files, one pair for each block of runs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.fingerprint import code_fingerprint
from experiments.lanes import Cell, Product
from experiments.seal import check_footer, check_pages, sealed
from experiments.trace import TARGETS, Trace

HIT_COLUMNS = tuple(f"hit_1e-{k}" for k in range(1, len(TARGETS) + 1))
CATEGORIES = ("run", "optimizer", "problem", "status")
ID = "S24"  # a run's id as bytes: a few million of them stay small

log = logging.getLogger(__name__)


class Damaged(Exception):
    """A stored file that cannot be read; the message names it and says why."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} cannot be read ({reason})")
        self.file = file
        self.reason = reason


class CannotWrite(Exception):
    """A folder in which nothing can be written; the message names it and says why."""


@dataclass(frozen=True)
class Known:
    """The runs files of one optimizer on one problem that were read, and the ids in them, sorted."""

    files: frozenset[str] = frozenset()
    ids: NDArray[np.bytes_] = field(default_factory=lambda: np.zeros(0, ID))


class Store:
    """The runs of one study, in ``folder/runs`` and ``folder/history``.

    Any number of processes may write at once: a file is written under a temporary name,
    synced and renamed, never changed. The history of a block goes first; its runs file
    is the commit, and history without one does not exist.

    Args:
        folder: the study's.
        read_only: whether to leave damaged files where they are.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self.known: dict[tuple[str, str], Known] = {}
        self.rows: dict[str, int] = {}

    def check_writable(self) -> None:
        """Raise CannotWrite if no file can be made in the folder."""
        with writing(self.folder) as temporary:
            temporary.touch()
            temporary.unlink()

    def write(self, cell: Cell, trace: Trace, provenance: Mapping[str, str]) -> None:
        """Store the runs of a block; ``cell`` has the same lanes as ``trace``."""
        ids = cell.runs["run"].to_numpy()
        name = file_name(cell.optimizer.name, cell.problem.name, ids)
        metadata = {
            **provenance,
            "optimizer": cell.optimizer.name,
            "problem": cell.problem.name,
            "record.points": str(cell.points),
            "record.params": str(cell.params),
            "code": cell.code,
        }
        write_table(history_table(ids, trace), self.folder / "history" / name, metadata)
        write_table(pa.table(run_columns(cell, trace)), self.folder / "runs" / name, metadata)

    def write_selection(self, chosen: pd.DataFrame, pool: Cell, space: Mapping[str, Any]) -> None:
        """Store how the trials of a search compared, see ``tuning.select``, and in which space."""
        name = file_name(pool.optimizer.name, pool.problem.name, pool.runs["run"])
        metadata = {"optimizer": pool.optimizer.name, "problem": pool.problem.name, "code": pool.code}
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
        for file in (self.folder / "runs").glob("*.parquet"):
            if file.name not in self.rows:
                with suppress(pa.ArrowException, OSError):
                    self.rows[file.name] = pq.read_metadata(file).num_rows
        return sum(self.rows.values())

    def has(self, cell: Cell) -> NDArray[np.bool_]:
        """Tell which runs of a cell are stored: (runs,). Files that cannot be read are set aside."""
        key = (cell.optimizer.name, cell.problem.name)
        seen = self.known.get(key, Known())
        files = {file.name: file for file in (self.folder / "runs").glob(f"{'-'.join(key)}-*.parquet")}
        if not seen.files <= files.keys():  # some were set aside
            seen = self.known[key] = Known()
        new = [file for name, file in files.items() if name not in seen.files]
        if new:
            found = np.concatenate([seen.ids, *map(self.ids_in, new)])
            seen = self.known[key] = Known(seen.files | {file.name for file in new}, np.sort(found))
        wanted = cell.runs["run"].to_numpy().astype(ID)
        at = np.searchsorted(seen.ids, wanted)
        stored: NDArray[np.bool_] = np.append(seen.ids, np.zeros(1, ID))[at] == wanted
        return stored

    def ids_in(self, file: Path) -> NDArray[np.bytes_]:
        """Return the ids in a runs file; none, and the file is set aside, if it is damaged."""
        try:
            with readable(file):
                check_pages(file)  # of all columns
            return np.array(read_table(file, columns=["run"])["run"].to_pylist(), ID)
        except Damaged as error:
            if self.read_only:
                log.warning(f"{error}: its runs are to be run again")
            else:
                log.warning(f"{error}: set aside, its runs are run again")
                self.set_aside(file.name)
            return np.zeros(0, ID)

    def set_aside(self, name: str, kinds: Sequence[str] = ("runs", "history")) -> None:
        """Move a runs file and its history, as far as they are there, to the folder ``set_aside``.

        Raises:
            CannotWrite: the folder is read-only, say.
        """
        for kind in kinds:  # the commit first
            target = self.folder / "set_aside" / kind / f"{name}.{uuid4().hex[:8]}"
            with writing(target.parent), suppress(FileNotFoundError):  # another process was faster
                os.replace(self.folder / kind / name, target)

    def runs(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run, or only these runs.

        Runs that another version of the code made are left out unless ``outdated``.
        """
        tables = [read_table(file) for file in self.files("runs", outdated)]
        frame = as_frame(tables, ids)
        return frame.drop_duplicates("run", ignore_index=True) if len(frame) else frame

    def results(self, product: Product, columns: Sequence[str]) -> pd.DataFrame:
        """Return one row a run of a product, as far as it is stored: its settings and these columns.

        Read by its settings, not by its ids, so that a million of them need not be made, and
        only as far as settings vary.
        """
        allowed = product.allowed
        [optimizer], [problem] = allowed["optimizer"], allowed["problem"]
        varied = [*product.levels, *product.points]
        files = [f for f in self.files("runs", outdated=False) if f.match(f"{optimizer}-{problem}-*.parquet")]
        tables = [read_table(f, columns=[*varied, *columns], filters=condition(allowed)) for f in files]
        frame = as_frame(tables, None)
        if frame.empty:
            return frame
        if product.points:  # whose values vary together
            frame = frame.merge(pd.DataFrame(product.points).drop_duplicates())
        fixed = {key: values[0] for key, values in allowed.items() if key not in varied}
        return frame.drop_duplicates(varied, ignore_index=True).assign(**fixed)

    def history(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run and recorded step, of all runs or of these."""
        names = [file.name for file in self.files("runs", outdated)]
        wanted = None if ids is None else list(ids)
        filters = None if wanted is None else pc.field("run").isin(pa.array(wanted, pa.string()))
        tables = [read_table(self.folder / "history" / name, filters=filters) for name in names]
        frame = as_frame(tables, wanted)
        return frame.drop_duplicates(["run", "step"], ignore_index=True) if len(frame) else frame

    def outdated(self) -> int:
        """Return how many stored runs another version of the code made."""
        current = set(self.files("runs", outdated=False))
        stale = [file for file in self.files("runs", outdated=True) if file not in current]
        return sum(pq.read_metadata(file).num_rows for file in stale)

    def files(self, kind: str, outdated: bool) -> list[Path]:
        """Return the files of that kind, in a fixed order."""
        files = sorted((self.folder / kind).glob("*.parquet"))
        return files if outdated else [file for file in files if is_current(file)]


def file_name(optimizer: str, problem: str, ids: Iterable[str]) -> str:
    """Return the name of the files that hold these runs of an optimizer on a problem."""
    digest = hashlib.blake2b("".join(ids).encode(), digest_size=8).hexdigest()
    return f"{optimizer}-{problem}-{digest}.parquet"


def condition(allowed: Mapping[str, Sequence[Any]]) -> pc.Expression:
    """Return the condition that every column has one of its allowed values."""
    return reduce(and_, (one_of(pc.field(key), values) for key, values in allowed.items()))


def one_of(column: pc.Expression, values: Sequence[Any]) -> pc.Expression:
    if values[0] is None:
        return column.is_null()
    return column == values[0] if len(values) == 1 else column.isin(pa.array(values))


def read_table(file: Path, **options: Any) -> pa.Table:
    """Return what a file holds, by the options of ``pyarrow.parquet.read_table``.

    Raises:
        Damaged: it is cut short, or its bytes are not those that were written.
    """
    with readable(file):
        check_footer(file)
        table = pq.read_table(file, page_checksum_verification=True, **options)
        table.validate(full=True)  # the headers of pages have no checksum
        return table


def metadata_of(file: Path) -> dict[str, str]:
    """Return what is kept beside the rows of a file: provenance, and what its runs have in common.

    Raises:
        Damaged: as ``read_table``.
    """
    with readable(file):
        check_footer(file)
        found = pq.read_schema(file).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Raise Damaged when what is done inside cannot make sense of the file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Damaged(file, one_line(error)) from error


def is_current(file: Path) -> bool:
    """Tell whether the code that made this file is the code as it is now."""
    metadata = metadata_of(file)
    try:
        return code_fingerprint(metadata["optimizer"], metadata["problem"]) == metadata["code"]
    except KeyError:  # an optimizer or problem that is no longer registered
        return False


def one_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return f"{error}".partition("\n")[0].rstrip(".")


def run_columns(cell: Cell, trace: Trace) -> dict[str, Any]:
    """Return what is stored of each run: its settings, then how it ended."""
    diverged = trace.diverged_at >= 0
    return {
        **{str(key): pa.array(column, from_pandas=True) for key, column in cell.runs.items()},
        "status": np.where(diverged, "diverged", "ok"),
        "diverged_at": pa.array(trace.diverged_at, mask=~diverged),
        "loss": trace.loss[-1],
        "best_loss": trace.best_loss,
        "suboptimality": trace.suboptimality[-1],
        "grad_norm": trace.grad_norm[-1],
        "distance": trace.distance[-1],
        **{name: pa.array(hit, mask=hit < 0) for name, hit in zip(HIT_COLUMNS, trace.hits, strict=True)},
        **{name: values[-1] for name, values in trace.metrics.items()},
        "seconds": trace.seconds,
    }


def history_table(ids: np.ndarray[Any, Any], trace: Trace) -> pa.Table:
    """Return the recorded steps run by run."""
    points, lanes = trace.loss.shape
    columns: dict[str, Any] = {
        "run": pa.DictionaryArray.from_arrays(np.repeat(np.arange(lanes, dtype=np.int32), points), ids),
        "step": np.tile(trace.step, lanes),
    }
    measures = {
        "loss": trace.loss,
        "suboptimality": trace.suboptimality,
        "grad_norm": trace.grad_norm,
        "distance": trace.distance,
        **trace.metrics,
    }
    if trace.path is not None and trace.rate is not None:
        for i in range(trace.path.shape[1]):
            measures |= {f"params.{i}": trace.path[:, i]}
        for i in range(trace.rate.shape[1]):
            measures |= {f"rate.{i}": trace.rate[:, i]}
    return pa.table({**columns, **{name: np.ravel(values.T) for name, values in measures.items()}})


def write_table(table: pa.Table, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    with pa.BufferOutputStream() as memory:
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}),
            memory,
            compression="zstd",
            use_dictionary=others,
            use_byte_stream_split=floats,
            write_page_checksum=True,
        )
        content = memoryview(memory.getvalue())
    with writing(path.parent) as temporary:
        with open(temporary, "wb") as file:
            file.writelines(sealed(content))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield the path of a temporary file in a folder that is made if need be.

    Raises:
        CannotWrite: what is done inside meets an error of the file system; the temporary file is
            removed.
    """
    temporary = folder / f".{uuid4().hex}.tmp"  # hosts may share process ids
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CannotWrite(f"{folder} cannot be written: {error.strerror or one_line(error)}") from error


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder last through a loss of power, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def as_frame(tables: list[pa.Table], ids: Iterable[str] | None) -> pd.DataFrame:
    """Return the rows of several tables, or those of these runs, as one frame.

    Columns that some tables lack are missing there; those that none of the rows has are left out.
    """
    plain = [table.replace_schema_metadata(None) for table in tables]
    if ids is not None:
        wanted = pa.array(set(ids), type=pa.string())
        plain = [table.filter(pc.is_in(table["run"].cast(pa.string()), wanted)) for table in plain]
    plain = [table for table in plain if table.num_rows]
    if not plain:
        return pd.DataFrame({"run": pd.Categorical([])})
    joined = pa.concat_tables(plain, promote_options="permissive").unify_dictionaries()
    categories = [name for name in CATEGORIES if name in joined.column_names]
    frame: pd.DataFrame = joined.to_pandas(categories=categories)
    return frame
