"""Effect size: the probability that one optimizer beats another."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from experiments.inference.estimate import Array, Estimate, resampled
from experiments.inference.paired import checked, paired_differences


def probability_of_superiority(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Return the probability that a is below b in the same pair, ties as half.

    The measure of Vargha and Delaney (2000) for paired data: the mean over pairs of 1 if
    a < b, 1/2 if a = b, else 0; 1/2 is no effect. Two infinite numbers tie. The interval is
    BCa over the pairs; where all of them agree, which the bootstrap takes for certainty,
    it is the binomial one of Clopper and Pearson (1934).

    Args:
        a: shape (pairs,), lower is better.
        b: shape (pairs,).
    """
    outcome = (1 - np.sign(paired_differences(a, b))) / 2
    found = resampled(outcome, np.mean, confidence=confidence, draws=draws, seed=seed)
    return binomial(found) if found.value in (0.0, 1.0) else found


def vargha_delaney(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Return the probability that any a is below any b, ties as half, over all pairs.

    Vargha and Delaney (2000), with low as good: A = P(a < b) + P(a = b) / 2, over
    all m n comparisons: the Mann-Whitney statistic over m n. It says which optimizer a
    stranger with a seed of their own should take; ``probability_of_superiority`` says who
    wins on a shared seed. The interval is BCa, drawing seeds, with both their runs.

    Args:
        a: shape (seeds,), lower is better.
        b: shape (seeds,), the same seeds.
    """
    first, second = checked(a), checked(b)
    paired_differences(first, second)  # checks that they are pairs
    below = first[:, None] < second
    score = below + (first[:, None] == second) / 2.0

    def mean_score(seeds: Array) -> float:
        chosen = np.asarray(seeds, dtype=int)
        return float(score[np.ix_(chosen, chosen)].mean())

    found = resampled(
        np.arange(float(len(first))),
        mean_score,
        confidence=confidence,
        draws=draws,
        seed=seed,
        vectorized=False,
    )
    return binomial(found) if found.value in (0.0, 1.0) else found


def binomial(found: Estimate) -> Estimate:
    """Return the estimate, 0 or 1, with the interval of Clopper and Pearson."""
    wins = round(found.value * found.pairs)
    ends = binomtest(wins, found.pairs).proportion_ci(found.confidence, method="exact")
    note = "all pairs agree, which a bootstrap takes for certainty"
    return Estimate(
        found.value, float(ends.low), float(ends.high), found.confidence, "Clopper-Pearson", found.pairs, note
    )
