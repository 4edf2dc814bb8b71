"""Run one setting, or with -m a grid: config -> lanes -> minimize -> store."""

from __future__ import annotations

import logging
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from experiments.app import bad_input_ends_here, command, fail
from experiments.lanes import Cell, cell_of, checked_study
from experiments.loop import block_slices, minimize
from experiments.progress import progress
from experiments.store import Store
from hydra_plugins.lane_sweeper.axes import values

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How many runs of a cell were stored already, and how many were run."""

    reused: int
    ran: int


def run(config: DictConfig) -> Outcome:
    """Run what the store does not have of one cell."""
    cell = cell_from(config, config.axes)
    store = Store(study_folder(config))
    stored = cell.runs["run"].isin(store.ids(cell.optimizer.name, cell.problem.name)).to_numpy()
    place = config.progress or {"before": 0, "total": len(cell.runs), "began": time.time()}
    label = f"{cell.optimizer.name} on {cell.problem.name}"
    with progress(label, int(place["before"]), int(place["total"]), float(place["began"])) as advance:
        advance(int(stored.sum()))
        missing = np.flatnonzero(~stored)
        for block in block_slices(cell.problem, len(missing)):
            run_block(cell.take(missing[block]), store)
            advance(len(missing[block]))
    if config.progress is None:
        say(cell, store)
    return Outcome(reused=int(stored.sum()), ran=len(missing))


def run_block(cell: Cell, store: Store) -> None:
    """Run the lanes of a block and store them."""
    trace = minimize(
        cell.problem, cell.optimizer, cell.seeds, steps=cell.steps, points=cell.points, params=cell.params
    )
    store.write(cell, trace, provenance())


def cell_from(config: DictConfig, axes: Mapping[str, str]) -> Cell:
    """Return the cell of these settings and axes as the user wrote them; bad input ends the command."""
    with bad_input_ends_here():
        checked_study(config.study)
        settings = OmegaConf.to_container(config, resolve=True)
        assert isinstance(settings, dict)
        expanded = {key: values(key, text) for key, text in axes.items()}
        return cell_of({str(key): value for key, value in settings.items()}, expanded)


def study_folder(config: DictConfig) -> Path:
    return Path(config.results) / checked_study(config.study)


def provenance() -> dict[str, str]:
    """Return where a run comes from: versions, machine, commit, command."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.node()} {platform.machine()}",
        "commit": commit(),
        "command": " ".join(sys.argv[1:]),
    }


@cache
def commit() -> str:
    """Return the commit of this code, with a mark if files have changed since; empty if unknown."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def opening(config: DictConfig, cells: Sequence[Cell]) -> None:
    """Say what a grid will run."""
    runs = sum(len(cell.runs) for cell in cells)
    log.info(f"{runs:,} runs in {len(cells)} cells, study {study_folder(config)}")


def closing(config: DictConfig, cells: Sequence[Cell], outcomes: Sequence[Outcome | Exception]) -> None:
    """Say how a grid ended, with a table of the best settings; exit code 1 if a cell failed."""
    from experiments.report import closing_table

    done = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    failures = [(cell, o) for cell, o in zip(cells, outcomes, strict=True) if isinstance(o, Exception)]
    ids = pd.concat([cell.runs["run"] for cell in cells])
    closing_table(Store(study_folder(config)).runs(ids))
    ran, reused = sum(o.ran for o in done), sum(o.reused for o in done)
    print(f"{ran:,} runs done, {reused:,} reused; stored in {study_folder(config)}")
    for cell, error in failures:
        log.error(f"failed: {cell.optimizer.name} on {cell.problem.name}", exc_info=error)
    if failures:
        fail(f"{len(failures)} of {len(cells)} cells failed; the same command runs what is missing")


def say(cell: Cell, store: Store) -> None:
    """Say how a single run ended."""
    [row] = store.runs(cell.runs["run"]).to_dict("records")
    label = f"{cell.optimizer.name} on {cell.problem.name}, seed {row['seed']}"
    print(f"{label}: {ending(row, cell.problem.metric_names)}")
    print(f"run {row['run']}, stored in {store.folder}")


def ending(row: dict[Any, Any], metrics: Sequence[str]) -> str:
    """Return in words how a run ended."""
    if row["status"] == "diverged":
        return (
            f"diverged at step {row['diverged_at']:.0f} of {row['steps']}; best loss {row['best_loss']:.6g}"
        )
    measured = "".join(f", {name} {row[name]:.6g}" for name in metrics)
    return (
        f"loss {row['loss']:.6g} after {row['steps']} steps{measured}, suboptimality "
        f"{row['suboptimality']:.3g}, {row['distance']:.3g} from the minimiser"
    )


main = command("config", run)

if __name__ == "__main__":
    # the sweeper imports this module by its name; run that one, so that there is only one
    from experiments.run import main as only_main

    only_main()
