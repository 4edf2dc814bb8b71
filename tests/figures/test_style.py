"""Looks, axes, fits and learning curves."""

import matplotlib as mpl
import numpy as np
import pytest
from drawn import LRS, Frames, line, texts, titles
from frames import frames, stacked
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from experiments import figures, tables
from experiments.figures.style import FLOOR, log_limits, looks, tick_label, ticks_between
from optim import OPTIMIZERS


@pytest.fixture(scope="module")
def study() -> Frames:
    return stacked(
        frames("sgd", "quadratic", {"lr": LRS}),
        frames("rmsprop", "quadratic", {"lr": LRS, "beta": [0.9, 0.99]}),
        frames("sgd", "rosenbrock", {"lr": LRS}),
        frames("adam", "logistic", {"lr": LRS}, constants={"data": "wine"}),
    )


def panel(fig: Figure, title: str) -> Axes:
    return next(ax for ax in fig.axes if ax.get_title() == title)


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
