"""One side against another on an instance: how far ahead it is, with an interval, and what that says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims.base import RESAMPLES, Evidence, Interval, over_seeds
from experiments.claims.rules.rule import ROBUSTNESS, Condition, Quantity, Rule
from experiments.claims.rules.scores import Scores, scores_of
from experiments.claims.rules.sides import Sides, sides_of
from experiments.inference.exact import mean_interval, mean_needed, median_interval, median_needed, middle
from experiments.tables import MEASURES, PAIR

Array = NDArray[np.float64]
ALL_INSTANCES = "all instances"
UNKNOWN = Interval(np.nan, -np.inf, np.inf)


@dataclass(frozen=True)
class Comparison:
    """One side against another on an instance, by one measure.

    Attributes:
        quantity: the measure.
        settings: how settings were found.
        against: the side that it is compared with.
        instance: where.
        ahead: how far the claim's side is ahead, by seed or by instance: a difference, or a logarithm of a
            ratio.
        apart: the scores of both sides, where they are not paired.
        effect: the average with its interval.
        holds: whether the interval lies beyond what is claimed at least.
        fails: whether it lies below that.
        surely: the same two, held to the level that is adjusted for the number of comparisons.
        neither: the share of the units in which neither side ever arrived.
        alone: how many seeds one side alone has; they take no part.
        why: why there is no comparison; empty if there is one.
    """

    quantity: Quantity
    settings: str
    against: str
    instance: str
    ahead: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    apart: tuple[Array, Array] | None = None
    effect: Interval = UNKNOWN
    holds: bool = False
    fails: bool = False
    surely: tuple[bool, bool] = (False, False)
    neither: float = 0.0
    alone: int = 0
    why: str = ""

    @property
    def units(self) -> Array:
        """How far ahead, as numbers."""
        return self.ahead.to_numpy(np.float64)

    @property
    def open(self) -> bool:
        """Whether the evidence does not decide it."""
        return not (self.holds or self.fails)


@dataclass(frozen=True)
class Compared:
    """What a rule compares, and what it found.

    Attributes:
        rule: the rule.
        sides: the runs.
        scores: by measure and settings.
        comparisons: every side on every instance, also where there is nothing to compare.
        overall: the effect over all instances and sides together, by the first measure.
        units: what that is made of; empty where nothing is paired.
    """

    rule: Rule
    sides: Sides
    scores: dict[tuple[str, str], Scores]
    comparisons: tuple[Comparison, ...]
    overall: Interval
    units: Array

    @property
    def primary(self) -> tuple[Comparison, ...]:
        """The comparisons that the effect is made of."""
        return primary_of(self.comparisons, self.rule)

    def met(self, condition: Condition, which: int, settings: Sequence[str]) -> bool:
        """Tell whether enough comparisons hold (``which`` 0) or fail (1) for a condition.

        Those count whose settings were found in one of these ways.
        """
        those = [c for c in self.comparisons if c.settings in settings]
        plain = condition.word == "all" or not self.rule.adjusted
        counted = [((c.holds, c.fails) if plain else c.surely)[which] for c in those]
        overall = beyond(self.overall, threshold(self.rule.measures[0]))[which]
        return condition.met(sum(counted), len(counted), overall)


def primary_of(comparisons: Sequence[Comparison], rule: Rule) -> tuple[Comparison, ...]:
    """Return the comparisons by the first measure, at settings found in the first way."""
    return tuple(c for c in comparisons if (c.quantity, c.settings) == rule.primary)


def threshold(quantity: Quantity) -> float:
    """Return what is claimed at least, on the scale of the units."""
    return float(np.log(quantity.least)) if quantity.ratio else quantity.least


def compared(rule: Rule, evidence: Evidence, without: Sequence[str] = ()) -> Compared:
    """Apply a rule to runs, as far as to its comparisons.

    Args:
        rule: what is compared.
        evidence: the runs.
        without: columns that tell no instances apart.

    Raises:
        ValueError: nothing is left to compare.
    """
    sides = sides_of(rule, evidence, without)
    scores: dict[tuple[str, str], Scores] = {}
    found: list[Comparison] = []
    for quantity in rule.measures:
        for settings in rule.settings:
            scored = scores_of(sides, rule, quantity, settings, evidence.history, evidence.selections)
            scores[quantity.name, settings] = scored
            found += comparisons_of(sides, scored, rule, quantity, settings)
    judged = tuple(judge(each, rule, len(found)) for each in found)
    units, overall = together(primary_of(judged, rule), rule)
    return Compared(rule, sides, scores, judged, overall, units)


# Units


def comparisons_of(
    sides: Sides, scores: Scores, rule: Rule, quantity: Quantity, settings: str
) -> Iterator[Comparison]:
    """Yield each other side on each instance, with how far the claim's side is ahead of it."""
    table = scores.table.astype({"problem": str, "optimizer": str})
    series = {pair: part.groupby("seed")["score"].first() for pair, part in table.groupby(PAIR)}
    for other in sides.than:
        found = []
        for place in sides.instances:
            begun = Comparison(quantity, settings, other, place)
            own, others = (
                series.get((place, name), pd.Series(dtype=float)) for name in (sides.better, other)
            )
            missing = [name for name, each in ((sides.better, own), (other, others)) if each.empty]
            if missing:
                found.append(replace(begun, why=f"no runs of {' and '.join(missing)}"))
            else:
                found.append(with_units(begun, sign_of(quantity) * own, sign_of(quantity) * others, rule))
        yield from [by_instance(found)] if rule.paired == "instance" else found


def with_units(begun: Comparison, own: pd.Series, others: pd.Series, rule: Rule) -> Comparison:
    """Return a comparison with how far one side is ahead, given scores of which low ones are claimed."""
    if rule.paired == "no":
        return replace(begun, apart=(own.to_numpy(np.float64), others.to_numpy(np.float64)))
    shared = own.index.intersection(others.index)
    alone = len(own.index.symmetric_difference(others.index))
    if shared.empty:
        return replace(begun, alone=alone, why="they share no seed")
    first, second = own[shared].sort_index(), others[shared].sort_index()
    neither = float((np.isinf(first) & np.isinf(second)).mean())
    with np.errstate(invalid="ignore"):
        ahead = (second - first).mask(first == second, 0.0)
    return replace(begun, ahead=ahead, neither=neither, alone=alone)


def sign_of(quantity: Quantity) -> float:
    """Return 1 if the claim is for the good end of a measure, where scores are low, else -1."""
    high_is_good = quantity.name == ROBUSTNESS or (
        quantity.name in MEASURES and MEASURES[quantity.name].higher_is_better
    )
    return 1.0 if quantity.higher == high_is_good else -1.0


def by_instance(found: Sequence[Comparison]) -> Comparison:
    """Return one comparison of which each instance is a unit: the median over its seeds."""
    there = [each for each in found if not each.why]
    ahead = pd.Series({each.instance: middle(np.sort(each.units)) for each in there}, dtype=float)
    lacking = [f"{each.why} on {each.instance}" for each in found if each.why]
    return replace(
        found[0],
        instance=ALL_INSTANCES,
        ahead=ahead,
        neither=float(np.mean([each.neither == 1 for each in there])) if there else 0.0,
        alone=sum(each.alone for each in found),
        why="" if there else "; ".join(lacking[:3]),
    )


def together(comparisons: Sequence[Comparison], rule: Rule) -> tuple[Array, Interval]:
    """Return the units of all comparisons together, and their average with its interval.

    A unit is a seed, or an instance, that all of them have, and its number the average over them.
    """
    there = [each for each in comparisons if not each.why]
    if not there:
        return np.zeros(0), UNKNOWN
    if rule.paired == "no":
        return np.zeros(0), unpaired([each.apart for each in there if each.apart], rule, rule.confidence)
    wide = pd.concat([each.ahead for each in there], axis=1).dropna().to_numpy(np.float64)
    units = np.asarray(average_of(wide, rule)) if len(wide) else np.zeros(0)
    return units, interval_of(units, rule, rule.confidence)


# Intervals


def judge(given: Comparison, rule: Rule, count: int) -> Comparison:
    """Return a comparison with its interval, and whether the claim holds there.

    ``count`` is the number of comparisons, for which the level is adjusted (Bonferroni).
    """
    if given.why:
        return given
    adjusted = 1 - (1 - rule.confidence) / count
    effect, wider = (effect_of(given, rule, level) for level in (rule.confidence, adjusted))
    if given.neither == 1:  # of which one learns nothing
        return replace(given, effect=effect)
    least = threshold(given.quantity)
    holds, fails = beyond(effect, least)
    return replace(given, effect=effect, holds=holds, fails=fails, surely=beyond(wider, least))


def effect_of(given: Comparison, rule: Rule, confidence: float) -> Interval:
    """Return the effect of one comparison with its interval."""
    if given.apart is not None:
        return unpaired([given.apart], rule, confidence)
    return interval_of(given.units, rule, confidence)


def beyond(effect: Interval, least: float) -> tuple[bool, bool]:
    """Tell whether an effect is surely beyond what is claimed at least, and whether it surely is not."""
    return bool(effect.low > least), bool(effect.high < least)


def interval_of(units: Array, rule: Rule, confidence: float) -> Interval:
    """Return the average of the units with its interval, without ends where there are too few."""
    if not len(units):
        return UNKNOWN
    if rule.interval == "bootstrap":
        if len(units) < 2:
            return Interval(float(units[0]), -np.inf, np.inf)

        def drawn(draws: NDArray[np.int64]) -> Any:
            return average_of(units[draws], rule)

        return over_seeds(len(units), drawn, at_once=True, confidence=confidence)
    found = (mean_interval if rule.average == "mean" else median_interval)(units, confidence)
    return Interval(found.value, found.low, found.high)


def average_of(numbers: Array, rule: Rule) -> Any:
    """Return the mean or the median over the last axis; of opposite infinities 0."""
    with np.errstate(invalid="ignore"):
        found = np.mean(numbers, axis=-1) if rule.average == "mean" else np.median(numbers, axis=-1)
    return np.nan_to_num(found, nan=0.0, posinf=np.inf, neginf=-np.inf)


def unpaired(pairs: Sequence[tuple[Array, Array]], rule: Rule, confidence: float) -> Interval:
    """Return the mean over comparisons of the difference of two averages, each sample drawn by itself.

    A percentile bootstrap (Efron, 1979); without ends where a sample has fewer than two numbers.
    """
    rng = np.random.default_rng(0)

    def drawn(sample: Array) -> Any:
        return average_of(sample[rng.integers(0, len(sample), (RESAMPLES, len(sample)))], rule)

    with np.errstate(invalid="ignore"):
        value = np.mean([average_of(others, rule) - average_of(own, rule) for own, others in pairs])
        draws = np.mean([drawn(others) - drawn(own) for own, others in pairs], axis=0)
    value, draws = (np.nan_to_num(each, nan=0.0, posinf=np.inf, neginf=-np.inf) for each in (value, draws))
    if min(len(each) for pair in pairs for each in pair) < 2:
        return Interval(float(value), -np.inf, np.inf)
    tail = int(RESAMPLES * (1 - confidence) / 2)
    ordered = np.sort(draws)
    return Interval(float(value), float(ordered[tail]), float(ordered[-1 - tail]))


def needed(given: Comparison, rule: Rule) -> float:
    """Return how many units it would take to decide, were the effect as it is seen; infinite for none."""
    if not len(given.units) or given.neither == 1:
        return np.inf
    count = mean_needed if rule.average == "mean" else median_needed
    return count(given.units, threshold(given.quantity), rule.confidence)
