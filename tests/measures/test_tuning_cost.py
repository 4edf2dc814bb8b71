"""The score that counts tuning: steps to a target times the trials that found the setting."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.measures import shown_target, tuning_costs, tuning_ranks
from experiments.request.limits import FIRST_TUNING_SEED

INF, NAN = np.inf, np.nan
DEFAULT, FIRST, SECOND, THIRD = 0.5, 0.1, 0.2, 0.3
HITS = {
    ("quick", DEFAULT): NAN,
    ("quick", FIRST): 40.0,
    ("quick", SECOND): 10.0,
    ("sure", DEFAULT): 30.0,
    ("sure", FIRST): 30.0,
    ("sure", SECOND): 20.0,
}
"""Steps to a tenth at each setting; the first is what one trial chooses, the second what four choose."""


def study(hits: dict[tuple[str, float], float] = HITS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs of a search of one learning rate each on two instances, and the selections."""
    rows: list[dict[str, Any]] = []
    trials: list[dict[str, Any]] = []
    for name, dim in product(("quick", "sure"), (2, 3)):
        cell = {
            "optimizer": name,
            "problem": "bowl",
            "problem.dim": dim,
            "schedule": "constant",
            "steps": 100,
        }
        for number, lr in enumerate((FIRST, SECOND, THIRD, 0.4)):
            flags = {"best_of_1": lr == FIRST, "best_of_4": lr == SECOND}
            trials.append({**cell, "trial": number, "optimizer.lr": lr, **flags, "space": "{}"})
            rows += [
                {**cell, "optimizer.lr": lr, "seed": FIRST_TUNING_SEED + i, "hit_1e-1": 1.0} for i in (0, 1)
            ]
        for lr, seed in product((DEFAULT, FIRST, SECOND), range(4)):
            rows.append({**cell, "optimizer.lr": lr, "seed": seed, "hit_1e-1": hits[name, lr] * dim / 2})
    runs = pd.DataFrame(rows).assign(status="ok", **{"hit_1e-2": NAN})
    runs.insert(0, "run", [f"run{number}" for number in range(len(runs))])
    return runs.astype({"optimizer": "category", "problem": "category"}), pd.DataFrame(trials)


def cell(costs: pd.DataFrame, name: str, trials: int, problem: str = "bowl dim=2") -> dict[str, Any]:
    rows = costs[(costs["optimizer"] == name) & (costs["trials"] == trials) & (costs["target"] == 0.1)]
    [row] = rows[rows["problem"] == problem].to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_the_steps_are_multiplied_by_the_trials_that_found_the_setting() -> None:
    costs = tuning_costs(*study())
    assert [cell(costs, "quick", trials)["steps"] for trials in (0, 1, 4)] == [INF, 40, 10]
    assert [cell(costs, "quick", trials)["with tuning"] for trials in (0, 1, 4)] == [INF, 40, 40]
    assert [cell(costs, "sure", trials)["with tuning"] for trials in (0, 1, 4)] == [30, 30, 80]
    assert cell(costs, "quick", 4, "bowl dim=3")["steps"] == 15  # each instance by itself
    assert set(costs["runs"]) == {4}  # no tuning seed among them


def test_a_search_takes_its_trials_to_their_end_on_all_tuning_seeds() -> None:
    costs = tuning_costs(*study())
    assert [cell(costs, "sure", trials)["search"] for trials in (0, 1, 4)] == [0, 200, 800]


def test_who_is_best_depends_on_what_is_counted() -> None:
    ranks = tuning_ranks(shown_target(tuning_costs(*study()))).set_index(["problem", "optimizer"])
    quick, sure = ranks.loc[("bowl dim=2", "quick")], ranks.loc[("bowl dim=2", "sure")]
    assert (quick["rank"], sure["rank"]) == (1, 2)
    assert (quick["rank, with tuning"], sure["rank, with tuning"]) == (2, 1)
    assert (sure["trials"], sure["trials, with tuning"]) == (4, 0)
    assert len(ranks) == 4


def test_the_target_that_is_shown_is_one_that_is_reached() -> None:
    runs, selections = study()
    costs = tuning_costs(runs, selections)
    assert set(costs["target"]) == {0.1, 0.01}
    assert set(shown_target(costs)["target"]) == {0.1}
    none = runs.assign(**{"hit_1e-1": NAN})
    shown = shown_target(tuning_costs(none, selections))
    assert set(shown["target"]) == {0.1}  # the first, where nobody arrives
    assert np.isinf(shown["steps"]).all()
    assert len(tuning_ranks(shown)) == 4


def test_trials_of_a_space_that_was_widened_count_as_well() -> None:
    runs, selections = study()
    first = runs[runs["seed"] >= FIRST_TUNING_SEED]
    before = first.assign(run=first["run"] + "x", **{"optimizer.lr": first["optimizer.lr"] * 100})
    costs = tuning_costs(pd.concat([runs, before], ignore_index=True), selections)
    assert cell(costs, "quick", 4)["with tuning"] == 80  # eight trials in all
    assert cell(costs, "sure", 0)["with tuning"] == 30
    assert cell(costs, "sure", 4)["search"] == 1600


def test_a_step_that_costs_more_is_counted_so() -> None:
    runs, selections = study()
    costs = tuning_costs(runs.assign(gradient_evaluations=300.0, diverged_at=NAN), selections)
    assert cell(costs, "quick", 4)["steps"] == 30
    assert cell(costs, "quick", 4)["search"] == 2400


def test_several_settings_at_one_budget_have_no_number() -> None:
    runs, selections = study()
    own = runs[runs["optimizer.lr"] == DEFAULT]
    beside = own.assign(run=own["run"] + "x", **{"optimizer.lr": 0.7})
    costs = tuning_costs(pd.concat([runs, beside], ignore_index=True), selections)
    assert np.isnan(cell(costs, "sure", 0)["steps"])
    assert cell(costs, "sure", 1)["steps"] == 30


def test_settings_that_an_optimizer_does_not_have_do_not_tell_its_runs_apart() -> None:
    runs, selections = study()
    missing = {"optimizer.beta": NAN, "optimizer.rule": None}
    costs = tuning_costs(runs.assign(**missing), selections.assign(**missing))
    pd.testing.assert_frame_equal(costs, tuning_costs(*study()))


@pytest.mark.parametrize("part", ["runs", "selections"])
def test_a_study_that_was_not_tuned_has_none(part: str) -> None:
    runs, selections = study()
    costs = (
        tuning_costs(runs, selections.iloc[:0])
        if part == "selections"
        else tuning_costs(runs.iloc[:0], selections)
    )
    assert costs.empty


def test_a_search_whose_settings_were_not_rerun_has_no_number_and_is_not_dropped() -> None:
    runs, selections = study()
    cut = runs[~((runs["optimizer"] == "quick") & (runs["seed"] < FIRST_TUNING_SEED))]
    costs = tuning_costs(cut, selections)
    assert cell(costs, "quick", 4)["runs"] == 0
    assert np.isnan(cell(costs, "quick", 4)["with tuning"])
    assert cell(costs, "sure", 4)["steps"] == 20
    assert len(tuning_ranks(shown_target(costs))) == 4
