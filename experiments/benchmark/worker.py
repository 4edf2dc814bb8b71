"""One contestant in a process of its own: python -m experiments.benchmark.worker.

Reads what to do from standard input, one line of JSON, imports what that needs and says so.
The next line asks for the first call, each further line for one repetition; each is answered
with one line of JSON. (Where a library writes to standard output, it goes to standard error.)
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from experiments.benchmark.case import CONTESTANTS, NETWORKS, Case, Prepared


@dataclass(frozen=True)
class Repetition:
    """What one repetition took, and the most memory this process has held so far.

    ``cpu_seconds`` is the processor's time, of all threads: on one core and with nothing
    else running it is ``wall_seconds``, and other programs do not lengthen it.
    """

    lane_steps: int
    cpu_seconds: float
    wall_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class FirstCall:
    """What the first call in a process took, from the case to its results.

    That is: making the data, starting the library, tracing and compiling where there is a
    compiler, and one run. Imports come before and are not counted.
    """

    lane_steps: int
    cpu_seconds: float
    wall_seconds: float
    compile_seconds: float


def main() -> None:
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        work = json.loads(sys.stdin.readline())
        hold_to(work["import_on"])
        prepare = {**CONTESTANTS, **NETWORKS}[work["contestant"]].load()
        hold_to(work["run_on"])
        answer(answers, {})
        sys.stdin.readline()
        first, run = first_call(prepare, Case(**work["case"]))
        hold_to(work["run_on"])  # the threads that the library has started since, too
        answer(answers, asdict(first))
        for _ in sys.stdin:
            answer(answers, asdict(repetition(run, work["seconds"])))


def first_call(prepare: Callable[[Case], Prepared], case: Case) -> tuple[FirstCall, Callable[[], int]]:
    """Make a case ready and do the work for the first time; return what that took, and the work."""
    cpu, wall = time.process_time(), time.perf_counter()
    prepared = prepare(case)
    lane_steps = prepared.run()
    took = time.process_time() - cpu, time.perf_counter() - wall
    return FirstCall(lane_steps, *took, prepared.compile_seconds), prepared.run


def answer(answers: IO[str], content: dict[str, Any]) -> None:
    print(json.dumps(content), file=answers, flush=True)


def hold_to(core: int | None) -> None:
    """Hold all threads of this process to one core, where the system can."""
    if core is not None:
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), {core})


def repetition(run: Callable[[], int], seconds: float) -> Repetition:
    """Do the work again and again, for at least so many seconds of processor time."""
    lane_steps, cpu, wall = 0, time.process_time(), time.perf_counter()
    while not lane_steps or time.process_time() - cpu < seconds:
        lane_steps += run()
    return Repetition(lane_steps, time.process_time() - cpu, time.perf_counter() - wall, peak_memory_mb())


def peak_memory_mb() -> float:
    """Return the most memory that this whole process has held, in megabytes (1e6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts a process's maxrss from its parent's on: this line is its own
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
