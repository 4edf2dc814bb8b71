"""Studies on disk: compared to the bit, and damaged as a bad disk or a crash would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from experiments.store import Store

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
