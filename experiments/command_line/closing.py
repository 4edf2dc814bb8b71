"""What a command says of a grid that has ended, or that was foretold."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.command_line.command import fail
from experiments.command_line.terminal import closing_table, forecast_table
from experiments.grid.ended import Ended, Foretold
from experiments.grid.failures import Failure, summary, write_failures
from experiments.request.product import Product
from experiments.wording import counted

log = logging.getLogger(__name__)

MOST_LINES = 6  # of cells that lack runs


def tell(end: Ended | Foretold) -> None:
    """Say what came of a grid, or what it will take; an error if anything failed."""
    if isinstance(end, Foretold):
        forecast_table(end.cells, end.jobs, end.workers, end.seconds)
    else:
        closing(end)


def closing(end: Ended) -> None:
    """Say how a grid ended, with a table of the best settings; an error if anything failed."""
    outcome = end.outcome
    if end.is_one_run:
        say(end)
    else:
        say_best(end)
        print(f"{counted(outcome.ran, 'run')} done, {outcome.reused:,} reused; stored in {end.folder}")
    if outcome.failures:
        say_failures(outcome.failures, end.folder, end.command)
    if outcome.failures or outcome.stopped:
        count = sum(failure.count for failure in outcome.failures)
        reasons = [f"{counted(count, 'run')} failed"] if count else []
        reasons += [outcome.stopped] if outcome.stopped else []
        fail(f"{'; '.join(reasons)}; the same command runs what is missing")


def say_best(end: Ended) -> None:
    """Show the best setting of each optimizer on each problem, if they are not too many to compare."""
    if end.results is None:
        runs = sum(len(product) for product in end.reported)
        print(f"{counted(runs, 'run is', 'runs are')} too many to compare here")
        return
    rows = pd.concat(end.results, ignore_index=True)
    if len(rows):
        closing_table(rows)
        say_missing(end.reported, [len(frame) for frame in end.results])


def say_missing(reported: Sequence[Product], there: Sequence[int]) -> None:
    """Say of which optimizers and problems there are fewer runs than were asked for."""
    lacking = [
        f"{product.method(0, 1).optimizer.name} on {product.problem.name}: {len(product) - count:,} of "
        f"{counted(len(product), 'run')} are not there to compare"
        for product, count in zip(reported, there, strict=True)
        if count < len(product)
    ]
    for line in [
        *lacking[:MOST_LINES],
        *[f"and {len(lacking) - MOST_LINES:,} more"][: len(lacking) > MOST_LINES],
    ]:
        print(line)


def say_failures(failures: Sequence[Failure], folder: Path, arguments: str) -> None:
    """Say what failed, the first of each kind with where, and write all down."""
    for line in summary(failures):
        log.error(line)
    try:
        log.error(f"all failures are in {write_failures(folder, failures, arguments)}")
    except OSError as error:
        log.error(f"the failures could not be written down: {error}")


def say(end: Ended) -> None:
    """Say how a single run ended, if it did."""
    for row in pd.concat(end.results or []).to_dict("records"):
        label = f"{row['optimizer']} on {row['problem']}, seed {row['seed']}"
        print(f"{label}: {ending(row, end.reported[0].problem.metric_names)}")
        print(f"run {row['run']}, stored in {end.folder}")


def ending(row: dict[Any, Any], metrics: Sequence[str]) -> str:
    """Return in words how a run ended."""
    if row["status"] == "diverged":
        return (
            f"diverged at step {row['diverged_at']:.0f} of {row['steps']}; best loss {row['best_loss']:.6g}"
        )
    measured = "".join(f", {name} {row[name]:.6g}" for name in metrics)
    stalled = "; stalled, as the optimizer's state has overflowed" if row["status"] == "stalled" else ""
    distance = "" if math.isnan(row["distance"]) else f", {row['distance']:.3g} from the minimiser"
    return (
        f"loss {row['loss']:.6g} after {row['steps']} steps{measured}, suboptimality "
        f"{row['suboptimality']:.3g}{distance}{stalled}"
    )
