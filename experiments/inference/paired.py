"""Differences and ratios of paired runs, with bootstrap intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from experiments.inference.estimate import Array, Estimate, resampled


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    of: str = "difference",
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Return a statistic of the differences a - b, or the ratios a / b, with its BCa interval.

    Pairs are drawn, never a and b by themselves. A ratio is averaged as a logarithm:
    ``np.mean`` gives the geometric mean of the ratios. The interval is that of Efron
    (1987); where it is undefined it is the percentile interval, and the result says so.

    A pair of which both are infinite is a tie: difference 0, ratio 1. If one is, so is the
    difference: the mean is then infinite, or NaN; ``np.median`` stands up to fewer than
    half of such pairs.

    Args:
        a: shape (pairs,).
        b: shape (pairs,); None if ``a`` already holds the differences or the ratios.
        of: difference or ratio. Ratios need numbers from 0 on.
        statistic: of an array, along ``axis`` if it takes one.
        confidence: of the interval, in (0, 1).
        draws: number of bootstrap samples.
        seed: of the draws.

    Raises:
        ValueError: arrays of different shapes, no pairs, NaN, a negative number in a ratio.
    """
    differences = paired_differences(a, b, of=of)
    found = resampled(differences, statistic, confidence=confidence, draws=draws, seed=seed)
    return found.mapped(np.exp) if of == "ratio" else found


def paired_differences(a: ArrayLike, b: ArrayLike | None = None, *, of: str = "difference") -> Array:
    """Return a - b, or log(a / b), for each pair; 0 where both are infinite (or, in a ratio, 0)."""
    if of not in ("difference", "ratio"):
        raise ValueError(f"of must be difference or ratio, got {of!r}")
    first = checked(a)
    neutral = 1.0 if of == "ratio" else 0.0
    second = np.full_like(first, neutral) if b is None else checked(b)
    if first.shape != second.shape:
        raise ValueError(f"pairs need arrays of one length, got {len(first)} and {len(second)}")
    if of == "ratio" and (min(first.min(), second.min()) < 0):
        raise ValueError("ratios need numbers from 0 on")
    with np.errstate(divide="ignore", invalid="ignore"):
        if of == "ratio":
            first, second = np.log(first), np.log(second)
        return np.where(first == second, 0.0, first - second)


def checked(values: ArrayLike) -> Array:
    """Return the values as floats; raise ValueError if they are not a list of numbers."""
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"pairs need a list of one number or more, got shape {numbers.shape}")
    if np.isnan(numbers).any():
        raise ValueError("a number is missing: a run that failed is infinite, not NaN")
    return numbers
