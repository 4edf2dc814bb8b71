"""The tables of a study as CSV, as Parquet, and in a DuckDB database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from experiments.exports.content import blocks, schemas, widened, with_provenance
from experiments.store import Store

NAMES = ("runs", "history")
DATABASE = "study.duckdb"


def write_csv(store: Store, folder: Path, outdated: bool) -> int:
    """Write ``runs.csv`` and ``history.csv`` and return how many runs they have.

    What a run does not have is nothing between the commas, what is no number is nan; numbers have all
    their digits.
    """
    return written(store, folder, outdated, "csv", pa_csv.CSVWriter)


def write_parquet(store: Store, folder: Path, outdated: bool) -> int:
    """Write ``runs.parquet`` and ``history.parquet`` and return how many runs they have."""
    return written(store, folder, outdated, "parquet", pq.ParquetWriter)


def written(store: Store, folder: Path, outdated: bool, ending: str, writer: Any) -> int:
    """Write both tables, a block at a time, and return how many runs they have."""
    columns = schemas(store, outdated)
    runs = 0
    with (
        writer(folder / f"runs.{ending}", columns[0]) as to_runs,
        writer(folder / f"history.{ending}", columns[1]) as to_history,
    ):
        for block in blocks(store, outdated):
            to_runs.write_table(widened(with_provenance(block), columns[0]))
            if block.history is not None:
                to_history.write_table(widened(block.history, columns[1]))
            runs += len(block.runs)
    return runs


def write_duckdb(store: Store, folder: Path, outdated: bool) -> int:
    """Write a database with the tables ``runs`` and ``history`` and return how many runs it has."""
    import duckdb

    runs = write_parquet(store, folder, outdated)
    with duckdb.connect(str(folder / DATABASE)) as database:
        for name in NAMES:
            file = folder / f"{name}.parquet"
            database.execute(f"create table {name} as from read_parquet($file)", {"file": str(file)})
    for name in NAMES:
        (folder / f"{name}.parquet").unlink()
    return runs
