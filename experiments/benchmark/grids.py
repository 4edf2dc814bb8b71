"""Whole grids through the command line: time, memory and disk of a command with all its workers."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.loop import BLAS, block_size
from optim.rmsprop import RMSprop
from problems.quadratic import QuadraticFit

STEPS = 1000
LRS = 100
ARTICLE = (
    "optimizer=rmsprop,sgd,adagrad,adam",
    "problem=quadratic,logistic,rosenbrock",
    "optimizer.lr=logspace:1e-4:1:13",
    "seed=range(0,100)",
)
"""The article's grid: 12 cells of 1,300 runs."""
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
    """Yield what grids take: the article's on one core and on all, then one of so many runs."""
    seeds = f"seed=range(0,{runs // LRS})"
    many = ["-m", "optimizer=rmsprop", "problem=quadratic", seeds, f"optimizer.lr=logspace:1e-4:1:{LRS}"]
    many += ["record.points=20", "study=many"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for launcher in ("basic", "processes"):
            arguments = ["-m", *ARTICLE, f"study={launcher}", f"hydra/launcher={launcher}"]
            yield f"12 cells of 1,300 runs, hydra/launcher={launcher}", whole(folder, "run", *arguments)
        yield f"{runs:,} runs, dry_run=true", whole(folder, "run", *many, "dry_run=true")
        yield f"{runs:,} runs", whole(folder, "run", *many)
        yield f"{runs:,} runs, a second time", whole(folder, "run", *many)
        yield f"{runs:,} runs, report", whole(folder, "report", "study=many")


def whole(folder: Path, name: str, *arguments: str) -> Whole:
    """Run a command in a folder to its end; RuntimeError if it fails."""
    command = [sys.executable, "-m", f"experiments.{name}", *arguments]
    before, began, peak = size_of(folder), time.perf_counter(), np.nan
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
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
    block = block_size(problem)
    instance = problem.instance(np.arange(block) // LRS)
    optimizer = RMSprop(lr=np.resize(np.geomspace(1e-4, 1, LRS), block))
    params, state = instance.start, optimizer.init(instance.start)
    with BLAS.limit(limits=1):
        began = time.perf_counter()
        for step in range(STEPS):
            grads = instance.loss_and_grad(params, step)[1]
            updates, state = optimizer.update(grads, state, params)
            params = params + updates
        return (time.perf_counter() - began) * runs / block


def grid_table(measured: dict[str, Whole], bare: float) -> pd.DataFrame:
    """Return one row a command: its seconds, against the bare arithmetic, its memory and disk."""
    rows = [
        {
            "command": name,
            "seconds": each.seconds,
            "over_bare": each.seconds / bare,
            "peak_memory_mb": each.peak_memory_mb,
            "disk_mb": each.disk_mb,
        }
        for name, each in measured.items()
    ]
    return pd.DataFrame([{"command": "bare arithmetic, one core", "seconds": bare, "over_bare": 1.0}, *rows])
