"""Where a claim holds: its map."""

from typing import Any

import pandas as pd
import pytest
from verdicts import (
    INF,
    INSIDE,
    MIDDLE,
    NARROW,
    PROBLEMS,
    TRUE_BETAS,
    epsilons,
    landscape,
    races,
    rates_by_curvature,
    remembered,
    slow_sgd,
    updates_by_condition,
    where_it_is_zero,
    with_sgd,
)

from experiments.claims import (
    eps_stability,
    faster,
    imbalance,
    lr_choice,
    memory,
    per_parameter,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


def ratios_of(table: pd.DataFrame, *keys: str) -> dict[Any, float]:
    """Return the ratio of each cell, after checking that it lies in its interval."""
    known = table.dropna(subset="ratio")
    assert (known["low"] <= known["ratio"]).all()
    assert (known["ratio"] <= known["high"]).all()
    return dict(table.set_index(list(keys))["ratio"])


def test_the_map_of_lr_choice_is_of_widths() -> None:
    table = lr_choice.map_table(landscape(with_sgd(dict.fromkeys(PROBLEMS, NARROW), MIDDLE)))
    found = ratios_of(table, "problem", "steps", "solved at")
    assert found["rosenbrock, against adam", 1, 1e-4] == pytest.approx(10)  # a decade against none
    assert found["rosenbrock, against adam", 1, 1e-1] == pytest.approx(1)  # one factor of 10: all are good


def test_the_map_of_per_parameter_is_of_rates_a_decade_of_curvature_apart() -> None:
    table = per_parameter.map_table(rates_by_curvature(-0.5, 0.5))
    found = ratios_of(table, "problem", "problem.condition", "steps")
    assert found["axis-aligned, lr 0.01", 1000, 1] == pytest.approx(10**0.5)
    assert found["rotated, lr 0.01", 1000, 1] < 1


def test_the_map_of_imbalance_is_of_growth_since_the_round_bowl() -> None:
    found = ratios_of(
        imbalance.map_table(updates_by_condition(1.0, 0.2)), "problem", "problem.condition", "steps"
    )
    assert found["axis-aligned, lr 1e-05", 1000, 10] == pytest.approx(1000**0.8)
    assert found["rotated, lr 1e-05", 10, 1] == pytest.approx(10**0.8)


def test_the_map_of_eps_stability_counts_what_epsilon_saves_and_what_it_costs() -> None:
    found = ratios_of(
        eps_stability.map_table(epsilons(where_it_is_zero)), "problem", "optimizer.lr", "optimizer.eps"
    )
    assert found["logistic", 0.01, 1e-8] == INF  # without it a run is lost
    assert found["quadratic", 0.01, 1e-8] == pytest.approx(2)
    assert found["quadratic", 0.01, 1.0] == pytest.approx(0.2)  # ten times worse


def test_the_map_of_memory_is_of_betas_outside_over_inside(still: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = memory.map_table(remembered(still, INSIDE | {"rosenbrock": 0.5}, TRUE_BETAS))
    found = ratios_of(table[table["steps"] == 1000], "problem", "optimizer.lr")
    assert found["quadratic", 0.1] == pytest.approx(1000)
    assert found["rosenbrock", 0.1] == pytest.approx(1 / 1000)
    assert found["rosenbrock", 0.01] == pytest.approx(1)


def test_the_map_of_faster_is_that_of_its_budgets() -> None:
    runs = races(slow_sgd, lrs=(0.5, 0.7)).runs
    found = ratios_of(faster.budget_map_table(runs), "problem", "trials", "target")
    assert {trials for _, trials, _ in found} == {1, 2, 3}
    assert found["quadratic", 3, 1e-2] == pytest.approx(2, rel=0.02)
