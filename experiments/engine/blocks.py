"""How many lanes advance together, and how a row of lanes is cut."""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.engine.backend import Backend
from problems.base import Problem

MINIMUM_BLOCK = 64  # lanes; smaller blocks would cost more in calls than the cache gives
CACHE_FLOATS = 1 << 18  # 2 MiB: NumPy's fastest block measured over all problems; twice that is slower
STATE_FLOATS = 6  # what optimizer and loop hold for each parameter
MOST_FLOATS = 1 << 26  # half a GiB: of the compiled engine's block, whose working set XLA lays out
MOST_LANES = 8192  # of the compiled engine's block: its runs are stored together
BATCH_NUMBERS = 1 << 20  # of the batches of coming steps that are drawn at a time
GPU_LANES = 1024  # of one call on a GPU, at most: it is fast from some hundred lanes on
GPU_FLOATS = 1 << 30  # of one call on a GPU: from 4 GB on, with what XLA needs besides


@cache
def block_size(problem: Problem, backend: Backend) -> int:
    """Return how many lanes are run, and stored, together: a multiple of the width of one call."""
    floats = problem.floats_per_lane + STATE_FLOATS * dim_of(problem)
    if backend.engine == "numpy":
        return multiple(CACHE_FLOATS // floats, problem.lane_multiple)
    return multiple(min(MOST_FLOATS // floats, MOST_LANES), widths(problem, backend)[-1])


def multiple(lanes: int, of: int) -> int:
    """Return the largest multiple that is no larger, and at least the smallest block."""
    return max(MINIMUM_BLOCK, of, lanes // of * of)


def widths(problem: Problem, backend: Backend) -> tuple[int, ...]:
    """Return how many lanes one compiled call may hold: a lane's bits are the same in each of these.

    They are a part of what decides a run. On a GPU there is one, chosen for its memory.
    """
    if backend.device == "cpu":
        return problem.widths
    lanes = GPU_FLOATS // (problem.floats_per_lane + STATE_FLOATS * dim_of(problem))
    return (multiple(min(lanes, GPU_LANES), MINIMUM_BLOCK),)


@cache
def dim_of(problem: Problem) -> int:
    """Return how many parameters a lane has."""
    with np.errstate(all="ignore"):
        return len(problem.instance(np.zeros(1, dtype=np.int64)).start)


def block_slices(problem: Problem, backend: Backend, lanes: int) -> list[slice]:
    """Cut the lanes into blocks."""
    size = block_size(problem, backend)
    return [slice(first, min(first + size, lanes)) for first in range(0, lanes, size)]
