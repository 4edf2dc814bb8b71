"""The claim `rates`, on distances made up so that each verdict is known."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, decided, history_of, table_of

from experiments import theory
from experiments.claims import PICTURES, Evidence, Verdict, rates
from experiments.figures.parts import Picture

pytestmark = pytest.mark.usefixtures("fewer_resamples")

CONDITIONS = (10.0, 1e6)
Factor = Callable[[str, float, int], float]
"""Measured over predicted decay, by method, condition number and seed."""


def contracting(factor: Factor, power: float = 0.0) -> Evidence:
    """Return runs whose distance falls by that many times the decay of theory, times a power of the steps."""
    rows, arrays = [], []
    for method, k, rotated, seed in product(theory.METHODS, CONDITIONS, (False, True), range(4)):
        rows.append(
            {"optimizer": f"sgd:{method}", "problem": "quadratic_bowl", "seed": seed}
            | {"problem.condition": k, "problem.rotated": rotated, "steps": 400, "status": "ok"}
        )
        steps = np.arange(401)
        fall = theory.decay(method, 1, k) * factor(method, k, seed) * steps
        distance = (1 + seed) * np.exp(-fall) * np.maximum(steps, 1) ** power
        arrays.append({"distance": distance, "suboptimality": distance**2, "grad_norm": k * distance})
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, arrays))


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (lambda method, k, seed: 1 + 0.001 * seed, REPRODUCED),
        (lambda method, k, seed: 0.9 if method == "heavy_ball" else 1.0, PARTLY),
        (lambda method, k, seed: 0.9 if k == 10 else 1.0, PARTLY),
        (lambda method, k, seed: 1.03, REFUTED),
        (lambda method, k, seed: (0.9, 1.1)[seed % 2], REFUTED),  # in the mean it is 1, and not surely
    ],
    ids=["all", "one method", "one condition", "faster", "scattered"],
)
def test_the_verdict_is_by_cells(factor: Factor, verdict: Verdict) -> None:
    assert decided("rates", contracting(factor)).verdict == verdict


def test_the_effect_is_that_of_the_cell_farthest_from_theory() -> None:
    evidence = contracting(lambda method, k, seed: 0.95 if (method, k) == ("nesterov", 1e6) else 1.0)
    found = decided("rates", evidence)
    assert found.effect.value == pytest.approx(0.95)
    assert "with that taken out" in found.evidence
    assert "14 of 16 cells agree within 2%" in found.evidence
    assert "Farthest from theory is nesterov at k = 1e+06" in found.evidence


def test_the_table_has_contractions_and_the_other_measures_agree() -> None:
    evidence = contracting(lambda method, k, seed: 1.0)
    [table] = decided("rates", evidence).tables.values()
    row = table[(table["method"] == "gradient_descent") & (table["k"] == 10)].iloc[0]
    assert row["lost in a step, theory"] == pytest.approx(2 / 11)
    assert row["lost in a step, measured"] == pytest.approx(2 / 11)
    for measure in ("suboptimality", "grad_norm"):
        assert rates.cells(evidence, measure)["ratio"].to_numpy() == pytest.approx(1)


def test_a_factor_of_the_steps_slows_the_slope_and_can_be_taken_out() -> None:
    evidence = contracting(lambda method, k, seed: 1.0, power=1.0)
    assert rates.cells(evidence)["ratio"].min() < 0.98
    assert rates.cells(evidence, less_log=True)["ratio"].to_numpy() == pytest.approx(1)


def test_a_run_that_diverged_leaves_its_cell_without_a_number_and_not_agreeing() -> None:
    evidence = contracting(lambda method, k, seed: 1.0)
    lost = evidence.history["run"].astype(str).eq("run0") & (evidence.history["step"] > 100)
    history = evidence.history.assign(distance=evidence.history["distance"].mask(lost))
    table = rates.cells(Evidence(evidence.runs, history))
    assert table["ratio"].isna().sum() == 1
    assert not table.loc[table["ratio"].isna(), "agrees"].any()
    assert rates.verdict(table) == PARTLY


def test_the_map_and_the_figure_are_of_all_cells() -> None:
    evidence = contracting(lambda method, k, seed: 1.01 if k == 10 else 0.9)
    table = rates.map_table(evidence).set_index(["problem.condition", "share of the steps"])
    assert table.loc[(10.0, 1.0), "ratio"].to_numpy() == pytest.approx(2)
    assert table.loc[(1e6, 0.5), "ratio"].to_numpy() == pytest.approx(0.2)
    assert (table["low"] <= table["ratio"] * (1 + 1e-9)).all()
    assert (table["ratio"] <= table["high"] * (1 + 1e-9)).all()
    pictures = [part for part in PICTURES["rates"](evidence) if isinstance(part, Picture)]
    assert [picture.name for picture in pictures] == ["rates", "rates_map"]
