"""Wilcoxon's signed-rank test, for several comparisons at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import rankdata, wilcoxon

from experiments.inference.estimate import Array
from experiments.inference.paired import checked

EXACT = 50
"""Up to so many pairs the p-value is exact; SciPy's own bound for pairs without ties."""


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of paired differences.

    Attributes:
        pairs: how many.
        below: pairs whose difference is below 0: the first is better where low is good.
        above: pairs whose difference is above 0.
        ties: pairs without a difference.
        statistic: the smaller of the two rank sums (Demšar, 2006: T).
        p: two-sided p-value.
        p_holm: p-value adjusted for the other comparisons; equal to ``p`` without others.
        significant: whether ``p_holm`` is at most the level.
    """

    pairs: int
    below: int
    above: int
    ties: int
    statistic: float
    p: float
    p_holm: float
    significant: bool


def signed_rank(differences: ArrayLike, *, alpha: float = 0.05) -> SignedRank:
    """Return Wilcoxon's signed-rank test (1945) of differences against symmetry about 0.

    As in Demšar (2006), section 3.1.3: differences of 0 take part in the ranking, and their
    ranks are split evenly between the two sums. Infinite differences rank highest, those
    of both signs alike. The p-value is two-sided: that of ``scipy.stats.wilcoxon``, exact up
    to 50 pairs; with ties or zeros SciPy is exact up to 13 pairs only, and slow, so there
    it is computed from the same conditional distribution (Streitberg and Röhmel, 1986).
    """
    ranks = signed_ranks(checked(differences))
    zeros = ranks == 0
    everything = rankdata(np.abs(ranks))
    above = float(everything[ranks > 0].sum() + everything[zeros].sum() / 2)
    below = float(everything[ranks < 0].sum() + everything[zeros].sum() / 2)
    p = p_value(ranks, everything, min(above, below))
    counts = len(ranks), int((ranks < 0).sum()), int((ranks > 0).sum()), int(zeros.sum())
    return SignedRank(*counts, min(above, below), p, p, p <= alpha)


def signed_ranks(differences: Array) -> Array:
    """Return the sign of each difference times the rank of its size; 0 for no difference."""
    return np.asarray(np.sign(differences) * rankdata(np.abs(differences)))


def p_value(ranks: Array, everything: Array, statistic: float) -> float:
    untied = len(np.unique(np.abs(ranks))) == len(ranks) and not (ranks == 0).any()
    if untied or len(ranks) > EXACT:
        if not ranks.any():
            return 1.0
        found: Any = wilcoxon(ranks, zero_method="zsplit")
        return float(found.pvalue)
    return exact_p_value(everything[ranks != 0], statistic - everything[ranks == 0].sum() / 2)


def exact_p_value(ranks: Array, statistic: float) -> float:
    """Return P(smaller rank sum <= statistic) when each rank has either sign with probability 1/2.

    The distribution is built up rank by rank, on twice the ranks, which are integers.
    """
    weights = np.rint(2 * ranks).astype(int)
    share = np.ones(1)
    for weight in weights:
        share = (np.append(share, np.zeros(weight)) + np.append(np.zeros(weight), share)) / 2
    return float(min(1.0, 2 * share[: round(2 * statistic) + 1].sum()))


def wilcoxon_holm(comparisons: Mapping[str, ArrayLike], *, alpha: float = 0.05) -> dict[str, SignedRank]:
    """Return the signed-rank test of each comparison, its p-value adjusted by Holm's method.

    Args:
        comparisons: paired differences under each comparison's name. The pairs are
            instances, if the statement is about problems; seeds, if it is about one.
        alpha: probability of one false finding or more among all comparisons.
    """
    tests = {name: signed_rank(differences) for name, differences in comparisons.items()}
    adjusted = holm([test.p for test in tests.values()])
    return {
        name: replace(test, p_holm=p, significant=p <= alpha)
        for (name, test), p in zip(tests.items(), adjusted, strict=True)
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by the step-down method of Holm (1979), in the same order.

    The i-th smallest of m is multiplied by m - i + 1, and is at least the one before it.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    ordered = pd.Series(p_values, dtype=float).sort_values(kind="stable")
    steps = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1.0)
    return [float(p) for p in steps.sort_index()]
