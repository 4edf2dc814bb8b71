"""Figures over learning rates, paths, effective rates, maps, and what stalled."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import LRS, Frames, line, texts, titles
from frames import frames, stacked
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection, QuadMesh
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure

from experiments import figures, tables
from experiments.figures.style import looks

NOTHING = pd.DataFrame({"run": pd.Categorical([])})


@pytest.fixture(scope="module")
def study() -> Frames:
    return stacked(
        frames("sgd", "quadratic", {"lr": LRS}),
        frames("rmsprop", "quadratic", {"lr": LRS, "beta": [0.9, 0.99]}),
        frames("sgd", "rosenbrock", {"lr": LRS}),
        frames("adam", "logistic", {"lr": LRS}, constants={"data": "wine"}),
    )


@pytest.fixture(scope="module")
def recorded() -> Frames:
    """Runs with parameters and rates: one of them diverges."""
    return stacked(
        frames("sgd", "rosenbrock", {"lr": [0.001, 1.0]}, params=True),
        frames("adam", "rosenbrock", {"lr": [0.1]}, params=True),
    )


@pytest.fixture(scope="module")
def stalled() -> Frames:
    """Runs that end well, that stall and that diverge, by their learning rates."""
    return stacked(
        frames("rmsprop", "rosenbrock", {"lr": [0.01, 1e60, 1e80], "momentum": [0.0, 0.9]}, params=True),
        frames("adam", "rosenbrock", {"lr": [0.01, 1e60]}, params=True),
    )


STALLED = "median run stalled"


def framed(ax: Axes) -> list[Any]:
    """Return the lines of frames in a panel."""
    return [part for part in ax.lines if part.get_marker() == "s" and part.get_linestyle() == "None"]


def valley(x: Any, y: Any) -> Any:
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


VALLEY = figures.Landscape("rosenbrock", valley, (1.0, 1.0))


def saved(fig: Figure, kind: str) -> bytes:
    buffer = BytesIO()
    with mpl.rc_context({**figures.STYLE, "savefig.dpi": 40}):  # quicker
        fig.savefig(buffer, format=kind, metadata={"png": {"Software": None}, "svg": {"Date": None}}[kind])
    return buffer.getvalue()


class TestLrSensitivity:
    def test_medians_above_and_the_share_diverged_below(self, study):
        table = tables.lr_sensitivity(study[0])
        fig = figures.lr_sensitivity(table)
        assert titles(fig) == ["logistic", "quadratic", "rosenbrock"]
        upper, lower = fig.axes[2], fig.axes[5]
        part = table[table["problem"] == "rosenbrock"]
        np.testing.assert_allclose(line(lower, "sgd").get_xydata(), part[[tables.LR, "diverged"]] * [1, 100])
        finite = np.isfinite(part["median"])
        np.testing.assert_allclose(line(upper, "sgd").get_ydata()[finite], part["median"][finite])
        assert lower.get_xlabel() == "learning rate"
        assert fig.axes[3].get_ylabel() == "diverged,\n% of runs"
        assert fig.axes[0].get_ylabel() == "final suboptimality"
        assert upper.get_xscale() == lower.get_xscale() == "log"

    def test_says_what_it_measures(self, study):
        table = tables.lr_sensitivity(study[0], "hit_1e-2")
        assert figures.lr_sensitivity(table, "hit_1e-2").axes[0].get_ylabel() == "steps to 1e-2 of start"


class TestPaths:
    def test_a_panel_per_optimizer_with_every_run(self, recorded):
        runs, history = recorded
        fig = figures.paths([VALLEY], history, runs)
        assert titles(fig) == ["adam on rosenbrock", "sgd on rosenbrock"]
        assert texts(fig) == ["start", "steps 1, 10, 100 …", "minimum", "diverged"]
        color = looks([])["adam"].color
        drawn = [part for part in fig.axes[0].lines if part.get_linestyle() == "-"]
        assert [to_hex(part.get_color()).upper() for part in drawn] == [color] * 3
        first = history[history["run"] == runs.loc[runs["optimizer"] == "adam", "run"].iloc[0]]
        np.testing.assert_allclose(drawn[0].get_xydata(), first[["params.0", "params.1"]])

    def test_starts_and_minimum_are_in_view(self, recorded):
        runs, history = recorded
        ax = figures.paths([VALLEY], history, runs).axes[0]
        starts = history.loc[history["step"] == 0, ["params.0", "params.1"]].to_numpy()
        for x, y in [*starts, (1.0, 1.0)]:
            assert ax.get_xlim()[0] < x < ax.get_xlim()[1]
            assert ax.get_ylim()[0] < y < ax.get_ylim()[1]

    def test_a_diverged_run_ends_in_a_cross(self, recorded):
        runs, history = recorded
        ax = figures.paths([VALLEY], history, runs).axes[1]
        crosses = [part for part in ax.lines if part.get_marker() == "x"]
        assert len(crosses) == (runs["status"] == "diverged").sum() > 0

    def test_no_cross_is_explained_where_none_diverged(self, recorded):
        runs, history = recorded
        fig = figures.paths([VALLEY], history, runs[runs["optimizer"] == "adam"])
        assert "diverged" not in texts(fig)

    def test_other_coordinates_can_be_shown(self):
        runs, history = stacked(frames("rmsprop", "quadratic", {"lr": [0.01]}, seeds=1, params=True))
        bowl = figures.Landscape("quadratic", lambda x, y: x**2 + y**2, (0.0, 0.0), ("a", "c"), (0, 2))
        ax = figures.paths([bowl], history, runs).axes[0]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "c")
        drawn = next(part for part in ax.lines if part.get_linestyle() == "-")
        np.testing.assert_allclose(drawn.get_xydata(), history[["params.0", "params.2"]])


class TestEffectiveRates:
    def test_a_panel_per_optimizer_and_a_line_per_parameter(self, recorded):
        runs, history = recorded
        fig = figures.effective_rates(history, runs, names=("x", "y"))
        assert titles(fig) == ["adam on rosenbrock", "sgd on rosenbrock"]
        assert texts(fig) == ["x", "y"]
        assert fig.axes[0].get_ylabel() == "effective learning rate"
        assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()

    def test_draws_the_medians(self, recorded):
        runs, history = recorded
        chosen = runs[runs["optimizer"] == "adam"]
        table = tables.effective_rates(history, chosen).query("parameter == 1")
        drawn = figures.effective_rates(history, chosen).axes[0].lines[1]
        np.testing.assert_allclose(drawn.get_xydata(), table[["step", "median"]])

    def test_many_parameters_have_a_short_legend(self):
        runs, history = stacked(
            frames("sgd", "rosenbrock", {"lr": [1e-4]}, constants={"dim": 20}, params=True)
        )
        fig = figures.effective_rates(history, runs)
        assert len(fig.axes[0].lines) == 20
        assert len(texts(fig)) <= 8


class TestHeatMap:
    def test_draws_the_medians_and_rings_the_best(self, study):
        fig = figures.heat_map(study[0])
        assert titles(fig) == ["rmsprop on quadratic"]
        ax = fig.axes[0]
        mesh = next(part for part in ax.collections if isinstance(part, QuadMesh))
        table = tables.best_pairs(study[0], "optimizer.lr", "optimizer.beta")
        cells = table.pivot(index="optimizer.beta", columns="optimizer.lr", values="median").to_numpy()
        np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(cells.shape), cells)
        assert isinstance(mesh.norm, LogNorm)
        row, column = np.argwhere(cells == cells.min())[0]
        np.testing.assert_allclose(ax.lines[0].get_xydata(), [[column + 0.5, row + 0.5]])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "beta")
        assert fig.axes[1].get_ylabel() == "median final suboptimality"

    def test_hatches_what_diverged_and_says_so(self):
        runs, _ = stacked(frames("sgd", "rosenbrock", {"lr": LRS, "momentum": [0.0, 0.9]}))
        fig = figures.heat_map(runs, y="optimizer.momentum")
        lost = np.isinf(tables.best_pairs(runs, "optimizer.lr", "optimizer.momentum")["median"]).sum()
        hatched = [part for part in fig.axes[0].collections if isinstance(part, PatchCollection)]
        assert len(hatched[0].get_paths()) == lost > 0
        assert hatched[0].get_hatch()
        assert texts(fig) == ["best setting", "median run diverged"]

    def test_labels_powers_of_ten_and_zero_where_there_are_many_cells(self):
        runs, _ = stacked(
            frames(
                "rmsprop",
                "quadratic",
                {"lr": np.logspace(-3, 0, 13), "eps": np.r_[0, np.logspace(-3, 0, 13)]},
            )
        )
        ax = figures.heat_map(runs, y="optimizer.eps").axes[0]
        powers = ["$10^{-3}$", "$10^{-2}$", "$10^{-1}$", "$10^{0}$"]
        assert [label.get_text() for label in ax.get_xticklabels()] == powers
        assert [label.get_text() for label in ax.get_yticklabels()] == ["0", *powers]

    def test_a_target_may_be_asked_of_an_empty_study(self):
        assert titles(figures.heat_map(NOTHING, measure="hit_1e-4")) == []

    def test_says_that_a_target_was_not_reached(self, study):
        fig = figures.heat_map(study[0], measure="hit_1e-8")
        assert texts(fig)[-1] == "not reached by the median run"


class TestStalled:
    """Its numbers are drawn as they are, in a frame."""

    def test_the_runs_are_of_every_kind(self, stalled):
        assert set(stalled[0]["status"]) == {"ok", "stalled", "diverged"}

    def test_a_line_is_drawn_about_the_cells_of_a_map(self, stalled):
        fig = figures.heat_map(stalled[0], y="optimizer.momentum")
        assert texts(fig) == ["best setting", "median run diverged", STALLED]
        halo, frame = (part for part in fig.axes[0].collections if isinstance(part, LineCollection))
        sides = {tuple(map(tuple, side)) for side in frame.get_segments()}
        # of three columns the middle one, of two cells
        assert sides == {
            ((1, 0), (2, 0)),
            ((1, 2), (2, 2)),
            *(((x, y), (x, y + 1)) for x in (1, 2) for y in (0, 1)),
        }
        assert len(halo.get_segments()) == len(sides)

    def test_medians_over_learning_rates(self, stalled):
        table = tables.lr_sensitivity(stalled[0])
        fig = figures.lr_sensitivity(table)
        assert texts(fig) == ["adam", "rmsprop", STALLED]
        assert {float(x) for part in framed(fig.axes[0]) for x in part.get_xdata()} == {1e60}
        colors = [to_hex(part.get_markeredgecolor()).upper() for part in framed(fig.axes[0])]
        assert colors == [looks([])[name].color for name in ("adam", "rmsprop")]
        top = fig.axes[0].get_ylim()[1]
        assert all(y <= top for part in framed(fig.axes[0]) for y in part.get_ydata())
        # half a decade beyond what is within a thousand times the best nothing is shown
        assert texts(figures.lr_sensitivity_normalised(table)) == ["adam", "rmsprop"]
        near = table.assign(**{tables.LR: table[tables.LR].map({0.01: 0.01, 1e60: 0.02, 1e80: 0.03})})
        assert texts(figures.lr_sensitivity_normalised(near))[-1] == STALLED

    def test_the_end_of_a_curve(self, stalled):
        runs, history = stalled
        chosen = runs[(runs["optimizer.lr"] == 1e60) | (runs["optimizer"] == "adam")]
        fig = figures.learning_curves(history, chosen[chosen["optimizer.lr"] != 1e80])
        assert texts(fig) == ["adam", "rmsprop", STALLED]
        assert [list(part.get_xdata()) for part in framed(fig.axes[0])] == [[100], [100]]

    def test_fewer_than_half_of_the_runs_have_no_frame(self, stalled):
        runs, history = stalled
        well = runs[(runs["optimizer"] == "rmsprop") & (runs["optimizer.lr"] == 0.01)]
        one = runs[(runs["optimizer"] == "rmsprop") & (runs["status"] == "stalled")].iloc[:1]
        fig = figures.learning_curves(history, pd.concat([well, one]))
        assert texts(fig) == ["rmsprop"]
        assert framed(fig.axes[0]) == []

    def test_a_path_ends_in_a_frame_where_it_stands_or_leaves_the_view(self, stalled):
        runs, history = stalled
        fig = figures.paths([VALLEY], history, runs)
        assert texts(fig)[-2:] == ["diverged", "stalled"]
        for ax, name in zip(fig.axes, ("adam", "rmsprop"), strict=False):
            part = runs[runs["optimizer"] == name]
            frames_there = [line.get_xydata()[0] for line in framed(ax)]
            assert len(frames_there) == (part["status"] == "stalled").sum() > 0
            assert all(np.abs(place).max() < 10 for place in frames_there)

    def test_nothing_is_said_where_nothing_stalled(self, study):
        runs, history = study
        table = tables.lr_sensitivity(runs)
        drawn = (
            figures.heat_map(runs),
            figures.lr_sensitivity(table),
            figures.lr_sensitivity_normalised(table),
            figures.learning_curves(history, runs),
        )
        assert all("stalled" not in word for fig in drawn for word in texts(fig))


DRAWN: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Figure]] = {
    "learning_curves": lambda runs, history: figures.learning_curves(history, runs),
    "lr_sensitivity": lambda runs, history: figures.lr_sensitivity(tables.lr_sensitivity(runs)),
    "lr_sensitivity_normalised": lambda runs, history: figures.lr_sensitivity_normalised(
        tables.lr_sensitivity(runs)
    ),
    "paths": lambda runs, history: figures.paths([VALLEY], history, runs),
    "effective_rates": lambda runs, history: figures.effective_rates(history, runs),
    "heat_map": lambda runs, history: figures.heat_map(runs, y="optimizer.momentum"),
}


DEGENERATE: dict[str, Callable[[], Frames]] = {
    "one run": lambda: stacked(frames("sgd", "rosenbrock", {"lr": [0.001]}, seeds=1, params=True)),
    "one step": lambda: stacked(frames("sgd", "rosenbrock", {"lr": [0.001]}, seeds=1, steps=1, params=True)),
    "all diverged": lambda: stacked(frames("sgd", "rosenbrock", {"lr": [1.0, 10.0]}, params=True)),
    "one diverged run": lambda: stacked(frames("sgd", "rosenbrock", {"lr": [10.0]}, seeds=1, params=True)),
    "all stalled": lambda: stacked(
        frames("rmsprop", "rosenbrock", {"lr": [1e60, 1e61], "momentum": [0.0, 0.5]}, params=True)
    ),
    "stalled at the start": lambda: stacked(
        frames("adam", "rosenbrock", {"lr": [0.1]}, constants={"perturbation": 1e60}, params=True)
    ),
    "two close learning rates": lambda: stacked(
        frames("sgd", "rosenbrock", {"lr": [1e-3, 1.01e-3], "momentum": [0.0, 0.5]}, params=True)
    ),
    "solved exactly": lambda: solved(),
    "huge": lambda: scaled(1e300),
    "no runs": lambda: (NOTHING, NOTHING),
    "no rows": lambda: empty(),
    "five optimizers": lambda: renamed(),
}


def solved() -> Frames:
    runs, history = stacked(frames("sgd", "rosenbrock", {"lr": [1e-3, 1e-2]}, params=True))
    return runs.assign(suboptimality=0.0, status="ok"), history.assign(suboptimality=0.0)


def scaled(factor: float) -> Frames:
    runs, history = stacked(frames("sgd", "rosenbrock", {"lr": [1e-4, 1e-3]}, params=True))
    names = ["loss", "suboptimality"]
    return runs.assign(**{n: runs[n] * factor for n in names}), history.assign(
        **{n: history[n] * factor for n in names}
    )


def empty() -> Frames:
    runs, history = stacked(frames("sgd", "rosenbrock", {"lr": [1e-3]}, params=True))
    return runs.iloc[:0], history.iloc[:0]


def renamed() -> Frames:
    """Return the same runs under five names, of which four are of no known optimizer."""
    runs, history = stacked(frames("sgd", "rosenbrock", {"lr": [1e-3, 1e-2]}, params=True))
    names = ["sgd", "one", "two", "three", "four"]
    copies = [[part.assign(run=part["run"].astype(str) + name) for part in (runs, history)] for name in names]
    parts = [(part.assign(optimizer=name), rows) for name, (part, rows) in zip(names, copies, strict=True)]
    return stacked(*parts)


@cache
def degenerate(case: str) -> Frames:
    return DEGENERATE[case]()


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_data_are_drawn_without_a_warning(name, case):
    fig = DRAWN[name](*degenerate(case))
    fig.draw_without_rendering()
    assert fig.axes


@pytest.mark.parametrize("name", DRAWN)
def test_no_runs_give_one_empty_panel_that_says_so(name):
    fig = DRAWN[name](NOTHING, NOTHING)
    assert "no runs" in [text.get_text() for ax in fig.axes for text in ax.texts]


@pytest.fixture(scope="module", params=list(DRAWN))
def twice(request, recorded) -> tuple[Figure, Figure]:
    """One figure drawn twice."""
    before = dict(mpl.rcParams)
    drawn = DRAWN[request.param](*recorded), DRAWN[request.param](*recorded)
    assert dict(mpl.rcParams) == before
    return drawn


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_drawing_again_gives_the_same_bytes(twice, kind):
    first, second = (saved(fig, kind) for fig in twice)
    assert first == second
    assert kind == "png" or b"<text" in first


def test_figures_are_as_wide_as_a_column_or_a_page(twice):
    assert twice[0].get_figwidth() in (3.3, 6.8)
