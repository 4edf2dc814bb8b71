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
from omegaconf import DictConfig, OmegaConf

from experiments import tuning
from experiments.app import bad_input_ends_here, command, fail
from experiments.lanes import Cell, cell_of
from experiments.loop import block_slices, minimize
from experiments.progress import Advance, progress
from experiments.settings import check_settings, study_folder
from experiments.store import Store
from hydra_plugins.lane_sweeper.axes import values

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How many runs of a cell were stored already, how many were run, and which are reported."""

    reused: int
    ran: int
    reported: tuple[str, ...]


def run(config: DictConfig) -> Outcome:
    """Run what the store does not have of one cell, tuned first if asked for."""
    cell = cell_from(config, config.axes)
    store = Store(study_folder(config))
    place = config.progress or {
        "before": 0,
        "total": most_runs(config, cell, config.axes),
        "began": time.time(),
    }
    label = f"{cell.optimizer.name} on {cell.problem.name}"
    with progress(label, int(place["before"]), int(place["total"]), float(place["began"])) as advance:
        outcome = execute(cell, store, advance)
        if config.tune.trials:
            outcome = rerun_best(config, cell, outcome, store, advance)
    if config.progress is None:
        say(cell, store) if not config.tune.trials else closing(config, [cell], [outcome])
    return outcome


def execute(cell: Cell, store: Store, advance: Advance) -> Outcome:
    """Run and store what the store does not have of a cell."""
    stored = cell.runs["run"].isin(store.ids(cell.optimizer.name, cell.problem.name)).to_numpy()
    advance(int(stored.sum()))
    missing = np.flatnonzero(~stored)
    for block in block_slices(cell.problem, len(missing)):
        run_block(cell.take(missing[block]), store)
        advance(len(missing[block]))
    return Outcome(int(stored.sum()), len(missing), tuple(cell.runs["run"]))


def rerun_best(config: DictConfig, pool: Cell, tuned: Outcome, store: Store, advance: Advance) -> Outcome:
    """Run the best trials of each budget, and the defaults, on the seeds that the user wrote."""
    measure, budgets = str(config.tune.measure), list(config.tune.budgets)
    chosen = tuning.select(pool.runs, store.runs(pool.runs["run"]), measure, budgets)
    store.write_selection(chosen, pool)
    settings, axes = settings_of(config), expanded(config.axes)
    best = cell_of(settings, axes, tuning.best_points(chosen))
    of_all_trials = cell_of(settings, axes, tuning.best_points(chosen, max(budgets)))
    defaults = cell_of(settings, axes)
    outcomes = [tuned, execute(best, store, advance), execute(defaults, store, advance)]
    reported = tuple(of_all_trials.runs["run"])  # chosen by the tuning seeds, never by these
    return Outcome(sum(o.reused for o in outcomes), sum(o.ran for o in outcomes), reported)


def run_block(cell: Cell, store: Store) -> None:
    """Run the lanes of a block and store them."""
    trace = minimize(
        cell.problem, cell.optimizer, cell.seeds, steps=cell.steps, points=cell.points, params=cell.params
    )
    store.write(cell, trace, provenance())


def cell_from(config: DictConfig, axes: Mapping[str, str]) -> Cell:
    """Return the cell of these settings and axes as the user wrote them; bad input ends the command.

    With ``tune.trials`` it is the pool of trials on the tuning seeds.
    """
    with bad_input_ends_here():
        check_settings(config, "config")
        settings, levels = settings_of(config), expanded(axes)
        if not config.tune.trials:
            return cell_of(settings, levels)
        tuning.check_choosing(settings["tune"], cell_of(settings, levels).problem.metric_names)
        search = tuning.checked_search(settings["tune"], settings["optimizer"], levels)
        return cell_of(settings, {"seed": search.seeds}, search.points)


def most_runs(config: DictConfig, cell: Cell, axes: Mapping[str, str]) -> int:
    """Return how many runs a job takes: with tuning, the most that the reruns can add."""
    if not config.tune.trials:
        return len(cell.runs)
    held_out = len(cell_of(settings_of(config), expanded(axes)).runs)
    return len(cell.runs) + held_out * (1 + len(config.tune.budgets))


def settings_of(config: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def expanded(axes: Mapping[str, str]) -> dict[str, list[Any]]:
    return {key: values(key, text) for key, text in axes.items()}


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
    tuning_too = ", and the best of them on the seeds to report" if config.tune.trials else ""
    runs = sum(len(cell.runs) for cell in cells)
    log.info(f"{runs:,} runs in {len(cells)} cells{tuning_too}, study {study_folder(config)}")


def closing(config: DictConfig, cells: Sequence[Cell], outcomes: Sequence[Outcome | Exception]) -> None:
    """Say how a grid ended, with a table of the best settings; an error if a cell failed."""
    from experiments.report import closing_table

    done = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    failures = [(cell, o) for cell, o in zip(cells, outcomes, strict=True) if isinstance(o, Exception)]
    ids = [run for outcome in done for run in outcome.reported]
    if ids:
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
