"""Performance profiles, data profiles, and single numbers drawn from them.

All take ``costs``: a row per problem, here an instance and a target, a column per
optimizer, infinite where it was not solved (``target_costs``).
"""

from typing import Any

import numpy as np
import pandas as pd

from experiments.measures.costs import checked_costs, ratios_to_best

R_MAX = 4.0
"""Where the score of AlgoPerf ends."""


def performance_profile(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the share of problems that each optimizer solves within a ratio of the best.

    Dolan and Moré (2002), section 2: with t the cost of solver s on problem p,
    r = t / min over solvers of t, and rho_s(tau) = |{p: r <= tau}| / number of problems.
    r is infinite for what was not solved, also where no solver did: those problems count.

    Returns:
        Columns: optimizer, ratio, share. A step function, right-continuous: a row at ratio
        1, and one at each ratio at which the share rises.
    """
    return distributions(ratios_to_best(costs), "ratio", 1.0)


def data_profile(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the share of problems that each optimizer solves within a number of gradients.

    Moré and Wild (2009), section 2: d_s(alpha) = |{p: t <= alpha (n + 1)}| /
    number of problems. There t counts function values, and n + 1 of them, a simplex
    gradient, are the unit; here the unit is one evaluation of the gradient. Solved
    means what it does there, f(x) <= f_L + tau (f(x_0) - f_L), with f_L the minimum itself
    and tau the target.

    Returns:
        Columns: optimizer, gradients, share, as in ``performance_profile`` from 0 on.
    """
    return distributions(checked_costs(costs), "gradients", 0.0)


def distributions(values: pd.DataFrame, name: str, start: float) -> pd.DataFrame:
    """Return the empirical distribution function of each column, from ``start`` on."""
    parts = []
    for optimizer, column in values.items():
        points = np.union1d(column[np.isfinite(column)], [start])
        share = np.searchsorted(np.sort(column), points, side="right") / len(column)
        parts.append(pd.DataFrame({"optimizer": optimizer, name: points, "share": share}))
    return pd.concat(parts, ignore_index=True)


def algoperf_score(costs: pd.DataFrame, r_max: float = R_MAX) -> pd.DataFrame:
    """Return the area under each performance profile from 1 to ``r_max``, over r_max - 1.

    Dahl et al. (2023), AlgoPerf, the benchmark score, with r_max = 4: the
    integral is over tau itself, not its logarithm. It is 1 for who is best everywhere, 0
    for who is never within r_max. Computed exactly, as the mean over problems of
    max(0, r_max - r) / (r_max - 1); AlgoPerf's code takes trapezoids over 100 points.

    Returns:
        Columns: optimizer, score, best (share of problems on which it is, ties included),
        solved (share), problems. The highest score comes first.
    """
    ratios = ratios_to_best(costs)
    table = pd.DataFrame(
        {
            "score": (r_max - ratios).clip(lower=0).mean() / (r_max - 1),
            "best": (ratios == 1).mean(),
            "solved": ratios.apply(np.isfinite).mean(),
            "problems": len(ratios),
        }
    )
    table = table.rename_axis("optimizer").reset_index()
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def speed_up(costs: pd.DataFrame, reference: str, limit: float | None = None) -> pd.DataFrame:
    """Return the geometric mean over problems of the reference's cost over each optimizer's.

    The geometric mean is the only mean of ratios whose order does not hang on who is the
    reference (Fleming and Wallace, 1986). A problem that neither solved has ratio 1. One
    that only one solved has ratio infinity or 0, and so then has the mean (NaN if there
    are both kinds) unless a ``limit`` is given, which every unsolved problem is then said
    to have cost: the budget, say, which pulls a ratio towards 1, or ten times it (PAR10).

    Returns:
        Columns: optimizer, speed_up (above 1 is faster than the reference), speed_up_both
        (over the problems that both solved; NaN if none), both, only_this, only_reference,
        neither (numbers of problems), problems.
    """
    costs = checked_costs(costs)
    if reference not in costs:
        raise ValueError(f"reference must be one of {', '.join(map(str, costs))}, got {reference!r}")
    numbers = costs.to_numpy()
    if limit is not None and limit < numbers[np.isfinite(numbers)].max(initial=0):
        raise ValueError(f"limit must be no less than what a solved problem cost, got {limit:g}")
    if (costs == 0).any(axis=None):
        raise ValueError("a problem that costs nothing has no ratio; leave out what is solved at the start")
    rows = [
        (name, *compared(costs[reference].to_numpy(), costs[name].to_numpy(), limit))
        for name in costs
        if name != reference
    ]
    counts = ["both", "only_this", "only_reference", "neither"]
    return pd.DataFrame(rows, columns=["optimizer", "speed_up", "speed_up_both", *counts, "problems"])


def compared(reference: Any, this: Any, limit: float | None) -> tuple[float, float, int, int, int, int, int]:
    """Return the speed-up over all problems, over those that both solved, and the five counts."""
    theirs, ours = np.isfinite(reference), np.isfinite(this)
    both = theirs & ours
    kinds = both, ours & ~theirs, theirs & ~ours, ~ours & ~theirs
    most = np.inf if limit is None else limit
    with np.errstate(invalid="ignore"):
        logs = np.log(np.where(theirs, reference, most)) - np.log(np.where(ours, this, most))
        everywhere = np.exp(np.mean(np.where(kinds[3], 0.0, logs)))
    where_both = np.exp(logs[both].mean()) if both.any() else np.nan
    return float(everywhere), float(where_both), *(int(kind.sum()) for kind in kinds), len(this)  # type: ignore[return-value]
