"""The formats in which a study can be exported, and the folder that an export makes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from experiments.exports.benchopt import write_benchopt
from experiments.exports.coco import write_coco
from experiments.exports.frames import write_csv, write_duckdb, write_parquet
from experiments.exports.ioh import write_ioh
from experiments.store import Store
from experiments.store.parquet import CannotWrite, one_line
from experiments.wording import counted

TABLES: dict[str, Callable[[Store, Path, bool], int]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "duckdb": write_duckdb,
}
"""The formats that hold all that is stored."""

TRAJECTORIES: dict[str, Callable[[Store, Path, bool, str], int]] = {
    "ioh": write_ioh,
    "coco": write_coco,
    "benchopt": write_benchopt,
}
"""Those of benchmarking suites, which hold a measure at the recorded steps."""

FORMATS = (*TABLES, *TRAJECTORIES)
TOLD = "export.txt"  # says of a folder that an export made it


def export(store: Store, to: str, into: Path, outdated: bool, measure: str) -> int:
    """Write a study in a format into a folder that is there whole or not at all; return how many runs.

    Raises:
        ValueError: the folder holds something else than an export, or the format cannot hold the study.
        CannotWrite: the disk is full, say.
    """
    with built(into) as folder:
        if to in TABLES:
            runs = TABLES[to](store, folder, outdated)
        else:
            runs = TRAJECTORIES[to](store, folder, outdated, measure)
        words = f"study={store.folder.name} to={to}{' outdated=true' if outdated else ''}"
        words += f" measure={measure}" if to in TRAJECTORIES else ""
        text = f"{counted(runs, 'run')}: python -m experiments.export {words}\n"
        (folder / TOLD).write_text(text, encoding="utf-8")
    return runs


@contextmanager
def built(into: Path) -> Iterator[Path]:
    """Yield a folder to fill that takes the place of another at the end, if nothing goes wrong.

    Raises:
        ValueError: the other is there and was not made by an export.
        CannotWrite: what is done inside meets an error of the file system.
    """
    if into.exists() and not (into / TOLD).is_file() and (not into.is_dir() or any(into.iterdir())):
        raise ValueError(f"into={into} is there and is no export; name a new folder")
    temporary = into.parent / f".{uuid4().hex}.tmp"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if into.exists():
            old = into.parent / f".{uuid4().hex}.tmp"
            os.replace(into, old)
            os.replace(temporary, into)
            shutil.rmtree(old)
        else:
            os.replace(temporary, into)
    except OSError as error:
        raise CannotWrite(f"{into} cannot be written: {error.strerror or one_line(error)}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary, ignore_errors=True)
