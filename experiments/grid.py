"""A grid, from what is asked for to what came of it: searched, cut, launched, told."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from experiments import estimate, tuning
from experiments.app import TYPED, fail
from experiments.batch import expanded, marker, this_process
from experiments.failures import Failure, failure_of_shard, summary, write_failures
from experiments.lanes import Product, product_of
from experiments.parquet import Damaged
from experiments.progress import progress
from experiments.shards import Batch, Shard, packed
from experiments.store import Store
from experiments.terminal import closing_table, forecast_table
from experiments.wording import counted
from experiments.work import Outcome, total
from optim import OPTIMIZERS

log = logging.getLogger(__name__)

DECIDING = ("optimizer", "problem", "seed", "steps", "record")
"""The keys of the settings that decide what a run is."""
MOST_LINES = 6  # of cells that lack runs
MOST_SHOWN = 10_000_000  # runs: their table takes 160 MB a million


@dataclass(frozen=True)
class Request:
    """The runs of one optimizer on one problem that a user asks for.

    Attributes:
        settings: as composed: what decides the runs, and what to do with them.
        axes: what varies, as the user wrote it.
        product: the runs to report.
        search: the trials that come before them, if they are to be tuned and have something to search.
    """

    settings: Mapping[str, Any]
    axes: Mapping[str, str]
    product: Product
    search: tuning.Search | None

    @property
    def folder(self) -> Path:
        """The folder of the study."""
        return Path(self.settings["results"]) / str(self.settings["study"])

    @property
    def first_runs(self) -> tuple[Shard, Product]:
        """The runs that can be run at once: the trials of a search, or what is asked for."""
        if self.search is None:
            return self.part(self.axes, {}, self.product)
        seeds = {"seed": self.search.seeds}
        axes = {"seed": f"range({self.search.seeds[0]},{self.search.seeds[-1] + 1})"}
        points = self.search.points
        return self.part(axes, points, product_of(self.settings, seeds, points))

    def part(
        self, axes: Mapping[str, str], points: Mapping[str, Any], product: Product
    ) -> tuple[Shard, Product]:
        """Return some of the runs in words, and as a product."""
        settings = {key: value for key, value in self.settings.items() if key in DECIDING}
        settings["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "search"}
        lists = {key: list(map(float, column)) for key, column in points.items()}
        return Shard(settings, dict(axes), lists, 0, len(product)), product

    def widened(self, store: Store) -> Request:
        """Return the same search in a wider space if the best trial lies at its edge, else this one."""
        if self.search is None:
            return self
        limits = OPTIMIZERS[self.settings["optimizer"]["name"]].hyperparameters()
        edges = tuning.at_edge(self.chosen(store), self.search.space, limits)
        space = tuning.widened(self.search.space, edges, limits)
        if space == self.search.space:
            return self
        tune = self.settings["tune"]
        points = tuning.draw(space, tune["trials"], tune["method"])
        return replace(self, search=replace(self.search, space=space, points=points))

    def chosen(self, store: Store) -> pd.DataFrame:
        """Return how the trials compare, and which are the best for each budget."""
        pool, tune = self.first_runs[1].cell(), self.settings["tune"]
        return tuning.select(
            pool.runs, store.runs_of(pool), str(tune["measure"]), [*tune["budgets"], tune["trials"]]
        )

    def tuned_runs(self, store: Store) -> list[tuple[Shard, Product]]:
        """Choose among the trials, store the choice, and return the runs that it leads to.

        They are the best trials of each budget, and the defaults, on the seeds that the user
        wrote; the best of all trials are the first.
        """
        if self.search is None:
            return []
        chosen = self.chosen(store)
        store.write_selection(chosen, self.first_runs[1].cell(), self.search.space)
        settings, axes, trials = self.settings, expanded(self.axes), self.settings["tune"]["trials"]
        choices = [tuning.best_points(chosen, trials), tuning.best_points(chosen), {}]
        return [self.part(self.axes, points, product_of(settings, axes, points)) for points in choices]

    @property
    def most_runs(self) -> int:
        """How many runs it takes: with tuning, the most that the choices can add."""
        reruns = 1 + len(self.settings["tune"]["budgets"]) if self.search else 0
        return len(self.first_runs[1]) + reruns * len(self.product)


@dataclass(frozen=True)
class Launch:
    """How batches are run: here one after another, or in parallel anywhere.

    Attributes:
        run: returns what each batch came to, or the exception that ended it.
        jobs: how many batches to make, roughly and at most.
        least: how many seconds of work are worth a batch.
        workers: how many run at once.
    """

    run: Callable[[Sequence[Batch]], Sequence[Outcome | BaseException]]
    jobs: int = 1
    least: float = 0.0
    workers: int = 1


def run_grid(requests: Sequence[Request], launch: Launch) -> None:
    """Run a grid and say how it went; what turns out to be damaged in the store is run again."""
    for name in untuned(requests):
        log.info(f"{name} has no search space: nothing to tune, run as it is")
    store = Store(requests[0].folder, read_only=requests[0].settings["dry_run"])
    if requests[0].settings["dry_run"]:
        foretell(requests, store, launch)
        return
    store.check_writable()
    try:
        attempt(requests, store, launch)
    except Damaged as error:
        log.warning(f"{error}: set aside, its runs are run again")
        store.set_aside(error.file.name)
        run_grid(requests, launch)


def untuned(requests: Sequence[Request]) -> list[str]:
    """Return the optimizers that are to be tuned and have nothing to search, each once."""
    asked = [request.settings for request in requests if not request.search]
    return list(dict.fromkeys(s["optimizer"]["name"] for s in asked if s["tune"]["trials"]))


def attempt(requests: Sequence[Request], store: Store, launch: Launch) -> None:
    """Run a grid and say how it went; an error if anything failed."""
    grid = Batch(
        folder=str(store.folder.absolute()),
        command=TYPED.get(),
        parent=this_process(),
        grid=uuid4().hex[:12],
        fail_fast=requests[0].settings["fail_fast"],
    )
    if len(requests) > 1 or len(requests[0].product) > 1:
        opening(requests, store)
    try:
        requests, first = searched(requests, store, launch, grid)
        with store.looking_once():
            tuned = [] if first.failures or first.stopped else [r.tuned_runs(store) for r in requests]
        # the first of each are among the second: two jobs would run them twice
        then = launched([part for parts in tuned for part in parts[1:]], launch, grid)
    finally:
        marker(grid).unlink(missing_ok=True)
    reported = [request.product for request in requests]
    if tuned:
        pairs = zip(tuned, reported, strict=True)
        reported = [parts[0][1] if parts else product for parts, product in pairs]
    closing(store, reported, total([first, then]), grid)


def searched(
    requests: Sequence[Request], store: Store, launch: Launch, grid: Batch
) -> tuple[Sequence[Request], Outcome]:
    """Run what can be run at once; with ``tune.extend``, again in wider spaces until the best are inside."""
    outcome = launched([request.first_runs for request in requests], launch, grid)
    for _ in range(int(requests[0].settings["tune"]["extend"])):
        if outcome.failures or outcome.stopped:
            break
        with store.looking_once():
            wider = [request.widened(store) for request in requests]
        again = [new for new, old in zip(wider, requests, strict=True) if new is not old]
        if not again:
            break
        for request in again:
            log.info(spelled(request))
        outcome = total([outcome, launched([request.first_runs for request in again], launch, grid)])
        requests = wider
    return requests, outcome


def spelled(request: Request) -> str:
    """Return in words that a search goes on in a wider space, and in which."""
    assert request.search is not None
    ends = (f"{name} from {s['low']:g} to {s['high']:g}" for name, s in request.search.space.items())
    where = f"{request.settings['optimizer']['name']} on {request.settings['problem']['name']}"
    return f"{where}: best at the edge, searching {', '.join(ends)}"


def launched(parts: Sequence[tuple[Shard, Product]], launch: Launch, grid: Batch) -> Outcome:
    """Run some parts of a grid in batches and return what came of it."""
    batches = [replace(grid, shards=shards) for shards in packed(parts, launch.jobs, launch.least)]
    with progress(sum(len(product) for _, product in parts)):
        ends = launch.run(batches) if batches else []
    return total(
        lost(batch, end) if isinstance(end, BaseException) else end
        for batch, end in zip(batches, ends, strict=True)
    )


def lost(batch: Batch, error: BaseException) -> Outcome:
    """Return what a batch came to that an error ended as a whole."""
    return Outcome(failures=tuple(failure_of_shard(shard, error) for shard in batch.shards))


def foretell(requests: Sequence[Request], store: Store, launch: Launch) -> None:
    """Show what a grid holds and what it will take, and run nothing."""
    starting = time.process_time()  # what a process takes before it works: this one has just done that
    parts = [request.first_runs for request in requests]
    batches = packed(parts, launch.jobs, launch.least)
    more = [each.most_runs - len(product) for each, (_, product) in zip(requests, parts, strict=True)]
    with store.looking_once():
        found = estimate.forecasts(parts, more, batches, store)
    workers = min(launch.workers, len(batches))
    seconds = estimate.duration(found, parts, batches, workers) + starting * (1 if workers == 1 else 2)
    forecast_table(found, len(batches), workers, seconds)


# What is said


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
