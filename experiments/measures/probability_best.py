"""Who is best at which tuning budget, with probability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from experiments.measures.best_of_k import checked, rank_weights
from experiments.tables import PAIR, measure_of

Array = NDArray[np.float64]


def probability_best(pool: Mapping[str, ArrayLike], k: int) -> dict[str, float]:
    """Return the probability that each optimizer's best of k trials is the best of all.

    Sivaprasad et al. (2020), by resampling: draw k trials of each optimizer from its pool, let
    the best one win, repeat. Here the trials are drawn without replacement, independently
    between optimizers, and the share of wins is computed exactly, as it would be after
    infinitely many draws. Those who tie share the win; when all diverged, all tie.

    Args:
        pool: the values of each optimizer's trials, lower is better, infinite if diverged.
        k: the budget, at most the size of the smallest pool.

    Returns:
        The probabilities, which sum to 1.
    """
    levels = np.unique(np.concatenate([checked(values) for values in pool.values()]))
    exactly = {name: mass(values, k, levels) for name, values in pool.items()}
    return {name: wins(name, exactly) for name in pool}


def mass(values: ArrayLike, k: int, levels: Array) -> Array:
    """Return the probability that the best of k is each of the levels."""
    numbers = np.sort(checked(values))
    weights = rank_weights(len(numbers), [k])[:, 0]
    return np.asarray(np.bincount(np.searchsorted(levels, numbers), weights, len(levels)), dtype=float)


def wins(name: str, exactly: Mapping[str, Array]) -> float:
    """Return the probability that one optimizer wins, ties shared.

    Of T others that tie, 1 / (1 + T) is the integral of u^T over u from 0 to 1. So the
    share is the integral of a product, over the others, of P(worse) + u P(equal): a
    polynomial, which Gauss-Legendre quadrature integrates exactly.
    """
    others = [p for other, p in exactly.items() if other != name]
    nodes, weights = np.polynomial.legendre.leggauss(len(exactly))
    share: Any = np.ones((len(nodes), len(exactly[name])))
    for p in others:
        worse = np.append(np.cumsum(p[::-1])[::-1][1:], 0.0)
        share = share * (worse + (nodes[:, None] + 1) / 2 * p)
    return float(exactly[name] @ (weights / 2 @ share))


def probability_best_curves(
    trials: pd.DataFrame, measure: str = "suboptimality", *, value: str = "median"
) -> pd.DataFrame:
    """Return ``probability_best`` on each problem for each k up to its smallest pool.

    ``trials`` is as for ``best_of_k_curves``. Values up to the measure's floor are equal.

    Returns:
        Columns: problem, optimizer, k, probability.
    """
    kind = measure_of(measure, [measure])
    rows = []
    for problem, part in trials.groupby("problem", observed=True):
        cost = kind.cost(part[value].astype(float))
        pool = {
            str(name): numbers.to_numpy() for name, numbers in cost.groupby(part["optimizer"].astype(str))
        }
        for k in range(1, min(map(len, pool.values())) + 1):
            rows += [(problem, name, k, p) for name, p in probability_best(pool, k).items()]
    table = pd.DataFrame(rows, columns=[*PAIR, "k", "probability"])
    return table.astype({"problem": trials["problem"].dtype})
