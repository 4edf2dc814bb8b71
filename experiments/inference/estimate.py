"""An estimate with its confidence interval, and how the interval was made."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """An estimate with its confidence interval.

    Attributes:
        value: the estimate; NaN if undefined.
        low: lower end of the interval.
        high: upper end.
        confidence: of the interval, 0.95 say.
        method: how it was made: BCa, percentile, Clopper-Pearson, or none.
        pairs: how many pairs it rests on.
        note: why it is not BCa; empty if it is.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str
    pairs: int
    note: str = ""

    def excludes(self, number: float) -> bool:
        """Tell whether the interval lies wholly on one side of the number."""
        return bool(self.low > number or self.high < number)

    def mapped(self, rising: Callable[[float], Any]) -> "Estimate":
        """Return the estimate on another scale; the function must not fall anywhere."""
        ends = [float(rising(number)) for number in (self.value, self.low, self.high)]
        return replace(self, value=ends[0], low=ends[1], high=ends[2])

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def resampled(
    sample: Array,
    statistic: Callable[..., Any],
    *,
    confidence: float,
    draws: int,
    seed: int,
    vectorized: bool | None = None,
) -> Estimate:
    """Return a statistic of one sample with its BCa bootstrap interval.

    BCa is the bias-corrected and accelerated bootstrap of Efron (1987), by
    ``scipy.stats.bootstrap``. Where it is undefined the interval is the percentile one of
    the same draws, and ``note`` says why.
    """
    pairs = len(sample)
    with np.errstate(invalid="ignore"):
        value = float(statistic(sample))
    if pairs < 2:
        return Estimate(value, np.nan, np.nan, confidence, "none", pairs, "one pair has no interval")
    finite = bool(np.isfinite(sample).all())
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")  # that BCa is undefined, which the note says
        drawn = bootstrap(
            (sample,),
            statistic,
            vectorized=vectorized,
            n_resamples=draws,
            confidence_level=confidence,
            method="BCa" if finite else "percentile",
            rng=np.random.default_rng(seed),
        )
    low, high = float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
    if finite and np.isfinite([low, high]).all():
        return Estimate(value, low, high, confidence, "BCa", pairs)
    low, high = percentiles(np.asarray(drawn.bootstrap_distribution), confidence)
    return Estimate(value, low, high, confidence, "percentile", pairs, why_not(sample, finite))


def percentiles(drawn: Array, confidence: float) -> tuple[float, float]:
    """Return the ends of the percentile interval, which are drawn values; NaN if one is NaN."""
    if np.isnan(drawn).any():
        return np.nan, np.nan
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], method="inverted_cdf")
    return float(low), float(high)


def why_not(sample: Array, finite: bool) -> str:
    """Return in words why BCa is undefined."""
    if not finite:
        return "BCa is undefined: some pairs are infinite"
    if np.ptp(sample) == 0:
        return "BCa is undefined: all pairs are equal, and the interval has no width"
    return "BCa is undefined: the draws, or the estimates without one pair, are all alike"
