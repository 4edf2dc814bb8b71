"""The loop over steps in NumPy: a block of lanes is one array operation after another."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from experiments.engine.backend import Backend
from experiments.engine.blocks import BATCH_NUMBERS
from experiments.engine.overflow import has_overflowed
from experiments.engine.records import with_floats
from experiments.engine.rule import Rule, rule_of
from experiments.engine.trace import History, Ladder, Trace, measured, select
from optim.method import Method
from optim.wrapper import is_on
from problems.base import Array, Instance, Problem, Seeds

FACTORS = 64  # of a schedule that are computed at a time
BLAS = ThreadpoolController().select(user_api="blas")  # looked for once: that takes a millisecond


def run_block(
    problem: Problem,
    method: Method,
    seeds: Seeds,
    recorded: NDArray[np.int64],
    with_path: bool,
    backend: Backend,
) -> Trace:
    """Run the lanes of one block, padded, and return their trace without the padding."""
    began = time.perf_counter()
    lanes = len(seeds)
    # Repeating the last lane up to a multiple (64 where lanes share a matrix product) makes
    # NumPy treat every lane alike: the same one alone or in another block gives the same bits.
    padded = np.minimum(np.arange(lanes + -lanes % problem.lane_multiple), lanes - 1)
    instance, method = problem.instance(seeds[padded]), method.take(padded)
    if backend.dtype != "float64":
        instance, method = narrowed(instance, method, backend.dtype)
    rule = rule_of(method, problem, len(instance.start))
    factors = factors_of(method, int(recorded[-1]))
    with BLAS.limit(limits=1):
        batches = Batches(problem, seeds[padded], backend)
        trace = advance(instance, rule, batches, factors, recorded, problem.metric_names, with_path)
    seconds = np.full(len(padded), (time.perf_counter() - began) / lanes)
    return select(replace(trace, seconds=seconds), slice(0, lanes))


def narrowed(instance: Instance, method: Method, dtype: str) -> tuple[Instance, Method]:
    """Return both with arrays of that type; every hyperparameter is one, since a number would widen it.

    But for what is off of the wrapper: that stays a number, and is left out.
    """
    lanes = instance.start.shape[1]

    def narrow(part: Any) -> Any:
        values = {name: getattr(part, name) for name in part.hyperparameters()}
        stays = part is method.wrapper
        wide = {name: np.full(lanes, value) for name, value in values.items() if is_on(value) or not stays}
        return with_floats(replace(part, **wide), lambda array: array.astype(dtype))

    return (
        with_floats(instance, lambda array: array.astype(dtype)),
        replace(method, **{spec.name: narrow(getattr(method, spec.name)) for spec in fields(method)}),
    )


class Batches:
    """What the gradients at each step see, drawn for many steps at a time."""

    def __init__(self, problem: Problem, seeds: Seeds, backend: Backend) -> None:
        self.problem, self.seeds, self.dtype = problem, seeds, backend.dtype
        first = problem.batches(seeds, 0, 1)
        self.are_there = first is not None
        self.count = 0 if first is None else max(1, BATCH_NUMBERS // first.size)
        self.first, self.drawn = 0, None if first is None else self.typed(first)

    def at(self, step: int) -> NDArray[Any] | None:
        """Return the batch of a step, or None."""
        if self.drawn is None:
            return None
        if not self.first <= step < self.first + len(self.drawn):
            drawn = self.problem.batches(self.seeds, step, self.count)
            assert drawn is not None
            self.first, self.drawn = step, self.typed(drawn)
        batch: NDArray[Any] = self.drawn[step - self.first]
        return batch

    def typed(self, drawn: NDArray[Any]) -> NDArray[Any]:
        """Return batches, floats of the type that is asked for: one that is wider would widen all else."""
        return drawn.astype(self.dtype, copy=False) if drawn.dtype.kind == "f" else drawn


def advance(
    instance: Instance,
    rule: Rule,
    batches: Batches,
    factors: Iterator[Any],
    recorded: NDArray[np.int64],
    metrics: tuple[str, ...],
    with_path: bool,
) -> Trace:
    """Take the steps, at a rate multiplied by the next of the factors, or as it is for None.

    The arrays made here are this function's own, and it fills them in.
    """
    knows_loss = instance.loss_is_exact or not batches.are_there
    elsewhere = rule.evaluates_elsewhere
    params = point = instance.start
    state = rule.init(params)
    seen, grads = instance.loss_and_grad(params, batches.at(0))
    loss, all_grads = instance.loss_and_grad(params) if batches.are_there else (seen, grads)
    if elsewhere and knows_loss:
        loss = instance.loss(params)
    alive = np.isfinite(loss) & np.isfinite(seen)
    all_alive = bool(alive.all())
    loss = np.where(alive, loss, np.nan)
    diverged_at = np.where(alive, -1, 0)
    last_point, best_loss = point.copy(), loss
    ladder = Ladder(loss - instance.minimum)
    history = History(params.shape, len(recorded), metrics, with_path)
    history.record(0, measured(instance, loss, all_grads, params), params, None)
    rows = {int(step): row for row, step in enumerate(recorded)}
    for step in range(1, int(recorded[-1]) + 1):
        updates, state = rule.update(grads, state, params, next(factors))
        moved = params + updates
        seen, moved_grads = instance.loss_and_grad(moved, batches.at(step))
        moved_point = rule.evaluated(moved, state) if elsewhere else moved
        loss, all_grads = seen, moved_grads
        is_row = step in rows
        if is_row and (elsewhere or batches.are_there):
            loss, all_grads = instance.loss_and_grad(moved_point)
        if elsewhere and knows_loss:  # by one formula, whether the step is recorded or not
            loss = instance.loss(moved_point)
        if not (all_alive and clearly_finite(loss, seen, moved, moved_point)):
            finite = np.isfinite(loss) & np.isfinite(seen)
            finite &= np.isfinite(moved).all(axis=0) & np.isfinite(moved_point).all(axis=0)
            fallen = alive & ~finite
            diverged_at[fallen] = step
            last_point[:, fallen] = point[:, fallen]
            alive = alive & finite
            all_alive = bool(alive.all())
            loss = np.where(alive, loss, np.nan)
            if not alive.any():
                break
        if knows_loss or is_row:
            best_loss = np.fmin(best_loss, loss)
            ladder.climb(step, loss - instance.minimum)
        if is_row:
            rate = -updates / grads if with_path else None
            history.record(rows[step], measured(instance, loss, all_grads, moved_point), moved_point, rate)
        params, grads, point = moved, moved_grads, moved_point
    stalled = alive & has_overflowed(state, len(alive))
    ends = np.where(alive, point, last_point)
    return history.trace(recorded, ends, best_loss, diverged_at, stalled, ladder.hits)


def factors_of(method: Method, steps: int) -> Iterator[Any]:
    """Yield what the learning rate is multiplied by at each update, None without a schedule.

    Many are computed at a time.
    """
    if not method.is_scheduled:
        yield from repeat(None)
    for first in range(0, steps, FACTORS):
        yield from method.factors(first, FACTORS, steps)


def clearly_finite(*arrays: Array) -> bool:
    """Tell by one number that all are finite; False also where they are too large to be sure.

    One infinity or NaN makes the sum of squares infinite or NaN. So does a square that
    overflows, from 1e154 on: only then is each lane looked at.
    """
    return math.isfinite(sum(np.vdot(array, array) for array in distinct(arrays)))


def distinct(arrays: tuple[Array, ...]) -> Iterator[Array]:
    """Yield each array once."""
    return iter({id(array): array for array in arrays}.values())
