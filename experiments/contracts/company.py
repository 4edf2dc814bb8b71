"""Whether a lane's numbers depend on which lanes it runs beside."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.contracts.bits import different_fields
from experiments.engine.minimize import minimize
from experiments.engine.trace import Trace
from optim.base import Optimizer
from problems.base import Problem

LANES = 70  # two blocks where blocks are smallest
SEEDS = np.arange(LANES) % 5
CHOICES = [[0], [69], list(range(3, 67))]


def different_in_company(problem: Problem, optimizer: Optimizer, steps: int, **how: Any) -> list[str]:
    """Return the fields of the trace in which some lanes differ from the same lanes elsewhere.

    ``how`` is what else ``minimize`` takes: engine, dtype.
    """

    def trace(lanes: Any) -> Trace:
        taken = optimizer.take(lanes)
        return minimize(problem, taken, SEEDS[lanes], steps=steps, points=3, params=True, **how)

    whole = trace(slice(None))
    return [name for chosen in CHOICES for name in different_fields(whole, chosen, trace(chosen))]


def both(problem: Problem, optimizer: Optimizer, seeds: np.ndarray, **how: Any) -> list[Trace]:
    """Return the traces of both engines, with their paths: by the programs that others have compiled."""
    return [
        minimize(problem, optimizer, seeds, engine=engine, params=True, **how) for engine in ("numpy", "jax")
    ]


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how far each lane's parameters (dim, lanes) are apart, relative to the largest of them."""
    distance: np.ndarray = np.abs(one - other).max(axis=0) / np.abs(one).max(axis=0)
    return distance
