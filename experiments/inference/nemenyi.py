"""Nemenyi's critical difference: which of several optimizers differ over instances?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, studentized_range

from experiments.inference.friedman import checked_instances, mean_ranks


@dataclass(frozen=True)
class CriticalDifference:
    """Mean ranks and how far apart two must be to differ.

    Attributes:
        instances: rows of the table.
        alpha: probability of one false finding or more.
        mean_ranks: of each optimizer, best first; 1 is the best.
        difference: the critical difference (CD) of two mean ranks.
        cliques: the largest groups, of two or more, in which no two differ; best first.
        p_values: of each pair, a row and a column per optimizer, best first.
    """

    instances: int
    alpha: float
    mean_ranks: dict[str, float]
    difference: float
    cliques: tuple[tuple[str, ...], ...]
    p_values: pd.DataFrame

    def differ(self, first: str, second: str) -> bool:
        """Tell whether two optimizers differ: their ranks are at least CD apart."""
        return abs(self.mean_ranks[first] - self.mean_ranks[second]) >= self.difference


def nemenyi(costs: pd.DataFrame, *, alpha: float = 0.05) -> CriticalDifference:
    """Compare all pairs of optimizers by their mean ranks over instances.

    Nemenyi (1963) as in Demšar (2006), section 3.2.2: CD = q sqrt(k (k + 1) / (6 N)) for k
    optimizers and N instances, with q the upper quantile of the studentized range, with
    infinite degrees of freedom, over sqrt(2). To be asked after ``friedman`` found that
    they do differ.

    Args:
        costs: as for ``friedman``; never a row per seed.
        alpha: the level, in (0, 1).
    """
    costs = checked_instances(costs)
    instances, optimizers = costs.shape
    ranks = mean_ranks(costs)
    error = standard_error(optimizers, instances)
    difference = float(studentized_range.ppf(1 - alpha, optimizers, np.inf)) / np.sqrt(2) * error
    values = np.array(list(ranks.values()))
    apart = np.abs(values[:, None] - values) / error * np.sqrt(2)
    p_values = pd.DataFrame(studentized_range.sf(apart, optimizers, np.inf), list(ranks), list(ranks))
    return CriticalDifference(
        instances, alpha, ranks, float(difference), cliques(ranks, float(difference)), p_values
    )


def standard_error(optimizers: int, instances: int) -> float:
    """Return the standard error of a difference of two mean ranks when all optimizers are alike."""
    return float(np.sqrt(optimizers * (optimizers + 1) / (6 * instances)))


def cliques(ranks: dict[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest groups of neighbours less than ``difference`` apart; ``ranks`` ascend."""
    names, values = list(ranks), np.array(list(ranks.values()))
    ends = [int(np.searchsorted(values, value + difference, side="left")) for value in values]
    longest = [end for start, end in enumerate(ends) if start == 0 or end > ends[start - 1]]
    starts = [ends.index(end) for end in longest]
    return tuple(
        tuple(names[start:end]) for start, end in zip(starts, longest, strict=True) if end - start > 1
    )


def instances_needed(found: CriticalDifference, *, power: float = 0.8) -> pd.DataFrame:
    """Return how many instances would tell each pair apart if the observed ranks were the true ones.

    A difference d of mean ranks exceeds CD with that power when d is CD plus the normal
    quantile of the power times its standard error, which is taken as if all optimizers
    were alike (it is smaller where they differ): N = (q + z)^2 k (k + 1) / (6 d^2).

    Returns:
        Columns: first (the better), second, rank_difference, p, needed (infinite for equal
        ranks), enough (whether there are as many).
    """
    names = list(found.mean_ranks)
    unit = standard_error(len(names), 1)
    critical = found.difference / standard_error(len(names), found.instances)
    rows = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            apart = found.mean_ranks[second] - found.mean_ranks[first]
            with np.errstate(divide="ignore"):
                needed = float(np.ceil(np.divide((critical + norm.ppf(power)) * unit, apart) ** 2))
            p = float(found.p_values.loc[first, second])  # type: ignore[arg-type]
            rows.append((first, second, apart, p, needed, needed <= found.instances))
    names = ["first", "second", "rank_difference", "p", "needed", "enough"]
    return pd.DataFrame(rows, columns=names)
