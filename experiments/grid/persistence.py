"""Batches whose worker died are launched again: one that kills its worker costs no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.grid.batch import marker
from experiments.grid.pool import WorkerDied
from experiments.grid.shards import Batch
from experiments.grid.worker import Outcome

End = Outcome | BaseException
DEATHS = {"BrokenProcessPool", "UncompletedJobError", "WorkerCrashedError"}
"""What joblib, Submitit and Ray raise when a worker was killed, by name: none of them need be installed."""
NO_DEATH = {"FailedJobError"}  # of Submitit: derived from the above, but the job has told its end

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Persistence:
    """Launches batches, and again those whose worker died; a second death is the end.

    Attributes:
        launch: returns what each batch came to, or raises where a death has ended all.
        count: returns how many runs are stored.
    """

    launch: Callable[[Sequence[Batch]], Sequence[Any]]
    count: Callable[[], int]

    def run(self, batches: Sequence[Batch]) -> list[End]:
        """Return what each batch came to, or the exception that ended it."""
        before = self.count()
        ends, died = self.attempt(batches, last=False)
        return recounted(ends, self.count() - before) if died else ends

    def attempt(self, batches: Sequence[Batch], *, last: bool) -> tuple[list[End], bool]:
        """Return what each batch came to, and whether a worker died; ``last`` if one has died before."""
        try:
            ends = list(self.launch(batches))
        except Exception as error:
            if is_death(error) and len(batches) > 1:
                return self.in_halves(batches), True
            ends = [error] * len(batches)
        lost = [place for place, end in enumerate(ends) if is_death(end)]
        if lost:
            again = [batches[place] for place in lost]
            for place, end in zip(lost, given_up(again) if last else self.again(again), strict=True):
                ends[place] = end
        return ends, bool(lost)

    def again(self, batches: Sequence[Batch]) -> list[End]:
        """Return what the batches came to, launched again, of which each has lost a worker."""
        log.warning(f"a worker process died; jobs that are run again: {len(batches)}")
        return self.attempt(batches, last=True)[0]

    def in_halves(self, batches: Sequence[Batch]) -> list[End]:
        """Return what the batches came to, launched again, of which one has ended all.

        Nobody knows which: halves are halved until it is alone. What is stored is not run again.
        """
        log.warning(f"a worker process died; jobs that are run again, in halves: {len(batches)}")
        half = (len(batches) + 1) // 2
        return [end for part in (batches[:half], batches[half:]) for end in self.attempt(part, last=True)[0]]


def given_up(batches: Sequence[Batch]) -> list[End]:
    """Return the ends of batches that have lost a worker twice; where a failure ends the grid, it does."""
    for batch in batches:
        if batch.fail_fast:
            marker(batch).touch()
    return [WorkerDied("the worker process died twice: killed, or out of memory") for _ in batches]


def is_death(end: Any) -> bool:
    """Tell whether this is what a launcher raises when a worker process was killed."""
    names = {cls.__name__ for cls in type(end).__mro__}
    return bool(names & DEATHS) and not names & NO_DEATH


def recounted(ends: Sequence[End], stored: int) -> list[End]:
    """Return the ends with so many runs counted as run that were found stored when launched again.

    The workers that stored them had no time to say so.
    """
    untold = stored - sum(end.ran for end in ends if isinstance(end, Outcome))
    told: list[End] = []
    for end in ends:
        if isinstance(end, Outcome):
            more = min(max(untold, 0), end.reused)
            untold -= more
            end = replace(end, ran=end.ran + more, reused=end.reused - more)
        told.append(end)
    return told
