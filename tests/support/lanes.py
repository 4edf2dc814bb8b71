"""What the tests of the loop share."""

import numpy as np

from experiments.contracts.company import LANES as LANES
from experiments.contracts.company import SEEDS as SEEDS
from experiments.engine.trace import TARGETS
from optim import OPTIMIZERS
from problems import PROBLEMS

SGD, RMSprop = OPTIMIZERS["sgd"], OPTIMIZERS["rmsprop"]


QuadraticFit, LogisticRegression = PROBLEMS["quadratic"], PROBLEMS["logistic"]


def first_hits(suboptimality: np.ndarray) -> np.ndarray:
    """Return what ``hits`` should be, from the suboptimality at every step, lane by lane."""
    hits = np.full((len(TARGETS), suboptimality.shape[1]), -1)
    for lane, values in enumerate(suboptimality.T):
        for rung, target in enumerate(TARGETS):
            reached = [step for step, value in enumerate(values) if value <= target * values[0]]
            hits[rung, lane] = reached[0] if reached else -1
    return hits
