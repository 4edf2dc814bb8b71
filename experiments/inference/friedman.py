"""Friedman's test: do several optimizers differ over problem instances?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare


@dataclass(frozen=True)
class Friedman:
    """Friedman's test with the correction of Iman and Davenport.

    Attributes:
        instances: rows of the table.
        mean_ranks: of each optimizer over the instances, best first; 1 is the best.
        chi_square: Friedman's statistic, corrected for ties.
        p_chi_square: its p-value, which is too cautious.
        f: the statistic of Iman and Davenport; infinite if all instances rank alike.
        degrees: its two degrees of freedom.
        p: its p-value, the one to report.
    """

    instances: int
    mean_ranks: dict[str, float]
    chi_square: float
    p_chi_square: float
    f: float
    degrees: tuple[int, int]
    p: float


def friedman(costs: pd.DataFrame) -> Friedman:
    """Test whether the optimizers have equal ranks over the instances.

    Friedman (1937) by ``scipy.stats.friedmanchisquare``, then Iman and Davenport (1980) as
    in Demšar (2006), section 3.2.2: F_F = (N - 1) chi2 / (N (k - 1) - chi2), which follows
    F with k - 1 and (k - 1)(N - 1) degrees of freedom. Demšar writes chi2 without the
    correction for ties that SciPy makes; without ties they are the same, with ties the
    corrected one is the F statistic of an analysis of variance of the ranks (Conover, 1999).
    No p-value is below k!^(1 - N), the probability that all instances rank alike by chance.

    Args:
        costs: a row per instance, a column per optimizer, lower is better, infinite for
            what failed: ``measures.instance_costs``. Never a row per seed.

    Raises:
        ValueError: fewer than three optimizers or two instances, a missing number, rows
            that are seeds.
    """
    costs = checked_instances(costs)
    instances, optimizers = costs.shape
    if optimizers < 3 or instances < 2:
        raise ValueError(
            f"Friedman's test needs 3 optimizers and 2 instances, got {optimizers} and {instances}; "
            "compare two with signed_rank"
        )
    degrees = optimizers - 1, (optimizers - 1) * (instances - 1)
    ranked = mean_ranks(costs)
    if costs.rank(axis=1).nunique(axis=1).eq(1).all():  # all tie: there is nothing to correct
        return Friedman(instances, ranked, 0.0, 1.0, 0.0, degrees, 1.0)
    found: Any = friedmanchisquare(*costs.rank(axis=1).to_numpy().T)
    chi_square = float(found.statistic)
    room = instances * (optimizers - 1) - chi_square
    f = (instances - 1) * chi_square / room if room > 1e-9 * instances else np.inf
    p = max(float(f_distribution.sf(f, *degrees)), math.factorial(optimizers) ** (1.0 - instances))
    return Friedman(instances, ranked, chi_square, float(found.pvalue), float(f), degrees, p)


def mean_ranks(costs: pd.DataFrame) -> dict[str, float]:
    """Return the mean rank of each optimizer over the rows, ties averaged, best first."""
    ranks = costs.rank(axis=1).mean().sort_values(kind="stable")
    return {str(name): float(rank) for name, rank in ranks.items()}


def checked_instances(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the table as floats if its rows are distinct instances, else raise ValueError."""
    if "seed" in costs.index.names or "seed" in costs or not costs.index.is_unique:
        raise ValueError("a row must be a problem instance, once; take the median over its seeds first")
    if costs.isna().any(axis=None):
        raise ValueError("a cost is missing: what failed is infinite, not NaN")
    return costs.astype(float)
