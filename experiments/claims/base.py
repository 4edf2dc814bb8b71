"""What a claim is, how it is decided, and the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import figures
from experiments.figures import charts
from experiments.figures.parts import Part, Picture
from experiments.measures import claim_space
from experiments.wording import counted

CLAIMS: dict[str, Claim] = {}
"""Every registered claim under its id."""

PICTURES: dict[str, Callable[[Evidence], Iterator[Part]]] = {}
"""What draws the pictures of a claim, and yields the tables beside them, under the claim's id."""

ARTICLE = "article"

RESAMPLES = 2000
FEWER_RESAMPLES = 400  # for the many cells of a map


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
class Variant:
    """One choice of a rule made otherwise.

    Attributes:
        choice: what is chosen: target, selection rule, budget, or what else the rule fixes.
        otherwise: how it is made here.
        verdict: what the rule says then, on the same runs.
    """

    choice: str
    otherwise: str
    verdict: Verdict


ASKED = ("target", "selection rule", "budget")
"""The choices that every claim answers for: it varies them, or has none."""


@dataclass(frozen=True)
class Sensitivity:
    """Whether a verdict hangs on the choices that its rule makes, one made otherwise at a time.

    Attributes:
        verdict: that of the rule as it was written.
        absent: for each of ``ASKED`` that the rule does not have, why.
    """

    verdict: Verdict
    variants: tuple[Variant, ...]
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a variant: choice, made otherwise, verdict."""
        rows = [(v.choice, v.otherwise, str(v.verdict)) for v in self.variants]
        return pd.DataFrame(rows, columns=["choice", "made otherwise", "verdict"])

    def __str__(self) -> str:
        """Say in a sentence what changes the verdict and what does not."""
        choices = list(dict.fromkeys(variant.choice for variant in self.variants))
        changes = {choice: self.changes(choice) for choice in choices}
        moved = [f"{choice} ({changes[choice]})" for choice in choices if changes[choice]]
        firm = [choice for choice in choices if not changes[choice]]
        count = counted(len(self.variants), "variant")
        if not moved:
            said = f"The verdict stays {self.verdict} whatever the {listed(firm)} ({count})"
        else:
            rest = f", not with the {listed(firm, 'or')}" if firm else ""
            said = f"Of {count}, the verdict changes with the {listed(moved)}{rest}"
        return "; ".join([said, *self.absent.values()]) + "."

    def changes(self, choice: str) -> str:
        """Return in words which variants of a choice change the verdict, and to what."""
        by_verdict: dict[Verdict, list[str]] = {}
        for variant in self.variants:
            if variant.choice == choice and variant.verdict != self.verdict:
                by_verdict.setdefault(variant.verdict, []).append(variant.otherwise)
        return "; ".join(f"{verdict}: {', '.join(made)}" for verdict, made in by_verdict.items())


def listed(words: Iterable[str], link: str = "and") -> str:
    """Return words as one reads them out: "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} {link} {last}" if first else last


@dataclass(frozen=True)
class Finding:
    """How a claim was decided.

    Attributes:
        effect: how large the effect is, in ``unit``, with its interval.
        evidence: one sentence.
        tables: what the verdict rests on, by title.
        variants: what the verdict becomes when a choice is made otherwise.
        absent: for each of ``ASKED`` that the rule does not have, why.
        read: the runs that a table was made from, by its title; all of the evidence if not there.
    """

    verdict: Verdict
    effect: Interval
    unit: str
    evidence: str
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    variants: Iterable[Variant] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", tuple(self.variants))

    @property
    def sensitivity(self) -> Sensitivity:
        """What the verdict hangs on."""
        return Sensitivity(self.verdict, tuple(self.variants), self.absent)

    @property
    def said(self) -> str:
        """The evidence, and what the verdict hangs on; the evidence alone where nothing was varied."""
        return f"{self.evidence} {self.sensitivity}" if self.variants else self.evidence


@dataclass(frozen=True)
class Claim:
    """A statement, the experiment that tests it, and the rule that decides.

    Attributes:
        of: whose claim it is: ``article``, or the name of another report.
        statement: what is claimed.
        experiment: the name of its file in conf/experiment.
        predicate: the rule in words, written down before the run.
        revised: what was changed in rule or experiment after a first look at runs; empty if nothing.
        decide: the rule.
    """

    id: str
    of: str
    statement: str
    experiment: str
    predicate: str
    revised: str
    decide: Callable[[Evidence], Finding]


def claim(
    id: str, *, statement: str, experiment: str, predicate: str, revised: str = "", of: str = ARTICLE
) -> Callable[[Callable[[Evidence], Finding]], Callable[[Evidence], Finding]]:
    """Enter the decorated rule in ``CLAIMS``."""

    def enter(decide: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
        CLAIMS[id] = Claim(id, of, statement, experiment, predicate, revised, decide)
        return decide

    return enter


def pictures(
    id: str,
) -> Callable[[Callable[[Evidence], Iterator[Part]]], Callable[[Evidence], Iterator[Part]]]:
    """Enter the decorated function, which yields the pictures of a claim, in ``PICTURES``."""

    def enter(draw: Callable[[Evidence], Iterator[Part]]) -> Callable[[Evidence], Iterator[Part]]:
        PICTURES[id] = draw
        return draw

    return enter


def map_picture(
    name: str,
    caption: str,
    table: pd.DataFrame,
    x: str,
    y: str,
    label: str,
    *,
    failed: str = "neither arrived",
    runs: pd.DataFrame | None = None,
) -> Picture:
    """Return the map of a claim, with its cells as a table and the share of all in which the claim holds."""
    said = f"{caption}. In all it {claim_space(table)}"
    figure = figures.claim_map(table, x, y, label, failed=failed)
    chart = partial(charts.claim_map, table, x, y, label, failed)
    return Picture(name, said, figure, table, runs, chart)


def over_seeds(
    seeds: int,
    statistic: Callable[[NDArray[np.int64]], Any],
    *,
    at_once: bool = False,
    resamples: int | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Return a statistic of the seeds with a percentile bootstrap interval (Efron, 1979).

    Seeds are drawn with replacement; ``statistic`` takes their positions, shape (seeds,),
    or with ``at_once`` all draws as (draws, seeds) and returns (draws,): the same interval,
    sooner. All that shares a seed is drawn together, so a comparison stays paired. The
    statistic may be infinite, and then so may be an end of the interval. ``resamples`` is
    how many draws there are, if not ``RESAMPLES``.
    """
    tail_percent = round(50 * (1 - confidence), 9)
    count = resamples or RESAMPLES
    draws = np.random.default_rng(0).integers(0, seeds, (count, seeds))
    everything = np.arange(seeds)
    with np.errstate(invalid="ignore"):  # infinity minus infinity: see below
        if at_once:
            value, drawn = float(statistic(everything[None])[0]), np.asarray(statistic(draws), dtype=float)
        else:
            value, drawn = float(statistic(everything)), np.array([float(statistic(draw)) for draw in draws])
    if np.isfinite(drawn).all():
        low, high = np.percentile(drawn, [tail_percent, 100 - tail_percent])
    else:  # nothing lies between a number and infinity
        tail = int(count * tail_percent / 100)
        low, high = np.sort(drawn)[[tail, -1 - tail]]
    return Interval(value, float(low), float(high))


def mean_over_seeds(values: Any) -> Interval:
    """Return the mean of one number a seed, with its interval."""
    numbers = np.asarray(values, dtype=float)
    return over_seeds(len(numbers), lambda drawn: numbers[drawn].mean(axis=-1), at_once=True)


def geometric_mean(logs: Any, resamples: int | None = None) -> Interval:
    """Return the geometric mean of one number a seed, from the logarithms, with its interval."""
    numbers = np.asarray(logs, dtype=float)

    def statistic(drawn: NDArray[np.int64]) -> Any:
        return np.exp(numbers[drawn].mean(axis=-1))

    return over_seeds(len(numbers), statistic, at_once=True, resamples=resamples)


def earlier_steps(evidence: Evidence, shares: tuple[float, ...]) -> list[int]:
    """Return the recorded steps, after the start, that are nearest to these shares of all."""
    recorded = np.unique(evidence.history["step"])
    wanted = [recorded[np.abs(recorded - share * recorded[-1]).argmin()] for share in shares]
    return [int(step) for step in dict.fromkeys(wanted) if 0 < step < recorded[-1]]
