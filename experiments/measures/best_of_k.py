"""The best of k trials: what tuning with a budget of k settings is worth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from experiments.tables import PAIR, measure_of

Array = NDArray[np.float64]


def expected_best_of_k(values: ArrayLike, k: int, *, chosen_by: ArrayLike | None = None) -> float:
    r"""Return the expected value of the best of k trials, without bias.

    Tang et al. (2020), "an unbiased alternative", here for a minimum: the mean over all subsets of k of the N
    trials, drawn without replacement, is

    .. math:: \sum_{i=1}^{N} \binom{N-i}{k-1} / \binom{N}{k} \; v_{(i)}

    with v_(1) <= v_(2) ... Being a U-statistic it is unbiased, where the plug-in estimate of
    Dodge et al. (2019), which draws with replacement, is too high: it may draw the same
    trial twice. Infinite as soon as all k may have diverged.

    >>> expected_best_of_k([3, 1, 2], k=2)  # the minima of {3,1}, {3,2}, {1,2}
    1.3333333333333333

    Args:
        values: shape (N,), lower is better; diverged trials are infinite.
        k: from 1 to N.
        chosen_by: shape (N,), what the best is chosen by, if not by the values themselves:
            scores on the tuning seeds, when ``values`` are from held-out ones. Trials of
            equal scores are chosen with equal probability.
    """
    numbers = checked(values)
    if chosen_by is not None:
        scores, place = np.unique(checked(chosen_by), return_inverse=True)
        numbers = average_of_equals(numbers, place, len(scores))[np.argsort(place, kind="stable")]
    else:
        numbers = np.sort(numbers)
    return float(weighted(numbers[None], rank_weights(len(numbers), [k]))[0, 0])


def best_of_k_quantile(values: ArrayLike, k: int, share: float = 0.5) -> float:
    """Return a quantile of the best of k trials drawn without replacement; the median by default.

    The smallest value v such that the best is at most v with probability ``share`` or more.
    Unlike the mean it is finite where a few trials diverged.
    """
    numbers = np.sort(checked(values))
    reached = np.cumsum(rank_weights(len(numbers), [k])[:, 0])
    return float(numbers[np.searchsorted(reached, share - 1e-12)])


def checked(values: ArrayLike) -> Array:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers) or np.isnan(numbers).any():
        raise ValueError("values must be a list of numbers; a trial that diverged is infinite, not missing")
    return numbers


def average_of_equals(numbers: Array, place: NDArray[np.intp], groups: int) -> Array:
    """Return each number as the mean of those in its place."""
    return np.asarray((np.bincount(place, numbers, groups) / np.bincount(place, minlength=groups))[place])


def rank_weights(trials: int, budgets: Sequence[int]) -> Array:
    """Return the probability that the best of k is the i-th smallest: (trials, budgets)."""
    k = np.asarray(budgets)
    if (k < 1).any() or (k > trials).any():
        raise ValueError(f"k must be in [1, {trials}], the number of trials, got {list(budgets)}")
    left = trials - np.arange(trials)[:, None]
    # none of the i smallest is drawn: a product of (left - k) / left; then the next is, k / left
    none_before = np.cumprod(np.vstack([np.ones_like(k), ((left - k) / left).clip(min=0)[:-1]]), axis=0)
    return np.asarray(none_before * np.minimum(k / left, 1))


def weighted(numbers: Array, weights: Array) -> Array:
    """Return the sums (rows, budgets) of numbers (rows, trials); infinite if an infinite one has weight."""
    lost = np.isinf(numbers)
    sums = np.where(lost, 0, numbers) @ weights
    return np.where(lost @ (weights > 0) > 0, np.inf, sums)


def best_of_k_curves(
    trials: pd.DataFrame,
    measure: str = "suboptimality",
    *,
    value: str = "median",
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the best of k over k, per problem and optimizer, with a bootstrap band.

    The band is a percentile bootstrap over trials. Read it for k up to half of the trials:
    beyond that resamples keep missing the few best ones and it covers too little (Tang et
    al., 2020, find the same of the plug-in estimate).

    Args:
        trials: one row per setting, with its score in the column ``value``:
            ``tables.by_setting``. Infinite for a setting whose median run diverged.
        measure: what the score is; says which end is good.

    Returns:
        Columns: problem, optimizer, k, trials, expected, low, high, median (of the best of k).
    """
    kind = measure_of(measure, [measure])
    sign = -1.0 if kind.higher_is_better else 1.0
    rng = np.random.default_rng(seed)
    parts = []
    for (problem, optimizer), part in trials.groupby(PAIR, observed=True):
        numbers = np.sort(checked(sign * part[value].to_numpy(float)))
        curve = one_curve(numbers, draws, confidence, rng)
        if kind.higher_is_better:
            curve = (-curve).rename(columns={"low": "high", "high": "low"})
        curve.insert(0, "k", np.arange(1, len(numbers) + 1))
        parts.append(curve.assign(problem=str(problem), optimizer=str(optimizer), trials=len(numbers)))
    columns = [*PAIR, "k", "trials", "expected", "low", "high", "median"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return table.astype({"problem": trials["problem"].dtype})


def one_curve(numbers: Array, draws: int, confidence: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return expected, low, high and median for each k; ``numbers`` ascend."""
    weights = rank_weights(len(numbers), range(1, len(numbers) + 1))
    places = np.sort(rng.integers(len(numbers), size=(draws, len(numbers))), axis=1)
    drawn = weighted(numbers[places], weights)
    ends: Any = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn, ends, axis=0, method="inverted_cdf")
    median = [best_of_k_quantile(numbers, k) for k in range(1, len(numbers) + 1)]
    expected = weighted(numbers[None], weights)[0]
    return pd.DataFrame({"expected": expected, "low": low, "high": high, "median": median})
