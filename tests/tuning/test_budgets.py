"""What a tuned study reports at each budget."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tuning import budgets
from optim import OPTIMIZERS

PROBLEMS = ("quadratic", "rosenbrock")
CHOSEN = {("sgd", 1): 0.5, ("sgd", 4): 0.25, ("rmsprop", 1): 0.5, ("rmsprop", 4): 0.5}
STEPS = {("sgd", 0.5): 40.0, ("sgd", 0.25): 20.0, ("rmsprop", 0.5): 10.0}


def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs and the selections of a search of one learning rate each."""
    rows, trials = [], []
    for name, problem in product(("sgd", "rmsprop"), PROBLEMS):
        default = OPTIMIZERS[name]().lr  # type: ignore[attr-defined]
        for lr, seed in product((default, 0.5, 0.25), [*range(5), FIRST_TUNING_SEED]):
            steps = STEPS.get((name, lr), np.nan) if seed < FIRST_TUNING_SEED else 1.0
            rows.append(
                {
                    "optimizer": name,
                    "problem": problem,
                    "schedule": "constant",
                    "seed": seed,
                    "steps": 100,
                    "optimizer.lr": lr,
                    "optimizer.beta": 0.9 if name == "rmsprop" else np.nan,
                    "hit_1e-2": steps * (2 if seed == 4 and problem == "rosenbrock" else 1),
                }
            )
        for trial, lr in enumerate((0.5, 0.25)):
            flags = {f"best_of_{k}": CHOSEN[name, k] == lr for k in (1, 4)}
            known = {"optimizer": name, "problem": problem, "trial": trial, "optimizer.lr": lr}
            known |= {"schedule": "constant"}
            beta = {"optimizer.beta": 0.9 if name == "rmsprop" else np.nan}
            trials.append({**known, **beta, **flags})
    return pd.DataFrame(rows).astype({"optimizer": "category", "problem": "category"}), pd.DataFrame(trials)


def test_each_budget_has_its_settings_and_the_defaults_come_first() -> None:
    found = budgets.settings_by_budget(*study())
    assert list(found) == ["default", "tuned, 1 trial", "tuned, 4 trials"]
    assert all(len(table) == 4 for table in found.values())
    sgd = found["tuned, 4 trials"]
    assert set(sgd.loc[sgd["optimizer"] == "sgd", "optimizer.lr"]) == {0.25}


def test_what_is_reported_chose_nothing() -> None:
    runs, selections = study()
    for chosen in budgets.settings_by_budget(runs, selections).values():
        part = budgets.reported_at(runs, chosen)
        assert set(part["seed"]) == set(range(5))
        assert part.groupby(["problem", "optimizer"])["optimizer.lr"].nunique().eq(1).all()


def test_steps_by_budget_are_paired_ratios() -> None:
    table = budgets.steps_by_budget(*study(), "hit_1e-2").set_index(["trials", "problem"])
    assert set(table["against"]) == {"sgd"}
    assert table.loc[(0, "quadratic"), "ratio"] == pytest.approx(1)  # neither arrives
    assert table.loc[(0, "quadratic"), "never"] == 1.0
    for problem in PROBLEMS:  # a seed on which both take twice as long changes no ratio
        assert table.loc[(1, problem), "ratio"] == pytest.approx(4)
        assert table.loc[(4, problem), "ratio"] == pytest.approx(2)
        assert table.loc[(4, problem), ["never", "rmsprop never", "seeds"]].tolist() == [0, 0, 5]
