"""Intervals that hold with few pairs: for a median by order statistics, for a mean by Student's t."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, norm
from scipy.stats import t as student

from experiments.inference.estimate import Array, Estimate
from experiments.inference.paired import checked


def median_interval(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the median with the interval between two order statistics.

    It is the one that inverts the sign test (Conover, 1999, section 3.2): whatever the distribution, it holds
    the median with at least this confidence, with ties and infinite numbers too. With fewer numbers than
    1 - log2(1 - confidence) it has no ends: it is infinite.

    Args:
        values: shape (pairs,), may be infinite.
        confidence: in (0, 1).
    """
    numbers = np.sort(checked(values))
    count = len(numbers)
    below = binom.cdf(np.arange(count), count, 0.5)  # P(so many of them, or fewer, lie below the median)
    tail = int((below <= (1 - confidence) / 2 * (1 + 1e-9)).sum())
    low, high = (numbers[tail - 1], numbers[count - tail]) if tail else (-np.inf, np.inf)
    note = "" if tail else f"{count} are too few for an interval of this confidence"
    return Estimate(middle(numbers), float(low), float(high), confidence, "order statistics", count, note)


def middle(ordered: Array) -> float:
    """Return the median of ascending numbers; between opposite infinities it is the lower one."""
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(lower if np.isinf(lower) or np.isinf(upper) else (lower + upper) / 2)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean with Student's interval; of fewer than two numbers, or infinite ones, it has no ends.

    Args:
        values: shape (pairs,), may be infinite.
        confidence: in (0, 1).
    """
    numbers = checked(values)
    count = len(numbers)
    if not np.isfinite(numbers).all():
        with np.errstate(invalid="ignore"):
            value = float(numbers.mean())
        note = "some are infinite, and a mean of them has no interval"
        return Estimate(value, -np.inf, np.inf, confidence, "none", count, note)
    value = float(numbers.mean())
    if count < 2:
        return Estimate(value, -np.inf, np.inf, confidence, "none", count, "one pair has no interval")
    half = float(student.ppf((1 + confidence) / 2, count - 1) * numbers.std(ddof=1) / np.sqrt(count))
    return Estimate(value, value - half, value + half, confidence, "Student's t", count)


def median_needed(values: ArrayLike, threshold: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """Return with how many numbers the interval of the median would leave out the threshold.

    Noether (1987), for the sign test: N = (z_alpha/2 + z_power)^2 / (4 (p - 1/2)^2), p the share above the
    threshold, ties as half; and never fewer than those with which there is an interval. Infinite where p is
    1/2.
    """
    numbers = checked(values)
    above = float(((1 + np.sign(numbers - threshold)) / 2).mean())
    fewest = np.ceil(1 - np.log2(1 - confidence))
    with np.errstate(divide="ignore"):
        wanted = quantiles(confidence, power) ** 2 / (4 * np.square(above - 0.5))
    return float(max(np.ceil(wanted), fewest))


def mean_needed(values: ArrayLike, threshold: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """Return with how many numbers the interval of the mean would leave out the threshold.

    N = ((z_alpha/2 + z_power) s / (mean - threshold))^2, and z_alpha/2^2 / 2 more for the spread that is not
    known (Guenther, 1981). Infinite where the mean is the threshold, or there is no spread to reckon with.
    """
    numbers = checked(values)
    if len(numbers) < 2 or not np.isfinite(numbers).all() or numbers.mean() == threshold:
        return np.inf
    wanted = (quantiles(confidence, power) * numbers.std(ddof=1) / (numbers.mean() - threshold)) ** 2
    return float(max(np.ceil(wanted + norm.ppf((1 + confidence) / 2) ** 2 / 2), 2))


def quantiles(confidence: float, power: float) -> float:
    """Return the distance, in standard errors, at which an effect is found with that power."""
    return float(norm.ppf((1 + confidence) / 2) + norm.ppf(power))
