"""What runs did beside what theory says: slopes of made-up distances, and real runs whose rates are known."""

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked

from experiments import theory
from experiments.measures import decays, observed_contractions, observed_cycles, optimal_contractions
from experiments.request.settings import kinds

BOWL = {"dim": 3, "condition": 20.0}


def history(**distances: list[float]) -> pd.DataFrame:
    parts = [pd.DataFrame({"run": run, "step": range(len(d)), "distance": d}) for run, d in distances.items()]
    return pd.concat(parts, ignore_index=True)


def decay(values: list[float], **how: float) -> float:
    return float(decays(history(a=values), **how)["decay"].iloc[0])


FALL = [8.0 * 0.5**step for step in range(41)]


def test_a_decay_is_the_slope_of_the_logarithm() -> None:
    assert decay(FALL) == pytest.approx(np.log(2))
    both = decays(history(b=FALL, a=[3.0] * 41)).set_index("run")
    assert both.loc["b", ["decay", "steadiness"]].tolist() == pytest.approx([np.log(2), 1])
    assert both.loc["a", ["decay", "steadiness"]].tolist() == [0, 0]


def test_it_is_of_the_last_part_before_rounding_begins() -> None:
    early = [8.0 * 0.9**step for step in range(20)]
    late = [early[-1] * 0.5**step for step in range(1, 21)]
    assert decay([*early, *late]) == pytest.approx(np.log(2), rel=0.05)
    assert decay([*early, *late], until=0.5) == pytest.approx(-np.log(0.9))
    at_the_floor = [*FALL, *[FALL[-1]] * 60]
    assert decay(at_the_floor, floor=FALL[-1] / 8.0) == pytest.approx(np.log(2))
    assert decay(at_the_floor) < 0.1


def test_a_factor_of_the_steps_is_taken_out() -> None:
    assert decay([value * max(step, 1) for step, value in enumerate(FALL)], less_log=True) == pytest.approx(
        np.log(2)
    )


@pytest.mark.parametrize(
    "values", [[1.0, 0.5, np.nan, np.nan], [1.0, np.nan], [0.0, 0.0, 0.0], [1.0, 0.5]], ids=str
)
def test_without_enough_numbers_there_is_none(values: list[float]) -> None:
    assert np.isnan(decay(values))


def test_no_history_no_decays() -> None:
    assert decays(pd.DataFrame({"run": [], "step": [], "distance": []})).empty


def test_the_bounds_are_those_of_the_formulas() -> None:
    table = optimal_contractions(10, 1000, points=3)
    assert set(table["method"]) == set(theory.METHODS)
    gradient = table[table["method"] == "gradient_descent"]
    assert gradient["lost"].to_numpy() == pytest.approx(2 / (gradient["condition"].to_numpy() + 1))
    more = optimal_contractions(10, 1000, points=3, any_function=True)
    sure = more[more["method"] == "guaranteed"].set_index("condition")["lost"]
    assert sure.to_numpy() == pytest.approx(1 - np.sqrt(1 - sure.index.to_numpy() ** -0.5))


def best_bowls(**settings: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    axes = {name: [value] for name, value in settings.items()}
    return frames("sgd", "quadratic_bowl", axes, steps=400, points=200, constants=BOWL)


@pytest.mark.parametrize("settings", [{"lr": 0.02}, {"lr": 0.095}, {"lr": 0.1, "momentum": 0.3}], ids=str)
def test_a_run_on_a_bowl_comes_to_the_rate_of_its_own_settings(settings: dict[str, float]) -> None:
    found = observed_contractions(*best_bowls(**settings))
    [row] = found.table.to_dict("records")
    assert (row["optimizer"], row["condition"], row["seeds"], row["quadratic"]) == ("sgd", 20, 3, True)
    assert row["ratio"] == pytest.approx(1, rel=0.03)
    assert found.left_out == ()


def test_a_regression_falls_at_least_as_fast_as_its_bound() -> None:
    constants = {"l2": 0.1}
    parts = frames("sgd", "logistic", {"lr": [0.1]}, steps=300, points=100, constants=constants)
    [row] = observed_contractions(*parts).table.to_dict("records")
    assert not row["quadratic"]
    assert 1 <= row["ratio"] < 3


def test_what_cannot_be_compared_is_named_with_the_reason() -> None:
    cycle = frames("signsgd", "quadratic_bowl", {"lr": [0.05]}, steps=400, constants=BOWL)
    valley = frames("sgd", "rosenbrock", {"lr": [1e-4]}, steps=20)
    lost = frames("sgd", "quadratic_bowl", {"lr": [9.0]}, steps=400, constants=BOWL)
    found = observed_contractions(*stacked(cycle, valley, lost))
    assert found.table.empty
    assert "rosenbrock (its smallest curvature is not known to be above 0)" in found.left_out
    assert "sgd on 1 problem, signsgd on 1 problem (no steady fall in most runs" in "; ".join(found.left_out)


def test_other_rules_have_a_rate_and_no_theory_of_their_own_settings() -> None:
    runs, past = best_bowls(lr=0.05)
    for column, value in (("schedule", "cosine"), ("optimizer.clip_norm", 1.0), ("optimizer.dampening", 0.5)):
        [row] = observed_contractions(runs.assign(**{column: value}), past).table.to_dict("records")
        assert np.isnan(row["ratio"])
        assert row["lost"] > 0


def test_rmsprop_and_signs_end_in_their_cycles_and_each_learning_rate_is_there() -> None:
    axes = {"lr": [1e-3, 0.01, 0.1]}
    parts = [
        frames(name, "quadratic_bowl", axes, steps=600, points=5, constants=BOWL)
        for name in ("rmsprop", "signsgd", "lion")
    ]
    found = observed_cycles(stacked(*parts)[0])
    table = found.table.set_index(["optimizer", "lr"])
    assert len(table) == 6
    assert table.loc[("rmsprop", 0.1), "observed"] == pytest.approx(0.05, rel=1e-3)
    signs = table.loc[("signsgd", 0.01)]
    assert signs["least"] <= signs["observed"] <= signs["most"]
    assert table.loc[("rmsprop", 1e-3), "observed"] > 10 * table.loc[("rmsprop", 1e-3), "most"]  # on its way
    assert found.left_out == ("lion (of some settings or all no cycle is known)",)


def test_a_rotated_bowl_and_runs_that_diverged_have_no_cycle() -> None:
    runs, _ = frames("rmsprop", "quadratic_bowl", {"lr": [0.1]}, steps=50, constants=BOWL)
    assert observed_cycles(runs.assign(status="diverged")).left_out == ("3 runs that diverged",)
    rotated = observed_cycles(runs.assign(**{"problem.rotated": True}))
    assert rotated.table.empty
    assert rotated.left_out == ("quadratic_bowl (rotated)",)
    assert observed_cycles(runs.assign(schedule="cosine")).table.empty
    assert observed_cycles(runs.iloc[:0]).table.empty


def test_every_rule_has_an_answer() -> None:
    runs, past = best_bowls(lr=0.05)
    for name in kinds():
        renamed = runs.assign(optimizer=name)
        assert len(observed_contractions(renamed, past).table) == 1
