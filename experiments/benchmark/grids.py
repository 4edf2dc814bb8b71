"""Whole grids through the command line: time, memory and disk of a command with all its workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.command_line.signals import APART
from experiments.engine.backend import Backend
from experiments.engine.blocks import block_size
from experiments.engine.numpy_loop import BLAS
from experiments.reports.page import table_text
from experiments.wording import counted
from optim.rmsprop import RMSprop
from problems.quadratic import QuadraticFit

ROOT = Path(__file__).parent.parent.parent
STEPS = 1000
LRS = 100
TIMES, FEW = 16, 5  # as many runs of so few steps, to see what memory does
ARTICLE = (
    "optimizer=rmsprop,sgd,adagrad,adam",
    "problem=quadratic,logistic,rosenbrock",
    "optimizer.lr=logspace:1e-4:1:25",
    "seed=range(0,100)",
)
"""The grid of the README: the article's optimizers on its problems, 12 cells of 2,500 runs."""
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Whole:
    """What a command took, with all the processes that it started.

    Attributes:
        seconds: by the clock.
        peak_memory_mb: of all its processes together, shared memory counted once, at the worst of
            several looks a second; NaN where the system does not tell.
        disk_mb: what it left.
        said: on standard output.
    """

    seconds: float
    peak_memory_mb: float
    disk_mb: float
    said: str


def grids(runs: int) -> Iterator[tuple[str, Whole]]:
    """Yield what grids take: the article's on one core and on all, one of so many runs, one far larger."""
    all_runs, more_runs = counted(runs, "run"), counted(TIMES * runs, "run")
    many = [*of_runs(runs), "record.points=20", "study=many"]
    more = [*of_runs(TIMES * runs), f"steps={FEW}", "record.points=2", "study=more"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for launcher in ("basic", "processes"):
            arguments = ["-m", *ARTICLE, f"study={launcher}", f"hydra/launcher={launcher}"]
            yield f"12 cells of 2,500 runs, hydra/launcher={launcher}", whole(folder, "run", *arguments)
        yield f"{all_runs}, dry_run=true", whole(folder, "run", *many, "dry_run=true")
        yield all_runs, whole(folder, "run", *many)
        yield f"{all_runs}, a second time", whole(folder, "run", *many)
        yield f"{all_runs}, report", whole(folder, "report", "study=many")
        yield f"{more_runs} of {FEW} steps", whole(folder, "run", *more)
        yield f"{more_runs} of {FEW} steps, a second time", whole(folder, "run", *more)
        yield f"{more_runs} of {FEW} steps, report", whole(folder, "report", "study=more")


def of_runs(runs: int) -> list[str]:
    """Return the arguments for a grid of so many runs of RMSprop on the article's fit."""
    seeds, lrs = f"seed=range(0,{runs // LRS})", f"optimizer.lr=logspace:1e-4:1:{LRS}"
    return ["-m", "optimizer=rmsprop", "problem=quadratic", "engine=jax", seeds, lrs]


def whole(folder: Path, name: str, *arguments: str) -> Whole:
    """Run a command in a folder to its end; RuntimeError if it fails."""
    command = [sys.executable, "-m", f"experiments.{name}", *arguments]
    before, began, peak = size_of(folder), time.perf_counter(), np.nan
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]  # the folder is another
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **APART,
    )
    with process:
        while True:
            try:
                said = process.communicate(timeout=SECONDS_BETWEEN_LOOKS)[0]
                break
            except subprocess.TimeoutExpired:
                peak = np.fmax(peak, memory_of(process.pid))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Whole(time.perf_counter() - began, float(peak), (size_of(folder) - before) / 1e6, said)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def memory_of(process: int) -> float:
    """Return the megabytes (1e6 bytes) of a process and all below it; NaN where the system does not tell."""
    place = Path(f"/proc/{process}")
    try:
        pss = re.search(r"^Pss: +(\d+)", (place / "smaps_rollup").read_text(), re.MULTILINE)
        below = [int(c) for t in (place / "task").iterdir() for c in (t / "children").read_text().split()]
    except OSError:  # it has just ended, or this is not Linux
        return np.nan
    own = int(pss[1]) * 1024 / 1e6 if pss else np.nan
    return float(np.nansum([own, *map(memory_of, below)]))


def bare_seconds(runs: int) -> float:
    """Return how long the bare arithmetic of so many runs takes on one core.

    RMSprop on the article's fit: gradient, update and their sum, in plain NumPy; one block, all its
    steps, times the number of blocks. Nothing is recorded, compared or stored.
    """
    problem = QuadraticFit()
    block = block_size(problem, Backend())
    instance = problem.instance(np.arange(block) // LRS)
    optimizer = RMSprop(lr=np.resize(np.geomspace(1e-4, 1, LRS), block))
    params, state = instance.start, optimizer.init(instance.start)
    with BLAS.limit(limits=1):
        began = time.perf_counter()
        for _ in range(STEPS):
            grads = instance.loss_and_grad(params)[1]
            updates, state = optimizer.update(grads, state, params)
            params = params + updates
        return (time.perf_counter() - began) * runs / block


def grid_table(measured: Mapping[str, Whole], bare: float) -> pd.DataFrame:
    """Return one row a command: its seconds by the clock, memory and disk, the bare arithmetic first."""
    rows = [
        {"command": name, "seconds": w.seconds, "peak_memory_mb": w.peak_memory_mb, "disk_mb": w.disk_mb}
        for name, w in measured.items()
    ]
    return pd.DataFrame([{"command": "bare arithmetic of the large grid, one core", "seconds": bare}, *rows])


class Target(NamedTuple):
    """What a grid should take: at most ``limit``, or at least."""

    what: str
    value: float
    unit: str
    limit: float
    at_least: bool = False

    def told(self) -> str:
        """Return in words whether it is reached."""
        reached = self.value >= self.limit if self.at_least else self.value < self.limit
        verdict = "Reached" if reached else "Not reached"
        return f"Target: {self.what}. **{verdict}**: {self.value:.3g} {self.unit}."


def grid_targets(measured: Mapping[str, Whole], bare: float) -> list[Target]:
    """Return the targets of the grids, given what was measured in the order of ``grids``."""
    one, every, foretold, first, second, report, *more = measured.values()
    seconds, disk_mb = read_forecast(foretold.said)
    apart = max(abs(np.log(seconds / first.seconds)), abs(np.log(disk_mb / first.disk_mb)))
    memory, memory_of_more = (
        max(each.peak_memory_mb for each in some) / 1e3 for some in ([first, second, report], more)
    )
    faster, over_bare = one.seconds / every.seconds, first.seconds / bare
    return [
        Target("the article's grid 1.8 times as fast on all cores as on one", faster, "times", 1.8, True),
        Target("the article's grid on all cores in less than 13 s", every.seconds, "s", 13),
        Target("the large grid in less than 12 s", first.seconds, "s", 12),
        Target("the large grid in less than 6 times its bare arithmetic on one core", over_bare, "times", 6),
        Target("the large grid, and its report, in less than 4 GB of memory", memory, "GB", 4),
        Target(f"{TIMES} times the runs, and a report, in less than 4 GB of memory", memory_of_more, "GB", 4),
        Target("the large grid in less than 1.5 GB on disk", first.disk_mb / 1e3, "GB", 1.5),
        Target("the large grid a second time in less than 10 s", second.seconds, "s", 10),
        Target("its report in less than a minute", report.seconds, "s", 60),
        Target("its time and disk foretold within a factor of 2", float(np.exp(apart)), "times off", 2),
    ]


UNITS = {"s": 1, "min": 60, "h": 3600, "kB": 1e-3, "MB": 1, "GB": 1e3}


def read_forecast(said: str) -> tuple[float, float]:
    """Return the seconds and the megabytes that a dry run has foretold."""
    found = re.search(
        r"take about ([\d.e+]+) (s|min|h) in .* and ([\d.e+]+) (kB|MB|GB) on disk", said, re.DOTALL
    )
    if not found:
        raise RuntimeError(f"a dry run said no forecast: {said}")
    return float(found[1]) * UNITS[found[2]], float(found[3]) * UNITS[found[4]]


def write_grids(folder: Path, measured: Mapping[str, Whole], bare: float, machine: str) -> None:
    """Write ``grids.csv`` and ``grids.md`` into ``folder``."""
    rows = grid_table(measured, bare)
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / "grids.csv", index=False, float_format="%.4g")
    parts = ["# Whole grids", f"Measured on: {machine.replace(' (one used)', '')}."]
    targets = "\n".join(f"- {target.told()}" for target in grid_targets(measured, bare))
    parts += [targets, table_text(rows), HOW]
    (folder / "grids.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


HOW = f"""\
Commands as a user types them, from start to end by the clock, each in processes of its own on all cores
unless it says otherwise; other programs on the machine lengthen these times. Memory is that of all
processes of a command together, at the worst of several looks a second. The article's grid is
`{" ".join(ARTICLE)}`. The large grid is RMSprop on the article's fit, compiled, with {LRS} learning rates,
{STEPS:,} steps and 20 recorded points a run, found out and stored as ever. Its bare arithmetic is the
gradient, the update and their sum in plain NumPy, measured on one block in the same run. The grid with
{TIMES} times the runs takes {FEW} steps a run and records two, since it is there for its memory; its report
shows some seeds of each setting, as many as fit."""
