"""What a grid says as it begins and when it has ended."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from experiments.command_line.command import fail
from experiments.command_line.terminal import closing_table
from experiments.grid.failures import Failure, summary, write_failures
from experiments.grid.request import Request
from experiments.grid.shards import Batch
from experiments.grid.worker import Outcome
from experiments.request.product import Product
from experiments.store import Store
from experiments.wording import counted

log = logging.getLogger(__name__)

MOST_LINES = 6  # of cells that lack runs
MOST_SHOWN = 10_000_000  # runs: their table takes 160 MB a million


def opening(requests: Sequence[Request], store: Store) -> None:
    """Say what a grid will run."""
    tuned = any(request.search for request in requests)
    tuning_too = ", and the best of them on the seeds to report" if tuned else ""
    runs = sum(len(request.first_runs[1]) for request in requests)
    log.info(f"{counted(runs, 'run')} in {counted(len(requests), 'cell')}{tuning_too}, study {store.folder}")


def closing(store: Store, reported: Sequence[Product], outcome: Outcome, grid: Batch) -> None:
    """Say how a grid ended, with a table of the best settings; an error if anything failed."""
    alone = len(reported) == len(reported[0]) == 1
    if alone:
        say(reported[0], store)
    else:
        say_best(store, reported)
        print(f"{counted(outcome.ran, 'run')} done, {outcome.reused:,} reused; stored in {store.folder}")
    if outcome.failures:
        say_failures(outcome.failures, store, grid.command)
    if outcome.failures or outcome.stopped:
        count = sum(failure.count for failure in outcome.failures)
        reasons = [f"{counted(count, 'run')} failed"] if count else []
        reasons += [outcome.stopped] if outcome.stopped else []
        fail(f"{'; '.join(reasons)}; the same command runs what is missing")


def say_best(store: Store, reported: Sequence[Product]) -> None:
    """Show the best setting of each optimizer on each problem, if that does not take too much memory."""
    runs = sum(len(product) for product in reported)
    if runs > MOST_SHOWN:
        print(f"{counted(runs, 'run is', 'runs are')} too many to compare here")
        return
    fixed = ["optimizer", "problem", "steps", "optimizer.lr", *differing([p.allowed for p in reported])]
    with store.looking_once():
        frames = [store.results(product, ["status", "suboptimality"], fixed) for product in reported]
    rows = pd.concat(frames, ignore_index=True)
    if len(rows):
        closing_table(rows)
        say_missing(reported, [len(frame) for frame in frames])


def say_missing(reported: Sequence[Product], there: Sequence[int]) -> None:
    """Say of which optimizers and problems there are fewer runs than were asked for."""
    lacking = [
        f"{product.optimizer(0, 1).name} on {product.problem.name}: {len(product) - count:,} of "
        f"{counted(len(product), 'run')} are not there to compare"
        for product, count in zip(reported, there, strict=True)
        if count < len(product)
    ]
    for line in [
        *lacking[:MOST_LINES],
        *[f"and {len(lacking) - MOST_LINES:,} more"][: len(lacking) > MOST_LINES],
    ]:
        print(line)


def differing(allowed: Sequence[Mapping[str, Sequence[Any]]]) -> list[str]:
    """Return the settings that are not the same number in all cells that have them."""
    keys = dict.fromkeys(key for each in allowed for key in each)
    return [key for key in keys if len({each[key][0] for each in allowed if key in each}) > 1]


def say_failures(failures: Sequence[Failure], store: Store, arguments: str) -> None:
    """Say what failed, the first of each kind with where, and write all down."""
    for line in summary(failures):
        log.error(line)
    try:
        log.error(f"all failures are in {write_failures(store.folder, failures, arguments)}")
    except OSError as error:
        log.error(f"the failures could not be written down: {error}")


def say(product: Product, store: Store) -> None:
    """Say how a single run ended, if it did."""
    rows = store.runs_of(product.cell()).to_dict("records")
    for row in rows:
        label = f"{row['optimizer']} on {row['problem']}, seed {row['seed']}"
        print(f"{label}: {ending(row, product.problem.metric_names)}")
        print(f"run {row['run']}, stored in {store.folder}")


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
