"""What is on disk: immutable Parquet files, one pair for each block of runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.fingerprint import code_fingerprint
from experiments.lanes import Cell
from experiments.trace import TARGETS, Trace

HIT_COLUMNS = tuple(f"hit_1e-{k}" for k in range(1, len(TARGETS) + 1))
CATEGORIES = ("run", "optimizer", "problem", "status")


class Store:
    """The runs of one study, in ``folder/runs`` and ``folder/history``.

    Any number of processes may write at once: a file is written under a temporary name,
    synced and renamed, never changed. The history of a block goes first; its runs file
    is the commit, and history without one does not exist.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def write(self, cell: Cell, trace: Trace, provenance: Mapping[str, str]) -> None:
        """Store the runs of a block; ``cell`` has the same lanes as ``trace``."""
        ids = cell.runs["run"].to_numpy()
        digest = hashlib.blake2b("".join(ids).encode(), digest_size=8).hexdigest()
        name = f"{cell.optimizer.name}-{cell.problem.name}-{digest}.parquet"
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

    def write_selection(self, chosen: pd.DataFrame, pool: Cell) -> None:
        """Store how the trials of a search compared; see ``tuning.select``."""
        digest = hashlib.blake2b("".join(pool.runs["run"]).encode(), digest_size=8).hexdigest()
        name = f"{pool.optimizer.name}-{pool.problem.name}-{digest}.parquet"
        metadata = {"optimizer": pool.optimizer.name, "problem": pool.problem.name, "code": pool.code}
        write_table(
            pa.Table.from_pandas(chosen, preserve_index=False), self.folder / "selections" / name, metadata
        )

    def selections(self) -> pd.DataFrame:
        """Return one row a trial of every search by the present code, with its optimizer and problem."""
        files = self.files("selections", outdated=False)
        return pd.concat([pd.DataFrame(), *map(pd.read_parquet, files)], ignore_index=True)

    def ids(self, optimizer: str, problem: str) -> set[str]:
        """Return the ids of the stored runs of one optimizer on one problem."""
        files = (self.folder / "runs").glob(f"{optimizer}-{problem}-*.parquet")
        return {run for file in files for run in pq.read_table(file, columns=["run"])["run"].to_pylist()}

    def runs(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run, or only these runs.

        Runs that another version of the code made are left out unless ``outdated``.
        """
        tables = [pq.read_table(file) for file in self.files("runs", outdated)]
        frame = as_frame(tables, ids)
        return frame.drop_duplicates("run", ignore_index=True) if len(frame) else frame

    def history(self, ids: Iterable[str] | None = None, *, outdated: bool = False) -> pd.DataFrame:
        """Return one row a run and recorded step, of all runs or of these."""
        names = [file.name for file in self.files("runs", outdated)]
        wanted = None if ids is None else list(ids)
        filters = None if wanted is None else pc.field("run").isin(pa.array(wanted, pa.string()))
        tables = [pq.read_table(self.folder / "history" / name, filters=filters) for name in names]
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


def is_current(file: Path) -> bool:
    """Tell whether the code that made this file is the code as it is now."""
    metadata = pq.read_schema(file).metadata
    try:
        optimizer, problem, code = (metadata[key].decode() for key in (b"optimizer", b"problem", b"code"))
        return code_fingerprint(optimizer, problem) == str(code)
    except KeyError:  # an optimizer or problem that is no longer registered
        return False


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
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")  # hosts may share process ids
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    with open(temporary, "wb") as file:
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}),
            file,
            compression="zstd",
            use_dictionary=others,
            use_byte_stream_split=floats,
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


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
