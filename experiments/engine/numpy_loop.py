"""The loop over steps in NumPy: a block of lanes is one array operation after another."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from experiments.engine.backend import Backend
from experiments.engine.blocks import BATCH_NUMBERS
from experiments.engine.overflow import has_overflowed
from experiments.engine.records import with_floats
from experiments.engine.trace import History, Ladder, Trace, measured, select
from optim.base import Optimizer
from problems.base import Array, Instance, Problem, Seeds

BLAS = ThreadpoolController().select(user_api="blas")  # looked for once: that takes a millisecond


def run_block(
    problem: Problem,
    optimizer: Optimizer,
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
    instance, rule = problem.instance(seeds[padded]), optimizer.take(padded)
    if backend.dtype != "float64":
        instance, rule = narrowed(instance, rule, backend.dtype)
    with BLAS.limit(limits=1):
        batches = Batches(problem, seeds[padded], backend)
        trace = advance(instance, rule, batches, recorded, problem.metric_names, with_path)
    seconds = np.full(len(padded), (time.perf_counter() - began) / lanes)
    return select(replace(trace, seconds=seconds), slice(0, lanes))


def narrowed(instance: Instance, optimizer: Optimizer, dtype: str) -> tuple[Instance, Optimizer]:
    """Return both with arrays of that type; every hyperparameter is one, since a number would widen it."""
    lanes = instance.start.shape[1]
    wide = {name: np.full(lanes, getattr(optimizer, name)) for name in optimizer.hyperparameters()}
    return (
        with_floats(instance, lambda array: array.astype(dtype)),
        with_floats(replace(optimizer, **wide), lambda array: array.astype(dtype)),
    )


class Batches:
    """What the gradients at each step see, drawn for many steps at a time."""

    def __init__(self, problem: Problem, seeds: Seeds, backend: Backend) -> None:
        self.problem, self.seeds, self.dtype = problem, seeds, backend.dtype
        first = problem.batches(seeds, 0, 1)
        self.are_there = first is not None
        self.count = 0 if first is None else max(1, BATCH_NUMBERS // first.size)
        self.first, self.drawn = 0, first

    def at(self, step: int) -> NDArray[Any] | None:
        """Return the batch of a step, or None."""
        if self.drawn is None:
            return None
        if not self.first <= step < self.first + len(self.drawn):
            self.first, self.drawn = step, self.problem.batches(self.seeds, step, self.count)
            assert self.drawn is not None
            if self.drawn.dtype.kind == "f":
                self.drawn = self.drawn.astype(self.dtype, copy=False)
        batch: NDArray[Any] = self.drawn[step - self.first]
        return batch


def advance(
    instance: Instance,
    optimizer: Optimizer,
    batches: Batches,
    recorded: NDArray[np.int64],
    metrics: tuple[str, ...],
    with_path: bool,
) -> Trace:
    """Take the steps. The arrays made here are this function's own, and it fills them in."""
    knows_loss = instance.loss_is_exact or not batches.are_there
    params = instance.start
    state = optimizer.init(params)
    seen, grads = instance.loss_and_grad(params, batches.at(0))
    loss, all_grads = instance.loss_and_grad(params) if batches.are_there else (seen, grads)
    alive = np.isfinite(loss) & np.isfinite(seen)
    all_alive = bool(alive.all())
    loss = np.where(alive, loss, np.nan)
    diverged_at = np.where(alive, -1, 0)
    last_params, best_loss = params.copy(), loss
    ladder = Ladder(loss - instance.minimum)
    history = History(params.shape, len(recorded), metrics, with_path)
    history.record(0, measured(instance, loss, all_grads, params), params, None)
    rows = {int(step): row for row, step in enumerate(recorded)}
    for step in range(1, int(recorded[-1]) + 1):
        updates, state = optimizer.update(grads, state, params)
        moved = params + updates
        seen, moved_grads = instance.loss_and_grad(moved, batches.at(step))
        loss, all_grads = seen, moved_grads
        is_row = step in rows
        if is_row and batches.are_there:
            loss, all_grads = instance.loss_and_grad(moved)
        if not (all_alive and clearly_finite(loss, seen, moved)):
            finite = np.isfinite(loss) & np.isfinite(seen) & np.isfinite(moved).all(axis=0)
            fallen = alive & ~finite
            diverged_at[fallen] = step
            last_params[:, fallen] = params[:, fallen]
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
            history.record(rows[step], measured(instance, loss, all_grads, moved), moved, rate)
        params, grads = moved, moved_grads
    stalled = alive & has_overflowed(state, len(alive))
    params = np.where(alive, params, last_params)
    return history.trace(recorded, params, best_loss, diverged_at, stalled, ladder.hits)


def clearly_finite(*arrays: Array) -> bool:
    """Tell by one number that all are finite; False also where they are too large to be sure.

    One infinity or NaN makes the sum of squares infinite or NaN. So does a square that
    overflows, from 1e154 on: only then is each lane looked at.
    """
    return math.isfinite(sum(np.vdot(array, array) for array in distinct(arrays)))


def distinct(arrays: tuple[Array, ...]) -> Iterator[Array]:
    """Yield each array once."""
    return iter({id(array): array for array in arrays}.values())
