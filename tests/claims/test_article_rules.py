"""Claims of the article that a file can state come to the same verdict as its code, on the same runs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import ROOT
from rules import NO_HISTORY, effect_of, verdict_of
from test_deep import CHANCE, EVEN, GOOD, MIXED, POOR, networks
from test_faster import never_sgd, sgd_by_chance, slow_sgd_at_its_default, slow_sgd_on_one_problem
from verdicts import decided, races, slow_sgd

from experiments.claims import CLAIMS, Evidence
from experiments.claims.rules import Rule, read

pytestmark = pytest.mark.usefixtures("fewer_resamples")

CANNOT = {
    "fit": "compares numbers with those of an article, not runs with runs",
    "per_parameter": "is of the slope of recorded rates over curvatures",
    "imbalance": "is of the slope of recorded updates over condition numbers",
    "lr_choice": "is of the width of medians over seeds, all below a share of the first loss being solved",
    "eps_stability": "is of which runs diverge without epsilon and not with it",
    "memory": "fits a time constant to recorded rates",
    "scale_free": "is of distances between recorded paths",
    "problem_dependence": "is of how rankings of many optimizers agree",
    "defaults_suffice": "compares the best of many with one",
    "no_dominance": "counts which of many is best where",
    "adam_strong": "is of a rank among many",
    "rates": "compares contractions with formulas, not runs with runs",
}
"""The claims that no rule over measures states, and why."""


def stated(name: str) -> Rule:
    """Return the rule of a file of conf/claim."""
    given: Any = yaml.safe_load((ROOT / "conf" / "claim" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert given["statement"] == CLAIMS[name].statement
    assert given["runs"] == {"experiment": CLAIMS[name].experiment}
    return read(given, name).rule


def test_every_claim_is_stated_without_code_or_says_why_not() -> None:
    there = {path.stem for path in (ROOT / "conf" / "claim").glob("*.yaml")}
    assert there & CLAIMS.keys() == CLAIMS.keys() - CANNOT.keys() == {"faster", "deep"}


@pytest.mark.parametrize(
    "steps", [slow_sgd, never_sgd, slow_sgd_on_one_problem, slow_sgd_at_its_default, sgd_by_chance]
)
def test_faster_comes_to_the_same(steps: Callable[..., float]) -> None:
    evidence = races(steps)
    runs = evidence.runs.assign(schedule="constant")
    again = Evidence(runs, NO_HISTORY)
    code = decided("faster", evidence)
    assert verdict_of(stated("faster"), again) == code.verdict
    same_effect(effect_of(stated("faster"), again), code.effect)


@pytest.mark.parametrize("sgd_steps", [[100.0] * 10, [np.nan] * 10, CHANCE, [25.0] * 10])
@pytest.mark.parametrize("accuracies", [(POOR, GOOD), (GOOD, GOOD), (GOOD, POOR), (MIXED, GOOD)])
def test_deep_comes_to_the_same(sgd_steps: list[float], accuracies: tuple[list[float], list[float]]) -> None:
    steps = {"sgd": sgd_steps, "rmsprop": EVEN}
    evidence = networks(steps, dict(zip(steps, accuracies, strict=True)))
    loss = evidence.runs["optimizer.lr"].map({0.1: 0.05, 0.01: 0.1})  # which the search chose by
    runs = evidence.runs.assign(schedule="constant", status="ok", loss=loss)
    again = replace(evidence, runs=runs, history=NO_HISTORY)
    code = decided("deep", evidence)
    assert verdict_of(stated("deep"), again) == code.verdict
    same_effect(effect_of(stated("deep"), again), code.effect)


def same_effect(found: Any, expected: Any) -> None:
    ends = expected.value, expected.low, expected.high
    assert (found.value, found.low, found.high) == pytest.approx(
        ends, rel=1e-3
    )  # of a mean of logarithms, or of the ratios
