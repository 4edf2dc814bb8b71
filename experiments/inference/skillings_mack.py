"""The test of Skillings and Mack: do optimizers differ, where not every one ran on every instance?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

Array = NDArray[np.float64]

DRAWS, FEWEST_DRAWS = 9999, 999
MOST_NUMBERS = 2 * 10**7  # drawn in all: a second or two


@dataclass(frozen=True)
class SkillingsMack:
    """The test of Skillings and Mack for a table with holes.

    Attributes:
        instances: rows with two optimizers or more: the others say nothing.
        optimizers: columns that have a number in one of these rows.
        statistic: a weighted sum of squares of the adjusted ranks; 0 if all are alike.
        degrees: its degrees of freedom, the rank of its covariance.
        p_chi_square: p-value by the chi-square distribution, for many instances.
        p: p-value by permutations within instances, the one to report.
        groups: sets of optimizers that are joined by instances. With more than one, nothing
            tells how an optimizer of one compares with those of another.
    """

    instances: int
    optimizers: int
    statistic: float
    degrees: int
    p_chi_square: float
    p: float
    groups: tuple[tuple[str, ...], ...]


def skillings_mack(costs: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> SkillingsMack:
    """Test whether the optimizers have equal ranks over instances that not all of them ran on.

    Skillings and Mack (1981), equations 1 to 3: ranks within each row of k numbers, less
    their mean and times sqrt(12 / (k + 1)), summed by optimizer; the statistic is their
    quadratic form with a generalized inverse of their covariance. That covariance is here
    the one given the ties, so that a table without holes gives Friedman's statistic with
    SciPy's correction; without ties it is theirs. The p-value is the share of permutations
    within rows, drawn from ``seed``, whose statistic is as large, itself counted.

    Args:
        costs: a row per instance, a column per optimizer, lower is better, infinite for
            what failed, NaN where an optimizer did not run. Never a row per seed.
        draws: number of permutations; fewer for a very large table, 999 at least.

    Raises:
        ValueError: no row has two numbers, a row comes twice, rows that are seeds.
    """
    if "seed" in costs.index.names or "seed" in costs or not costs.index.is_unique:
        raise ValueError("a row must be a problem instance, once; take the median over its seeds first")
    rows = costs[costs.notna().sum(axis=1) >= 2].dropna(axis=1, how="all").astype(float)
    if rows.empty:
        raise ValueError("no instance has runs of two optimizers: there is nothing to rank")
    scores = adjusted_ranks(rows)
    inverse = np.asarray(np.linalg.pinv(covariance(rows), hermitian=True), dtype=np.float64)
    statistic = float(quadratic_form(scores.sum(axis=0), inverse))
    degrees = int(np.linalg.matrix_rank(covariance(rows), hermitian=True))
    count = max(min(draws, MOST_NUMBERS // rows.size), min(draws, FEWEST_DRAWS))
    drawn = quadratic_form(permuted_sums(scores, rows.notna().to_numpy(), count, seed), inverse)
    p = (1 + int((drawn >= statistic * (1 - 1e-9)).sum())) / (1 + count)
    p_chi_square = float(chi2.sf(statistic, degrees)) if degrees else 1.0
    return SkillingsMack(
        len(rows), rows.shape[1], statistic, degrees, p_chi_square, float(p), joined_groups(rows)
    )


def adjusted_ranks(rows: pd.DataFrame) -> Array:
    """Return the weighted ranks about their mean, (instances, optimizers); 0 where there is no number."""
    ranks, count = rows.rank(axis=1), rows.notna().sum(axis=1)
    centred = ranks.sub((count + 1) / 2, axis=0).mul(np.sqrt(12 / (count + 1)), axis=0)
    return centred.fillna(0.0).to_numpy()


def covariance(rows: pd.DataFrame) -> Array:
    """Return the covariance of the sums of the adjusted ranks if all optimizers are alike, given the ties.

    Each row adds its scatter of scores, spread evenly over the pairs that it has.
    """
    there, scores = rows.notna().to_numpy(float), adjusted_ranks(rows)
    count = there.sum(axis=1)
    weight = (scores**2).sum(axis=1) / (count * (count - 1))  # 1 without ties
    shared = (there * weight[:, None]).T @ there
    return np.asarray(np.diag((there * (weight * count)[:, None]).sum(axis=0)) - shared)


def quadratic_form(sums: Array, inverse: Array) -> Array:
    """Return x' A x for each row x."""
    return np.asarray(np.einsum("...i,ij,...j->...", sums, inverse, sums))


def permuted_sums(scores: Array, there: NDArray[np.bool_], draws: int, seed: int) -> Array:
    """Return the sums by optimizer, (draws, optimizers), after permutations of each row's numbers."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((draws, scores.shape[1]))
    for row, known in zip(scores, there, strict=True):
        sums[:, known] += rng.permuted(np.broadcast_to(row[known], (draws, known.sum())), axis=1)
    return sums


def joined_groups(rows: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return the optimizers that share instances, directly or by way of others."""
    groups: list[set[str]] = []
    for names in known_names(rows):
        touching = [group for group in groups if group & names]
        groups = [group for group in groups if not group & names] + [names.union(*touching)]
    order = [str(name) for name in rows]
    found = (tuple(name for name in order if name in group) for group in groups)
    return tuple(sorted(found, key=lambda group: order.index(group[0])))


def known_names(rows: pd.DataFrame) -> Iterable[set[str]]:
    """Yield for each row the optimizers that have a number in it."""
    names = np.array([str(name) for name in rows])
    return (set(names[known]) for known in rows.notna().to_numpy())
