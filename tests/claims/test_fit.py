"""The claim `fit` on made-up evidence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from frames import frames, stacked
from verdicts import PARTLY, REFUTED, REPRODUCED, decided

from experiments.claims import (
    Evidence,
)
from problems.quadratic import QuadraticFit

pytestmark = pytest.mark.usefixtures("fewer_resamples")


@pytest.fixture(scope="module")
def fits() -> Evidence:
    """The article's run, and the same on five other data sets."""
    made = frames("rmsprop", "quadratic", {"lr": [0.01]}, seeds=6, steps=1000, points=1001, params=True)
    return Evidence(*stacked(made))


def with_fit(
    evidence: Evidence, seeds: Callable[[int], bool], step: int, column: str, change: Any
) -> Evidence:
    """Return the evidence with one recorded column changed at one step of some data sets."""
    chosen = evidence.runs.loc[evidence.runs["seed"].map(seeds), "run"]
    history = evidence.history.copy()
    rows = history["run"].isin(chosen) & (history["step"] == step)
    assert rows.any()
    history.loc[rows, column] = change(history.loc[rows, column])
    return Evidence(evidence.runs, history)


def test_the_articles_own_numbers_reproduce_the_fit(fits: Evidence) -> None:
    finding = decided("fit", fits)
    assert finding.verdict == REPRODUCED
    numbers = finding.tables["The article's numbers"].set_index("quantity")
    exact = numbers.drop("smallest MSE on the way").astype({"article": float, "here": float})
    assert {"start a", "MSE after step 1", "MSE after step 1000", "final c"} <= set(exact.index)
    # to 1e-9, or to the last of five digits where the article gives no more
    assert exact["here"].to_numpy() == pytest.approx(exact["article"].to_numpy(), rel=0, abs=5e-6)
    assert exact["agrees"].all()
    [cycle] = finding.tables["The final cycle"].to_dict("records")
    assert cycle["half-width / lr"] == pytest.approx(0.5, rel=1e-3)
    assert cycle["share in the cycle"] > 0.9


def test_the_effect_of_fit_is_the_median_excess_over_least_squares(fits: Evidence) -> None:
    runs = fits.runs
    excess = 100 * runs["suboptimality"] / (runs["loss"] - runs["suboptimality"])
    assert decided("fit", fits).effect.value == pytest.approx(excess.median())


@pytest.mark.parametrize(
    ("step", "column"), [(0, "params.0"), (1, "mse"), (1000, "mse"), (1000, "params.1"), (1000, "params.2")]
)
def test_one_number_that_differs_refutes_the_fit(fits: Evidence, step: int, column: str) -> None:
    changed = with_fit(fits, lambda seed: seed == 0, step, column, lambda value: value + 1e-8)
    assert decided("fit", changed).verdict == REFUTED


def test_the_number_that_rounding_decides_does_not_count(fits: Evidence) -> None:
    runs = fits.runs.assign(best_loss=fits.runs["best_loss"] + 1e-6)
    assert decided("fit", Evidence(runs, fits.history)).verdict == REPRODUCED


def test_the_side_on_which_the_last_step_ends_does_not_count(fits: Evidence) -> None:
    [solution] = QuadraticFit().instance(np.array([0])).minimiser.T
    mirrored = fits
    for i, at in enumerate(solution):
        mirrored = with_fit(
            mirrored, lambda seed: seed == 0, 1000, f"params.{i}", lambda end, at=at: 2 * at - end
        )
    assert decided("fit", mirrored).verdict == REPRODUCED


def test_coefficients_far_from_the_truth_make_the_fit_partly(fits: Evidence) -> None:
    changed = with_fit(fits, lambda seed: seed > 0, 1000, "params.2", lambda value: value + 1)
    assert decided("fit", changed).verdict == PARTLY


def test_a_loss_that_does_not_fall_makes_the_fit_partly(fits: Evidence) -> None:
    changed = with_fit(fits, lambda seed: seed == 3, 1000, "suboptimality", lambda value: value + 100)
    assert decided("fit", changed).verdict == PARTLY
