"""One contestant in a process of its own: python -m experiments.benchmark.worker.

Reads what to do from standard input, one line of JSON, makes it ready and says so. Then
each further line asks for one repetition and is answered with one line of JSON. (Where a
library writes to standard output, it goes to standard error.)
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
from typing import IO

from experiments.benchmark.case import CONTESTANTS, Case


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


def main() -> None:
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        work = json.loads(sys.stdin.readline())
        hold_to(work["prepare_on"])
        prepared = CONTESTANTS[work["contestant"]].prepare(Case(**work["case"]))
        prepared.run()
        hold_to(work["run_on"])
        answer(answers, {"compile_seconds": prepared.compile_seconds})
        for _ in sys.stdin:
            answer(answers, asdict(repetition(prepared.run, work["seconds"])))


def answer(answers: IO[str], content: dict[str, float]) -> None:
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
