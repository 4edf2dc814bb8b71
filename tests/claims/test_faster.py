"""The claim `faster` on made-up evidence, and by budget."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, UNDECIDED, decided, default, races, slow_sgd

from experiments.claims import (
    Verdict,
    faster,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


def slow_sgd_at_its_default(problem: str, name: str, lr: float, seed: int) -> float:
    """Tuned, SGD is the faster one."""
    return 200.0 if default(name, lr) else {"sgd": 50.0, "rmsprop": 100.0, "adam": 100.0}[name]


def slow_sgd_on_one_problem(problem: str, name: str, lr: float, seed: int) -> float:
    return slow_sgd(problem, name, lr, seed) if problem == "quadratic" else 100.0


def never_sgd(problem: str, name: str, lr: float, seed: int) -> float:
    return np.nan if name == "sgd" else 100.0


def sgd_by_chance(problem: str, name: str, lr: float, seed: int) -> float:
    """SGD is faster on every other seed, slower on the rest."""
    return 100.0 if name != "sgd" else (200.0 if seed % 2 else 50.0)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        (slow_sgd, REPRODUCED),
        (never_sgd, REPRODUCED),
        (slow_sgd_on_one_problem, PARTLY),
        (slow_sgd_at_its_default, REFUTED),
        (sgd_by_chance, UNDECIDED),
    ],
)
def test_verdicts_of_faster(steps: Callable[..., float], verdict: Verdict) -> None:
    assert decided("faster", races(steps)).verdict == verdict


def test_the_effect_of_faster_is_the_geometric_mean_of_paired_ratios() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        return 100.0 if name != "sgd" else 100.0 * (1 + seed % 4) * (2 if problem == "quadratic" else 1)

    finding = decided("faster", races(steps))
    ratios = [1 + seed % 4 for seed in range(20)]
    expected = np.exp(np.mean(np.log(ratios))) * 2 ** (1 / 3)
    assert finding.effect.value == pytest.approx(expected)


def test_a_run_that_never_arrives_counts_as_one_step_more_than_it_had() -> None:
    table = decided("faster", races(never_sgd)).tables["Steps of the others per step of RMSprop"]
    against_sgd = table[table["against"] == "sgd"]
    assert against_sgd["ratio"].to_numpy() == pytest.approx(np.full(len(against_sgd), 1001 / 100))
    assert set(against_sgd["never"]) == {1.0}
    assert set(against_sgd["RMSprop never"]) == {0.0}


def test_faster_tunes_on_seeds_that_are_not_reported() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        if default(name, lr):
            return 100.0
        return 10.0 if seed >= 20 else 300.0  # looks good on the tuning seeds only

    finding = decided("faster", races(steps))
    chosen = finding.tables["Chosen learning rates"]
    assert set(chosen["tuned learning rate"]) == {0.5}
    table = finding.tables["Steps of the others per step of RMSprop"]
    assert set(table["ratio"].round(9)) == {1.0}


def test_a_budget_is_the_mean_over_all_draws_of_its_trials() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        place = 0 if default(name, lr) else 1 + [0.5, 0.7, 0.9].index(lr)
        by_place = {"sgd": [400, 200, 800, np.nan], "rmsprop": [30, 10, 20, 40], "adam": [5, 6, 7, 8]}
        return float(by_place[name][place]) + (seed if seed < 20 else 0)  # tuning seeds all agree

    trials = faster.trials_of(races(steps, lrs=(0.5, 0.7, 0.9)).runs, faster.TARGET)
    for (_, name), logs in trials.items():
        assert logs.shape == (4, 20)
        for k in (1, 2, 3, 4):  # the first drawn in the order of the tuning seeds is taken
            by_hand = np.mean([logs[min(drawn)] for drawn in combinations(range(4), k)], axis=0)
            assert faster.expected_logs(logs, k) == pytest.approx(by_hand)
        best = {"sgd": 200, "rmsprop": 10, "adam": 5}[name]
        assert np.exp(logs[0]) == pytest.approx(best + np.arange(20))
        assert faster.expected_logs(logs, None) == pytest.approx(logs[0])


def test_all_trials_are_what_tuned_means() -> None:
    finding = decided("faster", races(slow_sgd_on_one_problem, lrs=(0.5, 0.7)))
    tuned = finding.tables["Steps of the others per step of RMSprop"]
    tuned = tuned[tuned["learning rate"] == "tuned"]
    budgets = finding.tables["Steps of the others per step of RMSprop, by budget"]
    merged = tuned.merge(budgets[budgets["trials"] == 3], on=["target", "problem", "against"])
    assert len(merged) == len(tuned)
    for column in ("ratio", "low", "high"):
        assert merged[f"{column}_x"].to_numpy() == pytest.approx(merged[f"{column}_y"].to_numpy())


def test_faster_says_on_how_many_problems_it_holds_with_each_budget() -> None:
    everywhere = decided("faster", races(slow_sgd)).evidence
    assert "it is faster on 3 with any budget from 1 to 2 random trials" in everywhere

    def only_tuned(problem: str, name: str, lr: float, seed: int) -> float:
        return 100.0 if default(name, lr) or name == "sgd" else 50.0 if problem == "quadratic" else 200.0

    by_budget = decided("faster", races(only_tuned, lrs=(0.5,))).evidence
    assert "it is faster on 1 with any budget from 1 to 2 random trials" in by_budget
