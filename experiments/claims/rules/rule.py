"""A rule over measures: what is compared with what, by which number, and what makes which verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AREA, ROBUSTNESS, DIVERGENCE = "area", "robustness", "divergence"
"""The measures that are no column of runs."""

TUNED, DEFAULT, ALL = "tuned", "default", "all"
"""How the setting of each side is found: the best one, the optimizer's defaults, or every one there is."""


@dataclass(frozen=True)
class Quantity:
    """What is compared, and how much of it is claimed.

    Attributes:
        name: a column of runs, or ``AREA``, ``ROBUSTNESS`` or ``DIVERGENCE``.
        of: the column that an area or a robustness is of; else the name.
        higher: whether the claim is that its side has more of it.
        ratio: whether it is compared by ratios; else by differences.
        least: the factor or the margin that is claimed at least.
        within: the factor within which a learning rate is as good as the best, for a robustness.
    """

    name: str
    of: str
    higher: bool
    ratio: bool
    least: float
    within: float = 2.0

    @property
    def spoken(self) -> str:
        """What it is called in a sentence."""
        if self.name in (AREA, ROBUSTNESS):
            return f"{self.name} of {self.of}"
        if self.name.startswith("hit_"):
            return f"steps to {self.name.removeprefix('hit_')}"
        return "share diverged" if self.name == DIVERGENCE else self.name.replace("_", " ")


@dataclass(frozen=True)
class Condition:
    """What it takes for a verdict.

    Attributes:
        word: ``overall``: by all comparisons together; ``never``; or, by the comparisons one by one, ``all``,
            ``most`` (more than half), ``any``, or a share as it was written.
        share: of the comparisons, for such.
    """

    word: str
    share: float = 1.0

    @property
    def one_by_one(self) -> bool:
        """Whether single comparisons count."""
        return self.word not in ("overall", "never")

    def met(self, count: int, among: int, overall: bool) -> bool:
        """Tell whether so many of the comparisons, or all together, are enough."""
        if not self.one_by_one:
            return self.word == "overall" and overall
        if self.word == "most":
            return 2 * count > among
        return count > 0 and count >= (1 if self.word == "any" else self.share * among - 1e-9)


@dataclass(frozen=True)
class Rule:
    """A rule over measures.

    Attributes:
        compare: the axis whose values are compared: a column of runs.
        better: the value of that axis that the claim is for.
        than: those that it is compared with; empty for all others.
        measures: what is compared; the first is the effect.
        where: which runs count: values by column, or by ``problem`` the name of an instance.
        each: columns whose values are looked at one by one, as problem instances are.
        settings: how the setting of each side is found; of several ways all must agree for the claim to be
            reproduced, and the first alone tells whether it is partly so, or refuted.
        choose: the column by which settings are chosen; empty for what is compared.
        choose_on: the seeds that choose; empty for those that the study's protocol gives.
        budget: how many trials choose; None for all that there are.
        average: ``median`` or ``mean``.
        paired: the unit of the comparison: ``seed``, ``instance``, or ``no`` for runs drawn by themselves.
        interval: ``exact`` or ``bootstrap``.
        confidence: of the intervals.
        adjusted: whether single comparisons are held to a level adjusted for their number where one of them,
            or a share, is enough.
        reproduced, partly, refuted: what it takes, in this order.
    """

    compare: str
    better: Any
    than: tuple[Any, ...]
    measures: tuple[Quantity, ...]
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    each: tuple[str, ...] = ()
    settings: tuple[str, ...] = (TUNED,)
    choose: str = ""
    choose_on: tuple[int, ...] = ()
    budget: int | None = None
    average: str = "median"
    paired: str = "seed"
    interval: str = "exact"
    confidence: float = 0.95
    adjusted: bool = True
    reproduced: Condition = Condition("all")
    partly: Condition = Condition("any")
    refuted: Condition = Condition("any")

    @property
    def primary(self) -> tuple[Quantity, str]:
        """The measure and the settings of the effect."""
        return self.measures[0], self.settings[0]
