"""Looks at data that grow: the levels of a group-sequential test, which spends its error bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from experiments.inference.estimate import Array

POINTS = 801  # of the grid on which the density is carried from look to look
FAR = 8.0  # standard deviations, beyond which there is nothing left


def spent(share: float, alpha: float) -> float:
    """Return how much of a two-sided error rate may be spent when this share of the data is there.

    The function of Lan and DeMets (1983) that is like O'Brien and Fleming's bounds, for each side with half
    of the
    rate: next to nothing at first, all of it at the end.
    """
    return float(4 * norm.sf(norm.isf(alpha / 4) / np.sqrt(share)))


def bounds(shares: Sequence[float], alpha: float = 0.05) -> list[float]:
    """Return the critical values at each look, two-sided and symmetric.

    The statistic at a look is standard normal if there is no effect, and its increments are independent; the
    density of what has not crossed a bound is integrated from look to look (Armitage, McPherson and Rowe,
    1969).

    >>> [round(bound, 2) for bound in bounds([0.2, 0.4, 0.6, 0.8, 1.0])]
    [4.88, 3.36, 2.68, 2.29, 2.03]

    Args:
        shares: how much of the data is there at each look, ascending, the last at most 1.
        alpha: the error rate of all looks together.

    Raises:
        ValueError: shares that do not ascend within (0, 1].
    """
    ends = np.asarray([0.0, *shares], dtype=float)
    if (np.diff(ends) <= 0).any() or ends[-1] > 1 + 1e-12:
        raise ValueError(f"the looks must ascend within (0, 1], got {list(shares)}")
    found: list[float] = []
    place, density = np.zeros(1), np.ones(1)  # of the sum of all increments, and its weights
    for before, share in pairwise(ends):
        each_side = (spent(share, alpha) - (spent(before, alpha) if before else 0.0)) / 2
        bound = crossing(place, density, share - before, max(each_side, 1e-16)) / np.sqrt(share)
        found.append(float(bound))
        place, density = carried(place, density, share - before, bound * np.sqrt(share))
    return found


def crossing(place: Array, density: Array, step: float, error: float) -> float:
    """Return the sum beyond which a share ``error`` lies after one more increment, of variance ``step``."""

    def beyond(end: float) -> float:
        return float((density * norm.sf((end - place) / np.sqrt(step))).sum()) - error

    return float(brentq(beyond, 0.0, float(np.abs(place).max()) + 2 * FAR, xtol=1e-10))


def carried(place: Array, density: Array, step: float, end: float) -> tuple[Array, Array]:
    """Return the grid and the weights of what lies within the bounds after one more increment."""
    inside = np.linspace(-end, end, POINTS)
    weights = np.full(POINTS, 2.0)
    weights[1::2] = 4.0  # Simpson's rule
    weights[[0, -1]] = 1.0
    weights *= (inside[1] - inside[0]) / 3
    spread = np.sqrt(step)
    kernel = norm.pdf((inside[:, None] - place) / spread) / spread
    return inside, weights * (kernel @ density)


def levels(shares: Sequence[float], alpha: float = 0.05) -> list[float]:
    """Return the confidence of an interval at each look such that all of them hold with 1 - ``alpha``.

    Repeated confidence intervals (Jennison and Turnbull, 1989): what they leave out at any look is left out
    for good. The nominal level of a look is that of its bound, for tests other than the normal one too (the
    significance-level approach of Jennison and Turnbull, 2000, section 3.8).
    """
    return [float(1 - 2 * norm.sf(bound)) for bound in bounds(shares, alpha)]
