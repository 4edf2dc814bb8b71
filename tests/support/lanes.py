"""What the tests of the loop share."""

from typing import Any

import numpy as np
from contracts import (
    different_fields,
)

from experiments.engine.minimize import minimize
from experiments.engine.trace import TARGETS, Trace
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Problem

SGD, RMSprop = OPTIMIZERS["sgd"], OPTIMIZERS["rmsprop"]


QuadraticFit, LogisticRegression = PROBLEMS["quadratic"], PROBLEMS["logistic"]


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


def first_hits(suboptimality: np.ndarray) -> np.ndarray:
    """Return what ``hits`` should be, from the suboptimality at every step, lane by lane."""
    hits = np.full((len(TARGETS), suboptimality.shape[1]), -1)
    for lane, values in enumerate(suboptimality.T):
        for rung, target in enumerate(TARGETS):
            reached = [step for step, value in enumerate(values) if value <= target * values[0]]
            hits[rung, lane] = reached[0] if reached else -1
    return hits
