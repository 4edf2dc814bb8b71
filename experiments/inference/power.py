"""How many pairs a comparison needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from experiments.inference.paired import checked
from experiments.inference.wilcoxon import signed_rank, signed_ranks
from experiments.wording import counted


@dataclass(frozen=True)
class Power:
    """Whether there are enough pairs for the signed-rank test to decide.

    Attributes:
        pairs: how many there are.
        effect: the probability that two pairs, added, are in favour of the first; 1/2 is none.
        p: p-value of the signed-rank test of the pairs there are.
        needed: pairs with which an effect of this size is found; infinite for none.
        power: probability of finding it with the pairs there are.
        alpha: level of the test.
        wanted: the power that ``needed`` is for.
    """

    pairs: int
    effect: float
    p: float
    needed: float
    power: float
    alpha: float
    wanted: float

    @property
    def decided(self) -> bool:
        """Whether the test decides with the pairs there are."""
        return self.p <= self.alpha


def pairs_needed(effect: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return how many pairs the two-sided signed-rank test needs to find an effect.

    Noether (1987), for the signed-rank test: N = (z_alpha/2 + z_power)^2 / (3 (p - 1/2)^2)
    with p the probability that the sum of two differences is positive; and never fewer than
    those with which the exact test can reach the level at all, 2^(1 - N) <= alpha. A normal
    approximation with the variance of no effect, so cautious where the effect is large (88 %
    power in place of 80 for a shift of 0.7 standard deviations).

    Args:
        effect: p, in [0, 1]; on either side of 1/2.
        alpha: level of the test.
        power: probability of finding the effect.
    """
    if not 0 <= effect <= 1:
        raise ValueError(f"effect must be in [0, 1], got {effect}")
    fewest = np.ceil(1 - np.log2(alpha))
    with np.errstate(divide="ignore"):
        wanted = (norm.ppf(1 - alpha / 2) + norm.ppf(power)) ** 2 / (3 * np.square(effect - 0.5))
    return float(max(np.ceil(wanted), fewest))


def power_of(
    differences: ArrayLike, *, effect: float | None = None, alpha: float = 0.05, power: float = 0.8
) -> Power:
    """Return whether there are enough pairs, for the effect observed or for a given one.

    The power for the effect that was observed adds nothing to the p-value (Hoenig and
    Heisey, 2001) and an effect that made one look is on average too large; ``needed`` says
    how large a study to plan, no more. Give ``effect``, the smallest that matters, to learn
    whether a study without a finding means anything.

    Args:
        differences: shape (pairs,), first minus second, lower is better; may be infinite.
        effect: as ``Power.effect``; None for that of the differences.
    """
    numbers = checked(differences)
    size = observed_effect(numbers) if effect is None else effect
    distance = np.sqrt(3 * len(numbers)) * abs(size - 0.5)
    return Power(
        pairs=len(numbers),
        effect=size,
        p=signed_rank(numbers).p,
        needed=pairs_needed(size, alpha=alpha, power=power),
        power=float(norm.cdf(distance - norm.ppf(1 - alpha / 2))),
        alpha=alpha,
        wanted=power,
    )


def observed_effect(differences: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """Return the share of sums of two different pairs that are below 0, ties as half.

    Signed ranks stand for the differences: they give the same signs, also for infinite ones.
    """
    ranks = signed_ranks(differences)
    if len(ranks) < 2:
        return float((1 - np.sign(ranks[0])) / 2)
    first, second = np.triu_indices(len(ranks), 1)
    return float(((1 - np.sign(ranks[first] + ranks[second])) / 2).mean())


def enough(
    differences: ArrayLike,
    *,
    unit: str = "instance",
    effect: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
) -> str:
    """Return a sentence: do these pairs decide, and if not, how many would?

    Args:
        differences: shape (pairs,), first minus second, lower is better.
        unit: what a pair is, in the singular.
        effect: the smallest that matters; None for the observed one.
    """
    found = power_of(differences, effect=effect, alpha=alpha, power=power)
    test = f"Wilcoxon signed-rank, p = {found.p:.2g}"

    def pairs(one: str, many: str) -> str:
        return counted(found.pairs, f"{unit} {one}", f"{unit}s {many}")

    if found.decided:
        return f"{pairs('decides', 'decide')} it ({test})."
    size = "a difference of this size" if effect is None else f"an effect of {effect:g}"
    if found.needed <= found.pairs:
        return (
            f"{pairs('shows', 'show')} no difference ({test}), though {found.needed:.0f} would have been "
            f"enough to find {size} with probability {power:g}."
        )
    if np.isinf(found.needed):
        return f"{pairs('shows', 'show')} no difference at all ({test}): no number of them would."
    return (
        f"{pairs('is', 'are')} too few to decide ({test}): to find {size} with probability {power:g} "
        f"at level {alpha:g} takes about {found.needed:.0f}."
    )
