"""What went wrong with some runs: recorded, counted by kind, written to failures.jsonl."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiments.grid.shards import Shard
from experiments.request.cell import Cell
from experiments.request.settings import plain
from experiments.wording import counted

LAST_LINES = 6
FAILURES = "failures.jsonl"  # of a study


@dataclass(frozen=True)
class Failure:
    """Runs that could not be finished, and why.

    Attributes:
        kind: the class of the exception, or what else ended the runs.
        message: its text.
        where: the last lines of the traceback; empty if there is none.
        optimizer, problem: of the runs.
        runs: their ids; empty where they are not known, as when a whole worker died.
        count: how many they are.
        settings: those of the first of them.
    """

    kind: str
    message: str
    where: tuple[str, ...]
    optimizer: str
    problem: str
    runs: tuple[str, ...]
    count: int
    settings: dict[str, Any]


def failure_of(cell: Cell, error: BaseException) -> Failure:
    """Return the record of an error that ended the runs of a cell."""
    first = cell.runs.iloc[0].drop(["run", "optimizer", "problem"])
    return Failure(
        kind=type(error).__name__,
        message=f"{error}",
        where=last_lines(error),
        optimizer=cell.optimizer.name,
        problem=cell.problem.name,
        runs=tuple(cell.runs["run"]),
        count=len(cell.runs),
        settings={str(key): plain(value) for key, value in first.items()},
    )


def failure_of_shard(shard: Shard, error: BaseException) -> Failure:
    """Return the record of an error that ended a shard as a whole; some of its runs may be stored."""
    return Failure(
        kind=type(error).__name__,
        message=f"{error}",
        where=last_lines(error),
        optimizer=str(shard.settings["optimizer"]["name"]),
        problem=str(shard.settings["problem"]["name"]),
        runs=(),
        count=shard.end - shard.first,
        settings={**shard.settings, "axes": shard.axes},
    )


def last_lines(error: BaseException) -> tuple[str, ...]:
    """Return the last lines of the traceback, those that say where; none if there is no traceback."""
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return tuple(lines[-LAST_LINES:]) if error.__traceback__ or error.__cause__ else ()


def write_failures(folder: Path, failures: Sequence[Failure], command: str) -> Path:
    """Append a line for each failure to ``failures.jsonl`` and return its path."""
    path = folder / FAILURES
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    lines = [json.dumps({"time": when, "command": command, **asdict(f)}) + "\n" for f in failures]
    with open(path, "a", encoding="utf-8") as file:  # one write: lines of several hosts do not mix
        file.write("".join(lines))
    return path


def read_failures(folder: Path) -> tuple[list[Failure], int]:
    """Return what is written down as failed, and how many lines of it cannot be read.

    A last line that has no end may be one that is being written, and is not counted.
    """
    file = folder / FAILURES
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines(True) if file.is_file() else []
    found: list[Failure] = []
    bad = 0
    for line in lines:
        try:
            told = {key: value for key, value in json.loads(line).items() if key in Failure.__annotations__}
            found.append(Failure(**told | {"where": tuple(told["where"]), "runs": tuple(told["runs"])}))
        except (ValueError, TypeError, KeyError, AttributeError):
            bad += line.endswith("\n")
    return found, bad


def outstanding(failures: Sequence[Failure], stored: Collection[str]) -> list[Failure]:
    """Return the failures of the runs that are not stored, each run once, as it failed last.

    Of a worker that died it is not known which runs were lost with it: it is told as it was written down.
    """
    told, found = set(stored), list[Failure]()
    for failure in reversed(failures):
        left = tuple(run for run in failure.runs if run not in told)
        told.update(left)
        if left or not failure.runs:
            found.append(replace(failure, runs=left, count=len(left) or failure.count))
    return found[::-1]


def summary(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield the lines that tell what failed: how many runs of each kind, and where its first case did."""
    kinds: dict[str, list[Failure]] = {}
    for failure in failures:
        kinds.setdefault(failure.kind, []).append(failure)
    for kind, alike in kinds.items():
        first = alike[0]
        cells = dict.fromkeys(f"{failure.optimizer} on {failure.problem}" for failure in alike)
        count = sum(failure.count for failure in alike)
        yield f"{counted(count, 'run')} of {', '.join(cells)} failed with {kind}: {first.message}"
        yield from (f"    {line}" for line in first.where)
