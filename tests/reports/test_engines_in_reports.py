"""Optimizers that ran under different engines are compared, unless it is the engines that are."""

import pandas as pd
import pytest
from frames import frames, stacked

from experiments import tables
from experiments.figures.parts import Text
from experiments.reports.comparison import parts_of
from experiments.tuning.protocol import budgets, split


def study(*engines: tuple[str, str]) -> pd.DataFrame:
    """Return runs of (optimizer, engine) each on two problems."""
    parts = []
    for optimizer, engine in engines:
        for problem in ("rosenbrock", "quadratic_bowl"):
            runs, history = frames(optimizer, problem, {"lr": [0.01]})
            parts.append((runs.assign(engine=engine, run=runs["run"] + engine), history))
    return tables.labelled(stacked(*parts)[0])


def test_one_optimizer_under_an_engine_of_its_own_is_compared_with_the_others() -> None:
    runs = study(("sgd", "numpy"), ("adam", "numpy"), ("rmsprop", "jax"))
    assert set(runs["problem"]) == {"rosenbrock", "quadratic_bowl"}
    [budget] = budgets(split(runs, ("s",)), ("s",))
    assert budget.said == ""
    said = [
        part.text
        for part in parts_of(split(runs, ("s",)), "suboptimality", 2.0, ("s",))
        if isinstance(part, Text)
    ]
    assert (
        "Not all ran under one engine, and engines differ in rounding: rmsprop under jax on 2 problems."
        in said
    )


@pytest.mark.parametrize("other", ["numpy", "jax"])
def test_engines_of_one_optimizer_are_compared_apart(other: str) -> None:
    runs = study(("sgd", "numpy"), ("sgd", "jax"), ("adam", other))
    assert set(runs["problem"]) == {
        f"{name} engine={engine}" for name in ("rosenbrock", "quadratic_bowl") for engine in ("numpy", "jax")
    }
    assert [budget.said for budget in budgets(split(runs, ("s",)), ("s",))] == [
        "under engine=jax",
        "under engine=numpy",
    ]
