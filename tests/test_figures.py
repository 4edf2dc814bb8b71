"""The figures: what is drawn and what it is called, never pixels."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection, QuadMesh
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure

from experiments import figures, tables
from experiments.figures.style import FLOOR, log_limits, looks, tick_label, ticks_between
from optim import OPTIMIZERS

Frames = tuple[pd.DataFrame, pd.DataFrame]
LRS = np.logspace(-4, 0, 5)
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


def texts(fig: Figure) -> list[str]:
    return [text.get_text() for legend in fig.legends for text in legend.get_texts()]


def titles(fig: Figure) -> list[str]:
    return [ax.get_title() for ax in fig.axes if ax.get_title()]


def panel(fig: Figure, title: str) -> Axes:
    return next(ax for ax in fig.axes if ax.get_title() == title)


def line(ax: Axes, name: str) -> Any:
    return next(line for line in ax.lines if line.get_label() == name)


def saved(fig: Figure, kind: str) -> bytes:
    buffer = BytesIO()
    with mpl.rc_context({**figures.STYLE, "savefig.dpi": 40}):  # quicker
        fig.savefig(buffer, format=kind, metadata={"png": {"Software": None}, "svg": {"Date": None}}[kind])
    return buffer.getvalue()


class TestLooks:
    def test_the_four_keep_theirs_whatever_else_there_is(self):
        chosen = looks(["zebra", "sgd", "adam", "yak"])
        assert chosen["sgd"] == looks([])["sgd"]
        assert set(chosen) == {"sgd", "rmsprop", "adagrad", "adam", "zebra", "yak"}

    def test_all_differ_in_colour_marker_and_dashes(self):
        chosen = looks(["a", "b", "c", "d"])
        for part in zip(*chosen.values(), strict=True):
            assert len(set(part)) == 8

    def test_the_optimizers_of_the_article_are_known(self):
        assert set(OPTIMIZERS) >= set(looks([]))


class TestLogarithmicAxes:
    @pytest.mark.parametrize(
        ("values", "floor", "limits"),
        [
            ([2e-3, 5.0], 0, (1e-3, 10)),
            ([1e-30, 0.0, 5.0], 1e-16, (1e-16, 10)),
            ([1e-3, np.inf, np.nan, 1.0], 0, (1e-3, 1)),
            ([1e-2] * 20 + [1e-3] * 20 + [1e200], 0, (1e-3, 10)),
            ([], 0, (0.1, 10)),
        ],
    )
    def test_limits_are_whole_decades_within_reason(self, values, floor, limits):
        np.testing.assert_allclose(log_limits(values, floor), limits)

    def test_a_single_value_has_room_around_it(self):
        low, high = log_limits([3.0])
        assert low < 2 < 5 < high

    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (1e-3, 1e2, [1e-3, 1e-2, 0.1, 1, 10, 100]),
            (1e-16, 1e2, [1e-16, 1e-12, 1e-8, 1e-4, 1]),
            (15, 700, [20, 50, 100, 200, 500]),
            (1.05, 1.4, [1.1, 1.2, 1.3, 1.4]),
        ],
    )
    def test_ticks_are_few_and_round(self, low, high, ticks):
        np.testing.assert_allclose(ticks_between(low, high), ticks)

    @pytest.mark.parametrize(
        ("arguments", "label"),
        [
            ((1e-4,), "$10^{-4}$"),
            ((1e-16, 1e-16), "≤$10^{-16}$"),
            ((0.2, 0, True), "0.2"),
            ((100, 0, True), "100"),
            ((2e-8, 0, True), r"$2\cdot 10^{-8}$"),
        ],
    )
    def test_labels(self, arguments, label):
        assert tick_label(*arguments) == label


class TestFit:
    def test_shows_points_and_curve(self):
        x, y, curve = np.array([2.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
        ax = figures.fit(x, y, curve).axes[0]
        assert ax.get_title() == "RMSprop fits the quadratic"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("X", "y")
        legend = ax.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["data points", "fitted curve"]
        np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 5], [1, 6], [2, 4]])
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.column_stack([x, y]))

    def test_the_curve_is_red(self):
        color = figures.fit([0, 1], [0, 1], [0, 1]).axes[0].lines[0].get_color()
        red, green, blue = mpl.colors.to_rgb(color)
        assert red > 0.8
        assert max(green, blue) < 0.2


class TestLearningCurves:
    def test_a_panel_per_problem_and_a_line_per_optimizer(self, study):
        runs, history = study
        fig = figures.learning_curves(history, tables.runs_at(runs, tables.best_settings(runs)))
        assert titles(fig) == ["logistic", "quadratic", "rosenbrock"]
        assert texts(fig) == ["adam", "rmsprop", "sgd"]
        ax = panel(fig, "quadratic")
        assert {part.get_label() for part in ax.lines} == {"rmsprop", "sgd"}
        assert ax.get_xlabel() == "steps"
        assert fig.axes[0].get_ylabel() == "suboptimality"
        assert ax.get_yscale() == "log"

    def test_draws_the_medians_in_the_optimizers_colour(self, study):
        runs, history = study
        chosen = runs[(runs["problem"] == "quadratic") & (runs["optimizer"] == "rmsprop")]
        fig = figures.learning_curves(history, chosen)
        drawn = line(fig.axes[0], "rmsprop")
        table = tables.learning_curves(history, chosen)
        np.testing.assert_allclose(drawn.get_xdata(), table["step"])
        np.testing.assert_allclose(drawn.get_ydata(), table["median"])
        assert to_hex(drawn.get_color()).upper() == looks([])["rmsprop"].color

    def test_the_legend_follows_the_registry(self, study):
        runs, history = study
        fig = figures.learning_curves(history, runs, optimizers=["sgd", "rmsprop", "adam"])
        assert texts(fig) == ["sgd", "rmsprop", "adam"]

    def test_what_diverged_leaves_the_panel_at_the_top(self, study):
        runs, history = study
        chosen = runs[(runs["problem"] == "rosenbrock") & (runs["optimizer.lr"] == 1)]
        ax = figures.learning_curves(history, chosen).axes[0]
        assert line(ax, "sgd").get_ydata()[-1] > ax.get_ylim()[1]

    def test_accuracy_is_on_a_linear_axis(self, study):
        fig = figures.learning_curves(study[1], study[0], "accuracy")
        assert titles(fig) == ["logistic"]
        assert fig.axes[0].get_yscale() == "linear"
        assert fig.axes[0].get_ylabel() == "held-out accuracy"

    def test_small_numbers_stand_at_the_stated_floor(self):
        runs, history = stacked(frames("sgd", "quadratic", {"lr": [0.1]}, steps=1000))
        ax = figures.learning_curves(history, runs).axes[0]
        assert line(ax, "sgd").get_ydata()[-1] == pytest.approx(FLOOR, rel=1e-9)
        ax.figure.draw_without_rendering()
        assert ax.get_yticklabels()[0].get_text() == "≤$10^{-16}$"


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
