"""The loop over steps compiled by JAX: the same formulas, a program for each form of problem and rule.

Lanes are computed in groups of a fixed width. Steps, hyperparameters, data and seeds are arguments.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.xla_metadata import set_xla_metadata
from numpy.typing import NDArray

from experiments.engine.backend import Backend
from experiments.engine.blocks import MINIMUM_BLOCK, widths
from experiments.engine.records import Form, taken_apart
from experiments.engine.trace import TARGETS, History, Trace, measured, select
from optim.base import Optimizer
from problems.base import Instance, Problem, Seeds

MOST_ROWS = 128  # recorded in one call
ROW_NUMBERS = 1 << 22  # of all rows of one call
BATCH_NUMBERS = 1 << 20  # of the batches of coming steps that are drawn at a time
MOST_BATCHES = 256  # drawn at a time
PRECISE = partial(jax.default_matmul_precision, "highest")  # by default a GPU rounds what it multiplies
ON_CPU = {"xla_cpu_multi_thread_eigen": False, "xla_cpu_enable_fast_min_max": False}  # which loses NaN
ON_GPU = {"xla_gpu_deterministic_ops": True}
AS_ONE_CALL = {"xla_cpu_small_call": "true", "inlineable": "false"}
"""Tells XLA to compile a loop into one function: otherwise each of its operations is a call of its own."""


logging.getLogger("jax").setLevel(logging.WARNING)  # it tells at length which devices it does not find
log = logging.getLogger(__name__)


class Carry(NamedTuple):
    """What a group of lanes carries from step to step.

    Attributes:
        params, grads: (dim, lanes); those of a lane that diverged stay the last that were finite.
        state: the optimizer's.
        loss: (lanes,), the last that is known on all data; NaN once a lane has diverged.
        best_loss: (lanes,), the least loss.
        targets: (targets, lanes), what the suboptimality is to fall to.
        hits: (targets, lanes), the step at which it did, -1 for never.
        diverged_at: (lanes,), -1 for never.
        updates, before: (dim, lanes), the last step and the gradient that led to it; None
            unless the path is recorded.
    """

    params: Any
    grads: Any
    state: Any
    loss: Any
    best_loss: Any
    targets: Any
    hits: Any
    diverged_at: Any
    updates: Any
    before: Any


class Stretch(NamedTuple):
    """Steps that one call takes.

    Attributes:
        first: the step before.
        drawn: the step that the first of the batches belongs to.
        ends: (rows,), the steps at which it pauses; the same again where there are fewer.
        recorded: (rows,), whether a row is recorded there.
        count: how many pauses there are.
    """

    first: Any
    drawn: Any
    ends: Any
    recorded: Any
    count: Any


@dataclass(frozen=True)
class Program:
    """All that a compiled program hangs on, but for the shapes of its arguments.

    Attributes:
        instance, optimizer: the forms of both.
        stochastic: whether there are batches.
        with_path: whether parameters and rates are recorded.
        rows: how many rows it may record in one call.
        in_one_call: whether a group's loop is compiled into one function.
    """

    instance: Form
    optimizer: Form
    stochastic: bool
    with_path: bool
    rows: int
    in_one_call: bool

    def parts(self, group: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[Instance, Optimizer]:
        """Return instance and optimizer of a group of lanes, their numbers being traced."""
        instance = self.instance.filled({**shared, **group["instance"]})
        return instance, self.optimizer.filled(group["optimizer"])

    def advance(self, stretch: Stretch, shared: Any, group: Any) -> tuple[Carry, dict[str, Any], Any]:
        """Return what a group carries after a stretch, its rows, and which lanes have stalled."""
        instance, optimizer = self.parts(group, shared)
        batches = group["batches"]

        def step(number: Any, carry: Carry) -> Carry:
            batch = None if batches is None else batches[number - stretch.drawn]
            return self.stepped(instance, optimizer, number, batch, carry)

        def pause(row: Any, before: Any) -> Any:
            carry, at, rows = before
            any_alive = jnp.any(carry.diverged_at < 0)
            end = jnp.where(any_alive, stretch.ends[row], at)
            carry = jax.lax.fori_loop(at + 1, end + 1, step, carry)
            if self.stochastic:
                carry, rows = jax.lax.cond(
                    stretch.recorded[row] & any_alive,
                    lambda: self.recorded(instance, end, row, carry, rows),
                    lambda: (carry, rows),
                )
            else:
                values = measured(instance, carry.loss, carry.grads, carry.params)
                rows = written(rows, row, self.row(values, carry, end))
            return begun(carry, instance.minimum, group["fractions"], end), end, rows

        rows = self.empty_rows(instance, group["carry"])
        carry, _, rows = jax.lax.fori_loop(0, stretch.count, pause, (group["carry"], stretch.first, rows))
        return carry, rows, (carry.diverged_at < 0) & overflowed(carry.state, carry.loss.shape)

    def stepped(self, instance: Any, optimizer: Any, number: Any, batch: Any, carry: Carry) -> Carry:
        """Return what is carried on after one step."""
        updates, state = optimizer.update(carry.grads, carry.state, carry.params)
        is_step = number > 0  # step 0 is the start: it moves nothing
        moved = jnp.where(is_step, carry.params + updates, carry.params)
        state = jax.tree.map(lambda new, old: jnp.where(is_step, new, old), state, carry.state)
        seen, grads = instance.loss_and_grad(moved, batch)
        after = carry._replace(params=moved, grads=grads, state=state)
        if self.with_path:
            after = after._replace(updates=updates, before=carry.grads)
        alive = carry.diverged_at < 0
        finite = jnp.isfinite(seen) & jnp.isfinite(moved).all(axis=0)
        after = fallen(after, carry, alive & ~finite, number)
        if self.stochastic and not instance.loss_is_exact:
            return after
        return noted(after, jnp.where(alive & finite, seen, jnp.nan), instance.minimum, number)

    def recorded(
        self, instance: Any, step: Any, row: Any, carry: Carry, rows: Any
    ) -> tuple[Carry, dict[str, Any]]:
        """Return what is carried on, and the rows, where loss and gradient on all data are looked at."""
        loss, grads = instance.loss_and_grad(carry.params)
        alive = carry.diverged_at < 0
        after = fallen(carry, carry, alive & ~jnp.isfinite(loss), step)
        after = noted(after, jnp.where(after.diverged_at < 0, loss, jnp.nan), instance.minimum, step)
        values = measured(instance, after.loss, grads, carry.params)
        return after, written(rows, row, self.row(values, carry, step))

    def row(self, values: Mapping[str, Any], carry: Carry, step: Any) -> dict[str, Any]:
        """Return what is recorded of a step."""
        if not self.with_path:
            return dict(values)
        rate = jnp.where(step > 0, -carry.updates / carry.before, jnp.nan)
        return {**values, "path": carry.params, "rate": rate}

    def empty_rows(self, instance: Any, carry: Carry) -> dict[str, Any]:
        """Return room for the rows of one call."""
        shapes = jax.eval_shape(
            lambda: self.row(measured(instance, carry.loss, carry.grads, carry.params), carry, 0)
        )
        return {name: jnp.zeros((self.rows, *s.shape), s.dtype) for name, s in shapes.items()}

    def called(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns, compiled into one call if that is wanted."""
        if not self.in_one_call:
            return function(*arguments)

        def inside(*arguments: Any) -> Any:
            with set_xla_metadata(**dict.fromkeys(AS_ONE_CALL)):  # of this call, not of those in it
                return function(*arguments)

        with set_xla_metadata(**AS_ONE_CALL):
            return jax.jit(inside)(*arguments)


def fallen(after: Carry, before: Carry, lanes: Any, step: Any) -> Carry:
    """Return ``after`` with these lanes diverged at this step, and what has diverged where it was."""
    diverged_at = jnp.where(lanes, step.astype(jnp.int32), before.diverged_at)
    return after._replace(
        diverged_at=diverged_at, params=jnp.where(diverged_at < 0, after.params, before.params)
    )


def begun(carry: Carry, minimum: Any, fractions: Any, step: Any) -> Carry:
    """Return what is carried with the targets set, if this is the start, as fractions of what is there."""
    first = carry.loss - minimum
    targets = jnp.where(step == 0, fractions * first, carry.targets)
    reached = (step == 0) & (first <= targets)
    return carry._replace(targets=targets, hits=jnp.where(reached, 0, carry.hits))


def noted(carry: Carry, loss: Any, minimum: Any, step: Any) -> Carry:
    """Return what is carried with a loss on all data noted: the best one, and the targets reached."""
    reached = (loss - minimum <= carry.targets) & (carry.hits < 0)
    return carry._replace(
        loss=loss,
        best_loss=jnp.fmin(carry.best_loss, loss),
        hits=jnp.where(reached, step.astype(jnp.int32), carry.hits),
    )


def overflowed(state: Any, lanes: tuple[int, ...]) -> Any:
    """Tell for each lane whether a number in the optimizer's state is infinite or NaN."""
    found = jnp.zeros(lanes, bool)
    for numbers in jax.tree.leaves(state):
        if jnp.issubdtype(numbers.dtype, jnp.floating):
            by_lane = numbers.shape[-1:] == lanes
            bad = ~jnp.isfinite(numbers)
            found |= bad.any(axis=tuple(range(bad.ndim - 1))) if by_lane else bad.any()
    return found


def written(room: Any, number: Any, values: Any) -> Any:
    """Return room, a tree of arrays (rows, ...), with values in one row."""
    return jax.tree.map(
        lambda r, v: jax.lax.dynamic_update_index_in_dim(r, v.astype(r.dtype), number, 0), room, values
    )


def advanced(program: Program, stretch: Stretch, shared: Any, group: Any) -> Any:
    """Return what a group carries after a stretch, its rows, and which of its lanes have stalled."""
    return program.called(program.advance, stretch, shared, group)


JITTED = {
    device: jax.jit(advanced, static_argnums=0, compiler_options=options)
    for device, options in (("cpu", ON_CPU), ("gpu", ON_GPU))
}


def jitted(program: Program, device: str, *arguments: Any) -> Any:
    """Return what a program returns, compiled as JAX does it by itself."""
    return JITTED[device](program, *arguments)


# On the host


def run_block(
    problem: Problem,
    optimizer: Optimizer,
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
    width = next((width for width in allowed if width >= lanes), allowed[-1])
    while True:
        try:
            return run_lanes(problem, optimizer, seeds, recorded, with_path, backend, width, call)
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
    optimizer: Optimizer,
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
    device = jax.devices(backend.device)[0]
    with jax.enable_x64(backend.dtype == "float64"), jax.default_device(device), PRECISE():
        block = Block(problem, optimizer.take(padded), seeds[padded], width, with_path, backend)
        trace = block.run(recorded, call)
    seconds = np.full(len(padded), (time.perf_counter() - began) / lanes)
    return select(replace(trace, seconds=seconds), slice(0, lanes))


class Block:
    """A block of lanes on its way through the steps, a group of lanes at a time."""

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer,
        seeds: Seeds,
        width: int,
        with_path: bool,
        backend: Backend,
    ) -> None:
        self.problem, self.seeds, self.width, self.backend = problem, seeds, width, backend
        instance = problem.instance(seeds)
        self.shape = instance.start.shape
        instance_form, data = taken_apart(instance)
        optimizer_form, numbers = taken_apart(optimizer)
        hyperparameters = {name: np.broadcast_to(value, len(seeds)) for name, value in numbers.items()}
        self.fixed = {
            "instance": {name: value for name, value in data.items() if name in instance.BY_LANE},
            "optimizer": hyperparameters,
            "fractions": np.repeat(np.array(TARGETS)[:, None], len(seeds), axis=1),
        }
        self.start = start_of(instance, optimizer_form.filled(hyperparameters), with_path)
        first = problem.batches(seeds[:width], 0, 1)
        self.ahead = 0 if first is None else min(MOST_BATCHES, max(1, BATCH_NUMBERS // first.size))
        columns = width * (2 * self.shape[0] if with_path else len(problem.metric_names) + 4)
        self.program = Program(
            instance=instance_form,
            optimizer=optimizer_form,
            stochastic=first is not None,
            with_path=with_path,
            rows=int(np.clip(ROW_NUMBERS // columns, 4, MOST_ROWS)),
            in_one_call=problem.in_one_call and backend.device == "cpu",
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
        for stretch, rows, batches in self.stretches(lanes, recorded):
            group = {**fixed, "carry": carry, "batches": batches}
            carry, values, stalled = call(self.program, self.backend.device, stretch, self.shared, group)
            kept = {name: np.asarray(value)[: len(rows)] for name, value in values.items()}
            history.record(
                slice(rows.start, rows.stop), kept, kept.pop("path", None), kept.pop("rate", None), lanes
            )
        ends = carry.params, carry.best_loss, carry.diverged_at, stalled, carry.hits
        return [np.asarray(end) for end in ends]

    def stretches(self, lanes: slice, recorded: NDArray[np.int64]) -> Iterator[tuple[Stretch, range, Any]]:
        """Yield the stretches of all steps, the rows of the history that each records, and its batches."""
        last, most = int(recorded[-1]), self.program.rows
        length = self.ahead or last + 1
        for drawn in range(0, last + 1, length):
            first, end = drawn - 1, min(drawn + length - 1, last)
            rows = range(*np.searchsorted(recorded, [first, end], side="right"))
            pauses = recorded[rows.start : rows.stop]
            if not len(pauses) or pauses[-1] != end:
                pauses = np.append(pauses, end)
            batches = self.drawn(lanes, drawn)
            for piece in range(0, len(pauses), most):
                part = np.asarray(pauses[piece : piece + most], dtype=np.int32)
                kept = rows[piece : piece + most]
                ends = np.append(part, np.full(most - len(part), part[-1]))
                wanted = np.arange(most) < len(kept)
                yield (
                    Stretch(np.int32(first), np.int32(drawn), ends, wanted, np.int32(len(part))),
                    kept,
                    batches,
                )
                first = int(part[-1])

    def drawn(self, lanes: slice, first: int) -> Any:
        """Return the batches of the coming steps from this one on, on the device, or None."""
        return self.put(self.problem.batches(self.seeds[lanes], first, self.ahead)) if self.ahead else None

    def put(self, tree: Any) -> Any:
        """Return arrays, floats of the type that is asked for; on a GPU, so that they go there once."""

        def typed(value: Any) -> Any:
            array = np.asarray(value)
            return array.astype(self.backend.dtype, copy=False) if array.dtype.kind == "f" else array

        arrays = jax.tree.map(typed, tree)
        return arrays if self.backend.device == "cpu" else jax.device_put(arrays)


def start_of(instance: Instance, optimizer: Optimizer, with_path: bool) -> Carry:
    """Return what is carried before step 0, which evaluates the start."""
    params, lanes = instance.start, instance.start.shape[1]
    none = np.zeros_like(params)
    state = optimizer.init(params)
    after = optimizer.update(none, state, params)[1]  # whose shapes and types the state is to have
    return Carry(
        params=params,
        grads=none,
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
