"""The loop over steps by a compiled program: a block of lanes, a group of a fixed width at a time."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from experiments.engine.backend import Backend
from experiments.engine.blocks import BATCH_NUMBERS, MINIMUM_BLOCK, widths
from experiments.engine.jax_program import Carry, Program, Stretch, jitted
from experiments.engine.records import taken_apart
from experiments.engine.rule import Rule, rule_apart, rule_of
from experiments.engine.trace import TARGETS, History, Trace, select
from optim.method import Method
from problems.base import Instance, Problem, Seeds

MOST_ROWS = 128  # recorded in one call
ROW_NUMBERS = 1 << 22  # of all rows of one call
MOST_BATCHES = 256  # drawn at a time
FACTORS = 1024  # of a schedule that are computed at a time, where no batches are drawn
PRECISE = partial(jax.default_matmul_precision, "highest")  # by default a GPU rounds what it multiplies
THREADS = "NPROC"
"""The variable by which XLA is told how many threads to start."""

logging.getLogger("jax").setLevel(logging.WARNING)  # it tells at length which devices it does not find
log = logging.getLogger(__name__)


def run_block(
    problem: Problem,
    method: Method,
    seeds: Seeds,
    recorded: NDArray[np.int64],
    with_path: bool,
    backend: Backend,
    call: Callable[..., Any] = jitted,
) -> Trace:
    """Run the lanes of one block, padded, and return their trace without the padding.

    ``call`` takes a program, a device and arguments, and returns what the program returns.
    """
    allowed, lanes = widths(problem, backend), len(seeds)
    if method.couples:  # the order of its sums, and what is rounded in them, may change with the width
        allowed = allowed[:1]
    width = next((width for width in allowed if width >= lanes), allowed[-1])
    while True:
        try:
            return run_lanes(problem, method, seeds, recorded, with_path, backend, width, call)
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            if backend.device == "cpu" or width <= MINIMUM_BLOCK or not is_of_memory(error):
                raise
            log.warning(f"{problem.name}: a call does not fit on the GPU; half of its lanes now go in each")
            width //= 2


def is_of_memory(error: Exception) -> bool:
    """Tell whether an error says that memory did not suffice."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in f"{error}"


def run_lanes(
    problem: Problem,
    method: Method,
    seeds: Seeds,
    recorded: NDArray[np.int64],
    with_path: bool,
    backend: Backend,
    width: int,
    call: Callable[..., Any],
) -> Trace:
    """Run the lanes of one block in calls of ``width`` lanes."""
    began, lanes = time.perf_counter(), len(seeds)
    padded = np.minimum(np.arange(lanes + -lanes % width), lanes - 1)
    device = jax.default_device(device_of(backend.device))
    with jax.enable_x64(backend.dtype == "float64"), device, PRECISE():
        block = Block(
            problem, method.take(padded), seeds[padded], width, int(recorded[-1]), with_path, backend
        )
        trace = block.run(recorded, call)
    seconds = np.full(len(padded), (time.perf_counter() - began) / lanes)
    return select(replace(trace, seconds=seconds), slice(0, lanes))


@cache
def device_of(kind: str) -> Any:
    """Return the first device of a kind.

    XLA starts its threads when it is first asked for one. A process computes on one core here, as
    under NumPy, and several threads only hand the work, and its cache, to and fro.
    """
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        return jax.devices(kind)[0]
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


class Block:
    """A block of lanes on its way through the steps, a group of lanes at a time."""

    def __init__(
        self,
        problem: Problem,
        method: Method,
        seeds: Seeds,
        width: int,
        steps: int,
        with_path: bool,
        backend: Backend,
    ) -> None:
        self.problem, self.seeds, self.width, self.backend = problem, seeds, width, backend
        self.method, self.steps = method, steps
        instance = problem.instance(seeds)
        self.shape = instance.start.shape
        instance_form, data = taken_apart(instance)
        rule_form, numbers = rule_apart(rule_of(method, problem, self.shape[0]), len(seeds))
        rule = rule_form.filled(numbers)
        self.fixed = {
            "instance": {name: value for name, value in data.items() if name in instance.BY_LANE},
            "rule": numbers,
            "fractions": np.repeat(np.array(TARGETS)[:, None], len(seeds), axis=1),
        }
        if rule.optimizer.needs_hessian:
            self.fixed["seeds"] = seeds
        self.start = start_of(instance, rule, method, with_path)
        first = problem.batches(seeds[:width], 0, 1)
        # Where each step has its batch, it has a factor too, if only 1: one program does for all schedules.
        self.has_factors = method.is_scheduled or (first is not None and method.has_rate)
        self.ahead = FACTORS if self.has_factors else 0
        if first is not None:
            self.ahead = min(MOST_BATCHES, max(1, BATCH_NUMBERS // first.size))
        columns = width * (2 * self.shape[0] if with_path else len(problem.metric_names) + 4)
        self.program = Program(
            instance=instance_form,
            rule=rule_form,
            stochastic=first is not None,
            with_path=with_path,
            rows=int(np.clip(ROW_NUMBERS // columns, 4, MOST_ROWS)),
            in_one_call=problem.in_one_call and rule.optimizer.in_one_call and backend.device == "cpu",
        )
        self.shared = self.put({n: v for n, v in data.items() if n not in instance.BY_LANE})

    def run(self, recorded: NDArray[np.int64], call: Callable[..., Any]) -> Trace:
        """Take the steps and return what happened."""
        history = History(self.shape, len(recorded), self.problem.metric_names, self.program.with_path)
        lanes = self.shape[1]
        groups = [slice(first, first + self.width) for first in range(0, lanes, self.width)]
        ends = [self.run_group(group, recorded, history, call) for group in groups]
        params, best_loss, diverged_at, stalled, hits = (
            np.concatenate(parts, axis=-1) for parts in zip(*ends, strict=True)
        )
        return history.trace(
            recorded, params, best_loss, diverged_at.astype(np.int64), stalled, hits.astype(np.int64)
        )

    def run_group(
        self, lanes: slice, recorded: NDArray[np.int64], history: History, call: Callable[..., Any]
    ) -> list[NDArray[Any]]:
        """Take the steps of a group of lanes, fill in their history, and return how they ended."""
        fixed, carry = (
            self.put(jax.tree.map(partial(chosen, lanes=lanes), part)) for part in (self.fixed, self.start)
        )
        stalled = None
        for stretch, rows, drawn in self.stretches(lanes, recorded):
            group = {**fixed, **drawn, "carry": carry}
            carry, values, stalled = call(self.program, self.backend.device, stretch, self.shared, group)
            kept = {name: np.asarray(value)[: len(rows)] for name, value in values.items()}
            history.record(
                slice(rows.start, rows.stop), kept, kept.pop("path", None), kept.pop("rate", None), lanes
            )
        ends = carry.evaluated, carry.best_loss, carry.diverged_at, stalled, carry.hits
        return [np.asarray(end) for end in ends]

    def stretches(self, lanes: slice, recorded: NDArray[np.int64]) -> Iterator[tuple[Stretch, range, Any]]:
        """Yield the stretches of all steps, the rows of the history that each records, and what is drawn."""
        last, most = int(recorded[-1]), self.program.rows
        length = self.ahead or last + 1
        for drawn in range(0, last + 1, length):
            first, end = drawn - 1, min(drawn + length - 1, last)
            rows = range(*np.searchsorted(recorded, [first, end], side="right"))
            pauses = recorded[rows.start : rows.stop]
            if not len(pauses) or pauses[-1] != end:
                pauses = np.append(pauses, end)
            seen = self.drawn(lanes, drawn)
            for piece in range(0, len(pauses), most):
                part = np.asarray(pauses[piece : piece + most], dtype=np.int32)
                kept = rows[piece : piece + most]
                ends = np.append(part, np.full(most - len(part), part[-1]))
                wanted = np.arange(most) < len(kept)
                yield (
                    Stretch(np.int32(first), np.int32(drawn), ends, wanted, np.int32(len(part))),
                    kept,
                    seen,
                )
                first = int(part[-1])

    def drawn(self, lanes: slice, first: int) -> dict[str, Any]:
        """Return what the coming steps see from this one on, on the device.

        That is their ``batches``, and the ``factors`` of their rates, (steps, lanes), or None.
        """
        batches = (
            self.problem.batches(self.seeds[lanes], first, self.ahead) if self.program.stochastic else None
        )
        return {"batches": self.put(batches), "factors": self.put(self.factors(lanes, first))}

    def factors(self, lanes: slice, first: int) -> NDArray[Any] | None:
        """Return the factors of the steps from this one on; step 1 is the first update."""
        if not self.has_factors:
            return None
        factors = self.method.take(lanes).factors(first - 1, self.ahead, self.steps)
        return np.broadcast_to(factors, (self.ahead, self.width))

    def put(self, tree: Any) -> Any:
        """Return arrays, floats of the type that is asked for; on a GPU, so that they go there once."""

        def typed(value: Any) -> Any:
            array = np.asarray(value)
            return array.astype(self.backend.dtype, copy=False) if array.dtype.kind == "f" else array

        arrays = jax.tree.map(typed, tree)
        return arrays if self.backend.device == "cpu" else jax.device_put(arrays)


def start_of(instance: Instance, rule: Rule, method: Method, with_path: bool) -> Carry:
    """Return what is carried before step 0, which evaluates the start."""
    params, lanes = instance.start, instance.start.shape[1]
    none = np.zeros_like(params)
    state = rule.init(params)
    factor = method.factors(0, 1, 1)[0] if method.is_scheduled else None
    after = rule.update(none, state, params, factor)[1]  # whose shapes and types the state is to have
    return Carry(
        params=params,
        grads=none,
        point=params if rule.evaluates_elsewhere else None,
        hessian=none if rule.optimizer.needs_hessian else None,
        state=jax.tree.map(
            lambda a, b: np.broadcast_to(np.asarray(a, np.asarray(b).dtype), np.shape(b)), state, after
        ),
        loss=np.full(lanes, np.nan),
        best_loss=np.full(lanes, np.nan),
        targets=np.full((len(TARGETS), lanes), -np.inf),
        hits=np.full((len(TARGETS), lanes), -1, np.int32),
        diverged_at=np.full(lanes, -1, np.int32),
        updates=none if with_path else None,
        before=none if with_path else None,
    )


def chosen(value: Any, lanes: slice) -> Any:
    """Return some of the lanes of an array whose last axis they are, or a number as it is."""
    array = np.asarray(value)
    return array[..., lanes] if array.ndim else array
