"""Figures beside theory, also of tables with holes."""

import numpy as np
import pandas as pd
import pytest

from experiments import figures
from experiments.measures import optimal_contractions
from experiments.measures.beside_theory import CYCLES
from experiments.measures.contraction import decays


def contractions(**columns: object) -> pd.DataFrame:
    row = {"optimizer": "sgd", "condition": 10.0, "lost": 0.1, "low": 0.09, "high": 0.12}
    row |= {"ratio": 1.0, "ratio_low": 0.9, "ratio_high": 1.1}
    return pd.DataFrame([row | columns])


def drawn(table: pd.DataFrame) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Return the points of each marker in the left and the right panel."""
    figure = figures.contractions(table, optimal_contractions(10, 1000), optimizers=["sgd", "adam"])
    left, right = figure.axes
    return [
        np.array([line.get_xydata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1])
        for ax in (left, right)
    ]


def test_observed_rates_stand_where_they_are() -> None:
    left, right = drawn(contractions())
    assert left.tolist() == [[10.0, 0.1]]
    assert right.tolist() == [[10.0, 1.0]]


def test_without_theory_of_its_settings_a_rate_is_on_the_left_alone() -> None:
    none = {"ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
    left, right = drawn(contractions(optimizer="adam", **none))
    assert len(left) == 1
    assert len(right) == 0
    both = pd.concat([contractions(), contractions(optimizer="adam", **none)], ignore_index=True)
    left, right = drawn(both)
    assert (len(left), len(right)) == (2, 1)


def test_rounding_is_not_drawn_as_a_difference() -> None:
    table = contractions(ratio=1 + 1e-9, ratio_low=1.0, ratio_high=1 + 2e-9)
    right = figures.contractions(table, optimal_contractions(10, 1000)).axes[1]
    low, high = right.get_ylim()
    assert low < 0.99 < 1.01 < high


def cycle(**columns: object) -> pd.DataFrame:
    row = ["bowl", "rmsprop", 0.01, 3, 0.005, 0.005, 0.005, True]
    return pd.DataFrame([dict(zip(CYCLES, row, strict=True)) | columns])


@pytest.mark.parametrize(("observed", "shown"), [(0.005, 0.5), (1e-9, 1e-3), (50.0, 100.0), (0.0, 1e-3)])
def test_what_ends_beyond_the_axis_is_drawn_at_its_end(observed: float, shown: float) -> None:
    table = pd.concat([cycle(), cycle(lr=0.1, observed=observed * 10)], ignore_index=True)
    [ax] = figures.cycles(table, optimizers=["rmsprop"]).axes
    [line] = [line for line in ax.get_lines() if line.get_linestyle() == "None"]
    assert line.get_ydata()[-1] == pytest.approx(shown, rel=0.01) or observed == 0.005
    low, high = ax.get_ylim()
    assert low <= line.get_ydata()[-1] <= high


def test_a_study_without_cycles_has_an_empty_panel() -> None:
    [ax] = figures.cycles(cycle().iloc[:0]).axes
    assert [text.get_text() for text in ax.texts] == ["no runs"]


def test_decays_do_not_change_the_history() -> None:
    history = pd.DataFrame({"run": ["b"] * 4 + ["a"] * 4, "step": [0, 1, 2, 3] * 2, "distance": 1.0})
    before = history.copy()
    assert decays(history)["run"].tolist() == ["a", "b"]
    pd.testing.assert_frame_equal(history, before)
