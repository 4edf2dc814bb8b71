"""Jobs in worker processes: none of them outlives its parent, and the death of one loses no other."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from experiments.command_line.progress import CURRENT
from experiments.command_line.signals import deafen_children
from experiments.command_line.streams import keep_streams
from experiments.wording import counted

SECONDS_BETWEEN_LOOKS = 0.25
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""A server process imports the project once and forks the workers from itself."""
IMPORTED = ("experiments.command_line.command", "experiments.tuning", "experiments.grid.worker")
IF_NEEDED = ("scipy.stats", "sklearn.linear_model")
"""What takes longer to import than all the rest, and what only some problems need."""

log = logging.getLogger(__name__)


class WorkerDied(Exception):
    """A worker process ended before its job did: it was killed, or the system ran out of memory."""


@dataclass(frozen=True)
class Pool:
    """How worker processes are started.

    Attributes:
        workers: how many at once.
        begin: called once in every worker, with ``arguments``; it must be picklable.
    """

    workers: int
    begin: Callable[..., None]
    arguments: tuple[Any, ...]

    def run(self, task: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
        """Return for each job what ``task`` returned for it, or the exception that ended it.

        When a worker dies, the jobs in flight are put off; at the end each is run again by itself,
        and the one that kills its worker a second time is given up.
        """
        ended: dict[int, Any] = {}
        waiting, doubtful = list(range(len(jobs))), list[int]()
        while waiting:
            lost = self.round(task, jobs, waiting, self.workers, ended)
            waiting = [job for job in waiting if job not in ended and job not in lost]
            doubtful += lost
            if lost:
                log.warning(f"a worker process died; {counted(len(lost), 'job')} in flight to be run again")
        for job in doubtful:
            if self.round(task, jobs, [job], 1, ended):
                ended[job] = WorkerDied("the worker process died twice: killed, or out of memory")
        return [ended[job] for job in range(len(jobs))]

    def round(
        self,
        task: Callable[[Any], Any],
        jobs: Sequence[Any],
        chosen: Iterable[int],
        workers: int,
        ended: dict[int, Any],
    ) -> list[int]:
        """Run the chosen jobs, enter their ends in ``ended``, and return those lost with a worker."""
        start_server([name for name in IF_NEEDED if name in sys.modules])
        context = multiprocessing.get_context(METHOD)
        counters = context.Value("q"), context.Value("q")
        queue, flying, told = deque(chosen), dict[Future[Any], int](), (0, 0)
        with ProcessPoolExecutor(
            workers, context, begin_worker, (counters, self.begin, self.arguments)
        ) as executor:
            try:
                while queue or flying:
                    while queue and len(flying) < workers:
                        future = executor.submit(task, jobs[queue[0]])
                        flying[future] = queue.popleft()
                    done, _ = wait(flying, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                    told = tell(counters, told)
                    if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                        return list(flying.values())
                    for future in done:
                        ended[flying.pop(future)] = future.exception() or future.result()
            except BrokenProcessPool:  # found out when a job was handed over
                return list(flying.values())
            except BaseException:
                for process in multiprocessing.active_children():
                    process.kill()
                raise
        return []


def start_server(more: Iterable[str]) -> None:
    """Start the server that workers are forked from, unless it runs.

    It imports the project, and these modules, while this process goes on.
    """
    if METHOD == "forkserver":
        from multiprocessing import forkserver, resource_tracker

        deafen_children(resource_tracker)
        forkserver.set_forkserver_preload([*IMPORTED, *more])
        forkserver.ensure_running()


def tell(counters: tuple[Any, Any], told: tuple[int, int]) -> tuple[int, int]:
    """Pass on how far the workers have come since they had come as far as ``told``."""
    ran, reused = (counter.value for counter in counters)
    CURRENT.get()(ran - told[0], reused - told[1])
    return ran, reused


def begin_worker(counters: tuple[Any, Any], begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Make this process a worker: it counts what it runs, and dies with its parent, not before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and then kills this
    keep_streams()
    parent = multiprocessing.parent_process()
    assert parent is not None
    die_when(parent.join)

    def advance(ran: int, reused: int, /) -> None:
        for counter, more in zip(counters, (ran, reused), strict=True):
            with counter.get_lock():
                counter.value += more

    CURRENT.set(advance)
    begin(*arguments)


def die_when(over: Callable[[], Any]) -> None:
    """End this process at once when ``over`` returns."""

    def watch() -> None:
        over()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
