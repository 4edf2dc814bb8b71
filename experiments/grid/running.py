"""A grid, from what is asked for to what came of it: searched, cut, launched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from experiments.command_line.progress import progress
from experiments.grid.batch import marker, this_process
from experiments.grid.ended import Ended, Foretold, results_of
from experiments.grid.failures import failure_of_shard
from experiments.grid.forecast import duration, forecasts
from experiments.grid.request import Request
from experiments.grid.shards import Batch, Shard, packed
from experiments.grid.worker import Outcome, total
from experiments.plugins.loading import digests
from experiments.plugins.state import folders
from experiments.request.product import Product
from experiments.store import Store
from experiments.store.parquet import Damaged
from experiments.wording import counted

log = logging.getLogger(__name__)


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


def run_grid(requests: Sequence[Request], launch: Launch, command: str) -> Ended | Foretold:
    """Run a grid and return what came of it; what turns out to be damaged in the store is run again.

    With ``dry_run`` nothing is run, and what it will take is returned.

    Args:
        command: what the user typed, for the provenance of the runs.
    """
    for name in untuned(requests):
        log.info(f"{name} has no search space: nothing to tune, run as it is")
    store = Store(requests[0].folder, read_only=requests[0].settings["dry_run"])
    if requests[0].settings["dry_run"]:
        return foretold(requests, store, launch)
    store.check_writable()
    try:
        return attempt(requests, store, launch, command)
    except Damaged as error:
        log.warning(f"{error}: set aside, its runs are run again")
        store.set_aside(error.file.name)
        return run_grid(requests, launch, command)


def untuned(requests: Sequence[Request]) -> list[str]:
    """Return the optimizers that are to be tuned and have nothing to search, each once."""
    asked = [request.settings for request in requests if not request.search]
    return list(dict.fromkeys(s["optimizer"]["name"] for s in asked if s["tune"]["trials"]))


def attempt(requests: Sequence[Request], store: Store, launch: Launch, command: str) -> Ended:
    """Run a grid and return what came of it."""
    grid = Batch(
        folder=str(store.folder.absolute()),
        command=command,
        parent=this_process(),
        grid=uuid4().hex[:12],
        fail_fast=requests[0].settings["fail_fast"],
        plugins=folders(),
        outside=digests(),
    )
    if len(requests) > 1 or len(requests[0].product) > 1:
        log.info(in_words(requests, store))
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
    return Ended(store.folder, command, total([first, then]), reported, results_of(store, reported))


def in_words(requests: Sequence[Request], store: Store) -> str:
    """Return in words what a grid will run."""
    tuned = any(request.search for request in requests)
    tuning_too = ", and the best of them on the seeds to report" if tuned else ""
    runs = sum(len(request.first_runs[1]) for request in requests)
    return f"{counted(runs, 'run')} in {counted(len(requests), 'cell')}{tuning_too}, study {store.folder}"


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


def foretold(requests: Sequence[Request], store: Store, launch: Launch) -> Foretold:
    """Return what a grid will take, and run nothing."""
    starting = time.process_time()  # what a process takes before it works: this one has just done that
    parts = [request.first_runs for request in requests]
    batches = packed(parts, launch.jobs, launch.least)
    more = [each.most_runs - len(product) for each, (_, product) in zip(requests, parts, strict=True)]
    with store.looking_once():
        found = forecasts(parts, more, batches, store)
    workers = min(launch.workers, len(batches))
    seconds = duration(found, parts, batches, workers) + starting * (1 if workers == 1 else 2)
    return Foretold(found, len(batches), workers, seconds)
