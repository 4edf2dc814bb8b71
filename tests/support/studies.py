"""Studies on disk: compared to the bit, and damaged as a bad disk or a crash would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.request.ids import run_ids
from experiments.store import Store
from experiments.store.columns import as_frame
from experiments.store.parquet import metadata_of, read_table, write_table
from experiments.store.store import file_name

STUDY = Path("results") / "default"


def same_numbers(folder: Path, reference: Path) -> None:
    """Assert that two studies hold the same runs with the same numbers, to the last bit."""
    for kind in ("runs", "history"):
        found, expected = (numbers(study, kind) for study in (folder, reference))
        assert len(expected) > 0
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=kind)
        floats = [name for name in expected if expected[name].dtype == np.float64]
        assert found[floats].to_numpy().tobytes() == expected[floats].to_numpy().tobytes()


def numbers(folder: Path, kind: str) -> pd.DataFrame:
    """Return the runs or the history of a study in a fixed order, without what differs between copies."""
    read = {"runs": Store.runs, "history": Store.history}[kind]
    frame: pd.DataFrame = read(Store(folder), outdated=True).drop(columns="seconds", errors="ignore")
    words = {name: str for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    order = ["run", "step"] if kind == "history" else ["run"]
    return frame.astype(words).sort_values(order, ignore_index=True)[sorted(frame)]


def rows_on_disk(folder: Path, kind: str = "runs") -> int:
    """Return how many rows there are, each copy of a run counted."""
    return sum(pq.read_metadata(file).num_rows for file in (folder / kind).glob("*.parquet"))


# Damage


def cut_short(file: Path) -> None:
    """Leave the first half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def emptied(file: Path) -> None:
    """Leave nothing of a file but its name."""
    file.write_bytes(b"")


def flipped_in(column: str) -> Callable[[Path], None]:
    """Return a function that flips a byte of a file in a page of a column."""

    def flip_there(file: Path) -> None:
        group = pq.read_metadata(file).row_group(0)
        [chunk] = [
            group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == column
        ]
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        flip(file, start + chunk.total_compressed_size - 1)

    return flip_there


def flipped_in_footer(file: Path) -> None:
    """Flip a byte of the name of a column, where it reads as another name."""
    footer = int.from_bytes(file.read_bytes()[-8:-4], "little") + 8
    content = file.read_bytes()
    flip(file, content.index(b"grad_norm", len(content) - footer))


def flip(file: Path, at: int) -> None:
    """Flip the lowest bit of a byte of a file."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut short": cut_short,
    "empty": emptied,
    "flipped in run": flipped_in("run"),
    "flipped in loss": flipped_in("loss"),
    "flipped in the footer": flipped_in_footer,
}


# Studies as other code or another machine would have made them


def rewritten(folder: Path, change: Callable[[pd.DataFrame, pd.DataFrame], None], code: str = "") -> None:
    """Make a study's files anew, sound, with other numbers, or as other code made them.

    Args:
        change: alters the runs and the history of a file in place.
        code: the fingerprint of that code; empty for the code that made them.
    """
    for file in sorted((folder / "runs").glob("*.parquet")):
        metadata = metadata_of(file)
        history_file = folder / "history" / file.name
        runs, history = (as_frame([read_table(each)], None) for each in (file, history_file))
        change(runs, history)
        metadata["code"] = code or metadata["code"]
        points, params = int(metadata["record.points"]), metadata["record.params"] == "True"
        ids = run_ids(runs, points, params, metadata["code"])
        history["run"] = history["run"].astype(str).map(dict(zip(runs["run"].astype(str), ids, strict=True)))
        runs["run"] = ids
        name = file_name(metadata["optimizer"], metadata["problem"], ids)
        file.unlink()
        history_file.unlink()
        for kind, frame in (("history", history), ("runs", runs)):
            words = {key: str for key in frame if isinstance(frame[key].dtype, pd.CategoricalDtype)}
            table = pa.Table.from_pandas(frame.astype(words), preserve_index=False)
            write_table(table.replace_schema_metadata(None), folder / kind / name, metadata)


def unchanged(runs: pd.DataFrame, history: pd.DataFrame) -> None:
    """Leave all numbers as they are."""


def doubled_loss(runs: pd.DataFrame, history: pd.DataFrame) -> None:
    """Double every loss, in the runs and on the way."""
    runs["loss"] *= 2
    history["loss"] *= 2
