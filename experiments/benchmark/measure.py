"""Runs the contestants in turn, each in a process of its own, all on the same core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import IO, Any

from experiments.benchmark.case import CONTESTANTS, Case
from experiments.benchmark.worker import FirstCall, Repetition
from experiments.command_line.signals import APART

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


@dataclass(frozen=True)
class Measurement:
    """What one contestant did on one case."""

    case: Case
    contestant: str
    first: FirstCall
    repetitions: tuple[Repetition, ...]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        lanes: numbers of lanes, in rising order.
        steps: of one run, at most.
        lane_steps: problem -> lane-steps of one call, at most: many lanes take fewer steps.
        highest_lr: optimizer -> problem -> upper end of the learning rates, 1 where not said.
        repeats: repetitions of each measurement.
        seconds: processor time of a repetition, at least.
    """

    optimizers: Sequence[str]
    problems: Sequence[str]
    lanes: Sequence[int]
    contestants: Sequence[str]
    steps: int
    lane_steps: dict[str, int]
    highest_lr: dict[str, dict[str, float]]
    repeats: int
    seconds: float

    @property
    def races(self) -> int:
        """How many times the contestants race."""
        return len(self.optimizers) * len(self.problems) * len(self.lanes)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield optimizers and problems."""
        for problem in self.problems:
            for optimizer in self.optimizers:
                yield optimizer, problem

    def suited(self, lanes: int) -> list[str]:
        """Return the contestants that are measured at that number of lanes."""
        return [name for name in self.contestants if CONTESTANTS[name].suits(lanes)]

    def case(self, optimizer: str, problem: str, lanes: int) -> Case:
        """Return the case with that many lanes."""
        steps = min(self.steps, max(1, self.lane_steps[problem] // lanes))
        highest_lr = self.highest_lr.get(optimizer, {}).get(problem, 1.0)
        return Case(optimizer, problem, lanes, steps, highest_lr)


def races(plan: Plan) -> Iterator[list[Measurement]]:
    """Yield the measurements of all contestants on one case after another.

    What goes run by run starts once for an optimizer and a problem, with the largest case,
    and is measured again beside the others at every number of lanes.
    """
    one_by_one = [name for name in plan.contestants if CONTESTANTS[name].one_by_one]
    for pair in plan.pairs():
        whole = replace(plan.case(*pair, plan.lanes[-1]), steps=plan.steps)
        with started(whole, plan.seconds, one_by_one) as stay:
            for lanes in plan.lanes:
                case, suited = plan.case(*pair, lanes), plan.suited(lanes)
                with started(case, plan.seconds, [name for name in suited if name not in stay]) as leave:
                    yield race(case, {name: {**stay, **leave}[name] for name in suited}, plan.repeats)


def race(case: Case, workers: dict[str, Worker], repeats: int) -> list[Measurement]:
    """Measure all contestants on a case, in turn, so that all meet the same machine."""
    rounds = [{name: worker.repetition() for name, worker in workers.items()} for _ in range(repeats)]
    return [
        Measurement(case, name, worker.first, tuple(turn[name] for turn in rounds))
        for name, worker in workers.items()
    ]


class Worker:
    """A process that has one contestant ready, or is about to.

    ``first`` is what its first call took, once there has been one.
    """

    first: FirstCall

    def __init__(self, name: str, process: subprocess.Popen[str], work: dict[str, Any]) -> None:
        self.name = name
        self.process = process
        self.ask(json.dumps(work))

    def wait(self) -> None:
        """Wait until all is imported."""
        self.answer()

    def first_call(self) -> None:
        """Let it do its work for the first time."""
        self.ask("first")
        self.first = FirstCall(**self.answer())

    def repetition(self) -> Repetition:
        """Let it do one repetition."""
        self.ask("again")
        return Repetition(**self.answer())

    def ask(self, line: str) -> None:
        print(line, file=pipe(self.process.stdin), flush=True)

    def answer(self) -> dict[str, Any]:
        line = pipe(self.process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with exit code {self.process.wait()}")
        content: dict[str, Any] = json.loads(line)
        return content


@contextmanager
def started(case: Case, seconds: float, names: Sequence[str]) -> Iterator[dict[str, Worker]]:
    """Start contestants on a case and end them afterwards.

    They import on all cores; then each in turn does its first call.
    """
    free = cores()
    with ExitStack() as processes:
        workers = {}
        for index, name in enumerate(names):
            work = {"contestant": name, "case": asdict(case), "seconds": seconds}
            work |= {"import_on": free[index % len(free)], "run_on": free[-1]}
            workers[name] = Worker(name, processes.enter_context(process(case.device)), work)
        for worker in workers.values():
            worker.wait()
        for worker in workers.values():
            worker.first_call()
        yield workers


@contextmanager
def process(device: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that awaits its work, and end it afterwards; it keeps no compiled program."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment |= {"LANES_CACHE": ""} | ({"JAX_PLATFORMS": "cpu"} if device == "cpu" else {})
    command = [sys.executable, "-m", "experiments.benchmark.worker"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **APART
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def cores() -> Sequence[int | None]:
    """Return the cores that may be used; None where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # it was asked for
    return stream
