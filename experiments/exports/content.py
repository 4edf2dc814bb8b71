"""What is exported of a study: its runs, each once, with their histories, a file at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.store import Store
from experiments.store.audit import MERGED_FROM, VERSIONS, history_of
from experiments.store.parquet import metadata_of, read_table, readable
from experiments.store.store import series_of

PROVENANCE = ("code", *VERSIONS, "record.points", MERGED_FROM)
"""What of a file's metadata becomes a column of its runs."""


@dataclass(frozen=True)
class Block:
    """The runs of one file that no file before it has, and their histories.

    Attributes:
        runs: a row a run.
        history: a row a recorded step, run by run; None if it was pruned.
        metadata: what is kept beside the runs.
    """

    file: Path
    runs: pa.Table
    history: pa.Table | None
    metadata: Mapping[str, str]


def blocks(store: Store, outdated: bool) -> Iterator[Block]:
    """Yield the runs of a study block by block, each run once, in a fixed order."""
    series, seen = "", set[str]()
    for file in store.files("runs", outdated):
        if series_of(file.name) != series:  # a run is in files of one series only
            series, seen = series_of(file.name), set()
        runs = plain(read_table(file))
        ids = runs["run"].to_pylist()
        new = [run for run in dict.fromkeys(ids) if run not in seen]
        history = plain(read_table(history_of(file))) if store.has_history(file) else None
        if len(new) < len(ids):
            first = [ids.index(run) for run in new]
            runs = runs.take(pa.array(first, pa.int64()))
            history = history and history.filter(pc.is_in(history["run"], pa.array(new, pa.string())))
        seen.update(new)
        if new:
            yield Block(file, runs, history, metadata_of(file))


def plain(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries and without what is kept beside its rows."""
    return table.cast(plain_schema(table.schema))


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema with texts where there are dictionaries of texts, and no metadata."""
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


def with_provenance(block: Block) -> pa.Table:
    """Return the runs of a block with what made them, as far as that is told: ``PROVENANCE``."""
    table = block.runs
    for key in PROVENANCE:
        if key in block.metadata:
            column = pa.repeat(pa.scalar(block.metadata[key], pa.string()), len(table))
            table = table.append_column(key, column)
    return table


def schemas(store: Store, outdated: bool) -> tuple[pa.Schema, pa.Schema]:
    """Return the columns that all runs, and all histories, have together; both have ``run`` at least."""
    files = store.files("runs", outdated)
    beside = pa.schema([pa.field(key, pa.string()) for key in PROVENANCE])
    runs = [*(schema_of(file) for file in files), beside]
    histories = [schema_of(history_of(file)) for file in files if store.has_history(file)]
    least = pa.schema([pa.field("run", pa.string())])
    joined = (pa.unify_schemas([least, *each], promote_options="permissive") for each in (runs, histories))
    first, second = joined
    return first, second


def schema_of(file: Path) -> pa.Schema:
    with readable(file):
        return plain_schema(pq.read_schema(file))


def widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with all columns of a schema, null where it had none."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
