"""What a claim is, how it is decided, and the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap

CLAIMS: dict[str, Claim] = {}
"""Every registered claim under its id."""

RESAMPLES = 2000


class Verdict(StrEnum):
    """What the evidence says of a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Evidence:
    """The runs that a claim's experiment asks for, their histories, and what tuning chose."""

    runs: pd.DataFrame
    history: pd.DataFrame
    selections: pd.DataFrame | None = None


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Finding:
    """How a claim was decided.

    Attributes:
        effect: how large the effect is, in ``unit``, with its interval.
        evidence: one sentence.
        tables: what the verdict rests on, by title.
    """

    verdict: Verdict
    effect: Interval
    unit: str
    evidence: str
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A statement, the experiment that tests it, and the rule that decides.

    Attributes:
        statement: what the article says.
        experiment: the name of its file in conf/experiment.
        predicate: the rule in words, written down before the run.
        revised: what was changed in rule or experiment after a first look at runs; empty if nothing.
        decide: the rule.
    """

    id: str
    statement: str
    experiment: str
    predicate: str
    revised: str
    decide: Callable[[Evidence], Finding]


def claim(
    id: str, *, statement: str, experiment: str, predicate: str, revised: str = ""
) -> Callable[[Callable[[Evidence], Finding]], Callable[[Evidence], Finding]]:
    """Enter the decorated rule in ``CLAIMS``."""

    def enter(decide: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
        CLAIMS[id] = Claim(id, statement, experiment, predicate, revised, decide)
        return decide

    return enter


def over_seeds(seeds: int, statistic: Callable[[NDArray[np.int64]], float]) -> Interval:
    """Return a statistic of the seeds with a percentile bootstrap interval (Efron, 1979).

    Seeds are drawn with replacement; ``statistic`` takes their positions. All that
    shares a seed is drawn together, so a comparison stays paired. The statistic may be
    infinite, and then so may be an end of the interval.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity: see below
        found = bootstrap(
            (np.arange(seeds),),
            lambda positions: statistic(np.asarray(positions)),
            vectorized=False,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        )
    low, high = found.confidence_interval
    if not np.isfinite(found.bootstrap_distribution).all():  # nothing lies between a number and infinity
        tail = RESAMPLES // 40
        low, high = np.sort(found.bootstrap_distribution)[[tail, -1 - tail]]
    return Interval(statistic(np.arange(seeds)), float(low), float(high))
