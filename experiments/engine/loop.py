"""minimize(): the only loop over steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from experiments.engine.trace import History, Ladder, Trace, join, select
from optim.base import Optimizer
from problems.base import Array, Instance, Problem, Seeds

MINIMUM_BLOCK = 64  # lanes; smaller blocks would cost more in calls than the cache gives
CACHE_FLOATS = 1 << 18  # 2 MiB: the fastest block measured over all problems; twice that is slower
STATE_FLOATS = 6  # what optimizer and loop hold for each parameter
BLAS = ThreadpoolController().select(user_api="blas")  # looked for once: that takes a millisecond


def minimize(
    problem: Problem,
    optimizer: Optimizer,
    seeds: Seeds,
    *,
    steps: int,
    points: int = 100,
    params: bool = False,
) -> Trace:
    """Run one lane for each entry of ``seeds`` and return what happened.

    A lane's numbers are the same bits alone or in any company.

    Args:
        optimizer: its hyperparameters are numbers or arrays of shape (lanes,).
        seeds: (lanes,), from 0.
        steps: how many, from 1.
        points: how many of the steps 0 ... ``steps`` are recorded, from 2.
        params: whether to record the path of the parameters and their effective rates.

    Raises:
        ValueError: a count is too small, or hyperparameters and seeds differ in length.
    """
    seeds = np.atleast_1d(np.asarray(seeds, dtype=np.int64))
    check_request(optimizer, seeds, steps, points)
    recorded = recorded_steps(steps, points)
    with np.errstate(all="ignore"), BLAS.limit(limits=1):
        blocks = [
            run_block(problem, optimizer.take(lanes), seeds[lanes], recorded, params)
            for lanes in block_slices(problem, len(seeds))
        ]
    return join(blocks)


def check_request(optimizer: Optimizer, seeds: Seeds, steps: int, points: int) -> None:
    """Raise ValueError when there is nothing to run or lengths differ."""
    if not len(seeds):
        raise ValueError("seed must be at least one, got none")
    for key, value, least in (
        ("steps", steps, 1),
        ("record.points", points, 2),
        ("seed", seeds.min(), 0),
    ):
        if value < least:
            raise ValueError(f"{key} must be an integer in [{least}, inf), got {value}")
    for key in optimizer.hyperparameters():
        length = np.shape(getattr(optimizer, key))
        if length not in ((), seeds.shape):
            raise ValueError(
                f"{type(optimizer).__name__}: {key} has shape {length}, but seeds have {seeds.shape}"
            )


def recorded_steps(steps: int, points: int) -> NDArray[np.int64]:
    """Return the steps to record: 0, then log-spaced, then ``steps``; all if there are few."""
    if points > steps:
        return np.arange(steps + 1)
    chosen = [0, 1] if points > 2 else [0, steps]
    for left in range(points - 2, 0, -1):
        # the ratio that spreads what is left evenly, recomputed as whole steps are taken
        ratio = (steps / chosen[-1]) ** (1 / left)
        chosen.append(max(chosen[-1] + 1, round(chosen[-1] * ratio)))
    return np.array(chosen)


def block_size(problem: Problem) -> int:
    """Return how many lanes keep a block's working set in the cache."""
    with np.errstate(all="ignore"):
        dim = len(problem.instance(np.zeros(1, dtype=np.int64)).start)
    lanes = CACHE_FLOATS // (problem.floats_per_lane + STATE_FLOATS * dim)
    multiple = problem.lane_multiple
    return max(MINIMUM_BLOCK, lanes // multiple * multiple)


def block_slices(problem: Problem, lanes: int) -> list[slice]:
    """Cut the lanes into blocks."""
    size = block_size(problem)
    return [slice(first, min(first + size, lanes)) for first in range(0, lanes, size)]


def run_block(
    problem: Problem, optimizer: Optimizer, seeds: Seeds, recorded: NDArray[np.int64], with_path: bool
) -> Trace:
    """Run the lanes of one block, padded, and return their trace without the padding."""
    began = time.perf_counter()
    lanes = len(seeds)
    # Repeating the last lane up to a multiple (64 where lanes share a matrix product) makes
    # NumPy treat every lane alike: the same one alone or in another block gives the same bits.
    padded = np.minimum(np.arange(lanes + -lanes % problem.lane_multiple), lanes - 1)
    instance = problem.instance(seeds[padded])
    trace = advance(instance, optimizer.take(padded), recorded, with_path)
    seconds = np.full(len(padded), (time.perf_counter() - began) / lanes)
    return select(replace(trace, seconds=seconds), slice(0, lanes))


def advance(instance: Instance, optimizer: Optimizer, recorded: NDArray[np.int64], with_path: bool) -> Trace:
    """Take the steps. The arrays made here are this function's own, and it fills them in."""
    params = instance.start
    state = optimizer.init(params)
    loss, grads = observe(instance, params, 0)
    alive = np.isfinite(loss)
    all_alive = bool(alive.all())
    loss = np.where(alive, loss, np.nan)
    diverged_at = np.where(alive, -1, 0)
    last_params, best_loss = params.copy(), loss
    ladder = Ladder(loss - instance.minimum)
    history = History(instance, len(recorded), with_path)
    history.record(0, loss, grads, params, None)
    rows = {int(step): row for row, step in enumerate(recorded)}
    for step in range(1, int(recorded[-1]) + 1):
        updates, state = optimizer.update(grads, state, params)
        moved = params + updates
        loss, moved_grads = observe(instance, moved, step)
        if not (all_alive and clearly_finite(loss, moved)):
            finite = np.isfinite(loss) & np.isfinite(moved).all(axis=0)
            fallen = alive & ~finite
            diverged_at[fallen] = step
            last_params[:, fallen] = params[:, fallen]
            alive = alive & finite
            all_alive = bool(alive.all())
            loss = np.where(alive, loss, np.nan)
            if not alive.any():
                break
        best_loss = np.fmin(best_loss, loss)
        ladder.climb(step, loss - instance.minimum)
        if step in rows:
            rate = -updates / grads if with_path else None
            history.record(rows[step], loss, moved_grads, moved, rate)
        params, grads = moved, moved_grads
    stalled = alive & has_overflowed(state, len(alive))
    params = np.where(alive, params, last_params)
    return history.trace(recorded, params, best_loss, diverged_at, stalled, ladder.hits)


def observe(instance: Instance, params: Array, step: int) -> tuple[Array, Array]:
    """Return the objective on all data, and the gradient that the next step will use."""
    loss, grads = instance.loss_and_grad(params, step)
    return (instance.loss(params) if instance.stochastic else loss), grads


def clearly_finite(loss: Array, params: Array) -> bool:
    """Tell by one number that all are finite; False also where they are too large to be sure.

    One infinity or NaN makes the sum of squares infinite or NaN. So does a square that
    overflows, from 1e154 on: only then is each lane looked at.
    """
    return math.isfinite(np.vdot(loss, loss) + np.vdot(params, params))


def has_overflowed(state: Any, lanes: int) -> NDArray[np.bool_]:
    """Tell for each lane whether a number in the optimizer's state is infinite or NaN.

    What has no axis of lanes belongs to all of them.
    """
    overflowed = np.zeros(lanes, np.bool_)
    for numbers in numbers_in(state):
        finite = np.isfinite(numbers)
        by_lane = finite.reshape(-1, lanes) if finite.shape[-1:] == (lanes,) else finite.reshape(-1, 1)
        overflowed |= ~by_lane.all(axis=0)
    return overflowed


def numbers_in(state: Any) -> Iterator[Array]:
    """Yield the floats in an optimizer's state, however it is nested."""
    if isinstance(state, Mapping):
        state = tuple(state.values())
    elif is_dataclass(state):
        state = tuple(getattr(state, part.name) for part in fields(state))
    if isinstance(state, tuple | list):
        for part in state:
            yield from numbers_in(part)
    elif (numbers := np.asarray(state)).dtype.kind in "fc":
        yield numbers
