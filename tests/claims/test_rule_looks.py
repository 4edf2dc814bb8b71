"""Seeds that are added until a rule decides: how often it decides falsely, by simulation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rules import ADAM_LOWER, rule

from experiments.claims.base import Interval
from experiments.claims.rules.comparisons import Compared, Comparison, judge, together
from experiments.claims.rules.finding import verdict
from experiments.inference.spending import levels
from experiments.reports.judging import MOST_LOOKS, looks_of, settled

LOOKS = (10, 20, 30, 40)
TRIALS = 300
SEQUENTIAL = levels([end / LOOKS[-1] for end in LOOKS])
NAIVE = [0.95] * len(LOOKS)


def decided_as(numbers: Any, confidences: list[float], base: Any) -> str:
    """Return the verdict at which a rule stops, of comparisons that grow: numbers (comparisons, seeds)."""
    for end, confidence in zip(LOOKS, confidences, strict=True):
        then = replace(base, confidence=confidence)
        begun = [
            Comparison(then.measures[0], "tuned", "sgd", f"p{n}", ahead=pd.Series(row[:end]))
            for n, row in enumerate(numbers)
        ]
        single = tuple(judge(each, then, len(begun)) for each in begun)
        units, overall = together(single, then)
        found = Compared(then, None, {}, single, overall, units)  # type: ignore[arg-type]
        if settled(found):
            break
    return str(verdict(found))


def rate(draw: Callable[[Any], Any], confidences: list[float], false: set[str], **keys: Any) -> float:
    """Return how often a rule comes to a false verdict."""
    base, rng = rule(ADAM_LOWER, **keys), np.random.default_rng(7)
    return sum(decided_as(draw(rng), confidences, base) in false for _ in range(TRIALS)) / TRIALS


@pytest.mark.parametrize("name", ["normal", "exponential"])
def test_where_there_is_no_effect_a_verdict_is_false_in_less_than_one_of_twenty(name: str) -> None:
    def draw(rng: Any) -> Any:
        numbers = getattr(rng, name)(size=(1, LOOKS[-1]))
        return numbers - (np.log(2) if name == "exponential" else 0)  # about the median

    anything = {"reproduced", "partly", "refuted"}
    assert rate(draw, SEQUENTIAL, anything) < 0.05
    assert rate(draw, NAIVE, anything) > 0.06  # what looking again and again would cost


def test_the_rate_holds_for_any_of_several_comparisons() -> None:
    def draw(rng: Any) -> Any:
        return rng.normal(size=(4, LOOKS[-1]))

    assert rate(draw, SEQUENTIAL, {"reproduced", "partly", "refuted"}) < 0.05


def test_what_is_claimed_at_least_is_the_edge_not_zero() -> None:
    def draw(rng: Any) -> Any:
        return rng.normal(0.5, 1, size=(1, LOOKS[-1]))

    assert rate(draw, SEQUENTIAL, {"reproduced"}, margin=0.5) < 0.05


def test_an_effect_is_found_and_sooner_than_at_the_end() -> None:
    rng = np.random.default_rng(3)
    assert rate(lambda rng: rng.normal(1.5, 1, size=(1, LOOKS[-1])), SEQUENTIAL, {"reproduced"}) > 0.95
    base = replace(rule(), confidence=SEQUENTIAL[1])
    early = judge(
        Comparison(base.measures[0], "tuned", "sgd", "p", ahead=pd.Series(rng.normal(3, 1, 20))), base, 1
    )
    assert early.holds


@pytest.mark.parametrize(
    ("holds", "fails", "stops"),
    [((1, 1), (0, 0), True), ((1, 0), (0, 1), True), ((1, 0), (0, 0), False), ((0, 0), (0, 0), False)],
)
def test_it_goes_on_while_a_comparison_is_open(holds: Any, fails: Any, stops: bool) -> None:
    base = rule()
    single = tuple(
        Comparison(
            base.measures[0], "tuned", "sgd", f"p{n}", holds=bool(h), fails=bool(f), surely=(bool(h), bool(f))
        )
        for n, (h, f) in enumerate(zip(holds, fails, strict=True))
    )
    found = Compared(base, None, {}, single, Interval(0.0, -1.0, 1.0), np.zeros(2))  # type: ignore[arg-type]
    assert settled(found) == stops


@pytest.mark.parametrize(
    ("first", "end", "looks"),
    [
        (10, 40, [10, 20, 30, 40]),
        (8, 25, [8, 16, 25]),
        (8, 15, [15]),
        (8, 8, [8]),
        (9, 83, [9, 18, 27, 36, 45, 54, 63, 72, 83]),
    ],
)
def test_each_look_adds_at_least_what_the_first_has(first: int, end: int, looks: list[int]) -> None:
    assert looks_of(first, end) == looks


def test_there_are_only_so_many_looks() -> None:
    found = looks_of(5, 100_000)
    assert len(found) <= MOST_LOOKS + 1
    assert found[-1] == 100_000
    assert found == sorted(set(found))
