"""The figures that compare optimizers, by their artists, never by pixels."""

import itertools
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.collections import PatchCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from experiments import figures, inference, measures
from experiments.figures.style import FIXED

NAN, INF = np.nan, np.inf
NAMES = ("sgd", "rmsprop", "adam")

COSTS = pd.DataFrame(
    {
        "sgd": [10.0, 20.0, INF, 40.0, 15.0, 70.0],
        "rmsprop": [100.0, 200.0, 30.0, 40000.0, INF, INF],
        "adam": [12.0, 18.0, 30.0, 60.0, 9.0, INF],
    },
    index=[f"bowl condition={10**k}" for k in range(6)],
)


def words(figure: Figure) -> str:
    """Return all that is written in the figure."""
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    found += [ax.get_title() + ax.get_xlabel() + ax.get_ylabel() for ax in figure.axes]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(found)


def line_of(ax, name: str) -> np.ndarray:
    """Return the points of an optimizer's line, (points, 2)."""
    (line,) = [line for line in ax.lines if line.get_label() == name]
    return line.get_xydata()


def drawable(figure: Figure) -> Figure:
    """Draw the figure as it is saved; a warning is an error."""
    with rc_context(figures.STYLE):
        figure.savefig(BytesIO(), format="svg")
    return figure


class TestCriticalDifference:
    @pytest.fixture
    def found(self):
        return inference.nemenyi(COSTS)

    def test_says_ranks_instances_and_the_difference(self, found):
        said = words(drawable(figures.critical_difference(found, optimizers=NAMES)))
        assert f"CD = {found.difference:.2f}" in said
        assert "6 instances" in said
        for name, rank in found.mean_ranks.items():
            assert name in said
            assert f"{rank:.2f}" in said

    def test_a_marker_stands_at_each_rank_in_the_optimizers_colour(self, found):
        ax = figures.critical_difference(found, optimizers=NAMES).axes[0]
        marked = {line.get_color(): line.get_xdata()[0] for line in ax.lines if line.get_marker() != "None"}
        assert marked == {FIXED[name].color: rank for name, rank in found.mean_ranks.items()}

    def test_a_bar_joins_each_clique(self, found):
        ax = figures.critical_difference(found, optimizers=NAMES).axes[0]
        bars = [line for line in ax.lines if line.get_linewidth() > 2]
        assert len(bars) == len(found.cliques) > 0
        first = [found.mean_ranks[name] for name in found.cliques[0]]
        low, high = bars[0].get_xdata()
        assert low < first[0]
        assert first[-1] < high

    def test_many_unknown_optimizers_and_a_wide_difference_fit(self):
        costs = pd.DataFrame(
            np.random.default_rng(0).normal(size=(3, 9)), columns=[f"rule{i}" for i in range(9)]
        )
        figure = drawable(figures.critical_difference(inference.nemenyi(costs)))
        assert all(f"rule{i}" in words(figure) for i in range(9))

    def test_the_numbers_of_many_ranks_do_not_run_into_each_other(self):
        costs = pd.DataFrame(np.random.default_rng(0).normal(size=(3, 25)))
        costs.columns = [f"rule{i}" for i in range(25)]
        figure = drawable(figures.critical_difference(inference.nemenyi(costs)))
        numbers = [text for text in figure.axes[0].texts if text.get_text().isdecimal()]
        boxes = sorted((text.get_window_extent() for text in numbers), key=lambda box: box.x0)
        assert len(boxes) > 10
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))

    @pytest.mark.parametrize("count", [2, 3, 4, 9, 15])
    @pytest.mark.parametrize("name", ["sgd{}", "a_long_name_indeed{}", "lookahead.sgd:momentum{}"])
    def test_all_that_is_written_is_on_the_page(self, count, name):
        costs = pd.DataFrame(np.random.default_rng(0).normal(size=(3, count)))
        costs.columns = [name.format(i) for i in range(count)]
        figure = drawable(figures.critical_difference(inference.nemenyi(costs)))
        for text in figure.axes[0].texts:
            box = text.get_window_extent().transformed(figure.transFigure.inverted())
            assert 0 <= box.x0 <= box.x1 <= 1
            assert 0 <= box.y0 <= box.y1 <= 1


@pytest.fixture(scope="module")
def profile():
    tables = measures.performance_profile(COSTS), measures.data_profile(COSTS)
    return drawable(figures.profiles(*tables, optimizers=NAMES))


class TestProfiles:
    def test_lines_are_the_steps_of_the_tables(self, profile):
        left, right = profile.axes
        for name in NAMES:
            ratios = COSTS[name] / COSTS.min(axis=1)
            xy = line_of(left, name)
            assert {line.get_drawstyle() for line in left.lines if line.get_label() == name} == {"steps-post"}
            for tau in (1.0, 1.3, 3.0, 9.0):
                drawn = xy[xy[:, 0] <= tau][-1, 1]
                assert drawn == (ratios <= tau).mean()
            assert line_of(right, name)[-1, 1] == np.isfinite(COSTS[name]).mean()

    def test_the_range_of_the_score_is_marked(self, profile):
        assert any(list(line.get_xdata()) == [4, 4] for line in profile.axes[0].lines)
        assert "4" in [label.get_text() for label in profile.axes[0].get_xticklabels()]

    def test_ratios_beyond_the_axis_are_not_drawn(self, profile):
        xy = line_of(profile.axes[0], "rmsprop")
        assert xy[-1].tolist() == [profile.axes[0].get_xlim()[1], 3 / 6]
        assert (np.diff(xy[:, 0]) > 0).all()

    def test_nothing_to_show_is_said(self):
        empty = pd.DataFrame({"optimizer": [], "ratio": [], "gradients": [], "share": []})
        assert "no runs" in words(drawable(figures.profiles(empty, empty)))

    def test_no_optimizer_solved_anything(self):
        lost = pd.DataFrame({"sgd": [INF], "adam": [INF]})
        drawable(figures.profiles(measures.performance_profile(lost), measures.data_profile(lost)))


class TestRuntimeDistributions:
    TABLE = pd.DataFrame(
        {
            "optimizer": ["sgd", "sgd", "sgd", "adam"],
            "steps": [10.0, 80.0, 300.0, 20.0],
            "share": [0.2, 0.5, 0.9, 1.0],
            "restarted": [False, False, True, False],
        }
    )

    def test_a_cross_marks_the_end_of_the_longest_run(self):
        ax = drawable(figures.runtime_distributions(self.TABLE)).axes[0]
        crosses = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "x"]
        assert sorted(crosses) == [[], [[80.0, 0.5]]]

    def test_curves_rise_from_nothing(self):
        ax = figures.runtime_distributions(self.TABLE).axes[0]
        np.testing.assert_array_equal(line_of(ax, "sgd")[:, 1], [0, 0.2, 0.5, 0.9, 0.9])

    def test_nothing_to_show_is_said(self):
        assert "no runs" in words(drawable(figures.runtime_distributions(self.TABLE[:0])))


@pytest.fixture(scope="module")
def curve_figure():
    values = {"sgd": [1.0, 1e-3, INF, 1e-6], "adam": [0.1, 1e-2, 1e-4, 1e-5]}
    rows = [(p, name, v) for p in ("wine", "bowl") for name, column in values.items() for v in column]
    trials = pd.DataFrame(rows, columns=["problem", "optimizer", "median"])
    tables = measures.best_of_k_curves(trials, draws=50), measures.probability_best_curves(trials)
    return drawable(figures.best_of_k(*tables, optimizers=NAMES))


class TestBestOfK:
    def test_has_a_panel_a_problem_with_the_probability_below(self, curve_figure):
        assert len(curve_figure.axes) == 4
        assert [ax.get_title() for ax in curve_figure.axes if ax.get_title()] == ["bowl", "wine"]
        assert "final suboptimality" in words(curve_figure)

    def test_lines_are_the_expectations_and_probabilities(self, curve_figure):
        upper = next(ax for ax in curve_figure.axes if ax.get_title() == "wine")
        expected = measures.expected_best_of_k([0.1, 1e-2, 1e-4, 1e-5], 2)
        assert line_of(upper, "adam")[1, 1] == pytest.approx(expected)
        lowers = [ax for ax in curve_figure.axes if not ax.get_title()]
        sums = sum(line_of(lowers[0], name)[:, 1] for name in ("sgd", "adam"))
        np.testing.assert_allclose(sums, 100)

    def test_what_may_have_diverged_leaves_at_the_top(self, curve_figure):
        upper = next(ax for ax in curve_figure.axes if ax.get_title() == "wine")
        assert line_of(upper, "sgd")[0, 1] > upper.get_ylim()[1]

    def test_nothing_to_show_is_said(self):
        curves = measures.best_of_k_curves(pd.DataFrame(columns=["problem", "optimizer", "median"]))
        probabilities = pd.DataFrame(columns=["problem", "optimizer", "k", "probability"])
        assert "no runs" in words(drawable(figures.best_of_k(curves, probabilities)))


class TestLrSensitivityNormalised:
    TABLE = pd.DataFrame(
        {
            "problem": "bowl",
            "optimizer": ["sgd"] * 3 + ["adam"] * 3,
            "optimizer.lr": [0.01, 0.1, 1.0] * 2,
            "median": [0.4, 0.1, INF, 8.0, 4.0, 2.0],
            "stalled": 0.0,
            "best": [False, True, False, False, False, True],
        }
    )

    def test_every_best_is_at_one(self):
        ax = drawable(figures.lr_sensitivity_normalised(self.TABLE, factor=3)).axes[0]
        np.testing.assert_allclose(line_of(ax, "sgd")[:2], [[0.1, 4], [1, 1]])
        np.testing.assert_allclose(line_of(ax, "adam"), [[0.01, 4], [0.1, 2], [1, 1]])
        assert any(list(line.get_ydata()) == [3, 3] for line in ax.lines)

    def test_what_diverged_leaves_at_the_top(self):
        ax = figures.lr_sensitivity_normalised(self.TABLE).axes[0]
        assert line_of(ax, "sgd")[2, 1] > ax.get_ylim()[1]

    def test_an_accuracy_is_worse_when_lower(self):
        table = self.TABLE.assign(median=[0.4, 0.8, 0.0, 0.1, 0.5, 0.9])
        ax = drawable(figures.lr_sensitivity_normalised(table, "accuracy")).axes[0]
        np.testing.assert_allclose(line_of(ax, "sgd")[:2, 1], [2, 1])

    def test_nothing_to_show_is_said(self):
        assert "no runs" in words(drawable(figures.lr_sensitivity_normalised(self.TABLE[:0])))


class TestPairedDifferences:
    TABLE = pd.DataFrame(
        {
            "comparison": ["bowl", "wine", "digits"],
            "value": [2.0, 1.1, INF],
            "low": [1.5, 0.9, 1.2],
            "high": [3.0, 1.3, INF],
        }
    )

    @staticmethod
    def points(ax, face: str) -> list[tuple[float, float]]:
        """Return the estimates drawn with that face, from the left."""
        round_ones = [line for line in ax.lines if line.get_marker() == "o"]
        lines = [line.get_xydata() for line in round_ones if to_hex(line.get_markerfacecolor()) == face]
        return sorted(map(tuple, np.concatenate(lines)))

    def test_what_excludes_no_effect_is_filled(self):
        ax = drawable(figures.paired_differences(self.TABLE, "steps", ratio=True)).axes[0]
        assert self.points(ax, "#000000") == [(2.0, 0.0)]
        assert self.points(ax, "#ffffff") == [(1.1, 1.0)]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["bowl", "wine", "digits"]

    def test_an_infinite_end_is_an_arrow(self):
        ax = figures.paired_differences(self.TABLE, "steps", ratio=True).axes[0]
        arrows = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == ">"]
        assert arrows == [[[ax.get_xlim()[1], 2.0]]]

    def test_no_effect_is_drawn_and_on_the_axis(self):
        for ratio, null in ((True, 1.0), (False, 0.0)):
            ax = figures.paired_differences(self.TABLE, "steps", ratio=ratio).axes[0]
            assert any(list(line.get_xdata()) == [null, null] for line in ax.lines)
            assert ax.get_xlim()[0] < null < ax.get_xlim()[1]

    def test_several_optimizers_stand_apart_in_their_colours(self):
        table = pd.concat([self.TABLE.assign(optimizer=name) for name in ("sgd", "adam")])
        figure = drawable(figures.paired_differences(table, "steps", ratio=True, optimizers=NAMES))
        bars = {to_hex(c.get_color()[0]): c.get_segments()[0][0][1] for c in figure.axes[0].collections}
        assert set(bars) == {FIXED["sgd"].color.lower(), FIXED["adam"].color.lower()}
        assert bars[FIXED["sgd"].color.lower()] < 0 < bars[FIXED["adam"].color.lower()]
        assert "adam" in words(figure)

    def test_nothing_to_show_is_said(self):
        assert "no runs" in words(drawable(figures.paired_differences(self.TABLE[:0], "steps")))


class TestClaimMap:
    TABLE = pd.DataFrame(
        {
            "problem.condition": [1.0, 1.0, 10.0, 10.0, 100.0, 100.0],
            "optimizer.lr": [0.1, 1.0] * 3,
            "ratio": [2.0, 0.5, INF, NAN, 4.0, 1.2],
        }
    )

    def draw(self, table: pd.DataFrame) -> Figure:
        return drawable(figures.claim_map(table, "optimizer.lr", "problem.condition", "SGD / RMSprop"))

    def test_the_title_holds_the_share(self):
        figure = self.draw(self.TABLE)
        assert figure.axes[0].get_title() == "holds in 67% of 6 cells, 1\N{NO-BREAK SPACE}undecided"
        assert figure.axes[0].get_ylabel() == "condition"

    def test_one_is_in_the_middle_of_the_scale(self):
        mesh = next(c for c in self.draw(self.TABLE).axes[0].collections if isinstance(c, QuadMesh))
        assert mesh.norm(1.0) == pytest.approx(0.5)
        assert mesh.norm.vmin * mesh.norm.vmax == pytest.approx(1)
        np.testing.assert_allclose(mesh.get_array().compressed()[:2], [2, 0.5])
        assert mesh.get_array().max() == mesh.norm.vmax == 100  # infinite: as far as colours go

    def test_cells_without_a_ratio_are_hatched(self):
        ax = self.draw(self.TABLE).axes[0]
        (hatched,) = [c for c in ax.collections if isinstance(c, PatchCollection)]
        (path,) = hatched.get_paths()
        assert path.vertices.min(axis=0).tolist() == [1, 1]

    def test_cells_that_may_go_either_way_have_a_dot(self):
        table = self.TABLE.assign(low=self.TABLE["ratio"] / 1.5, high=self.TABLE["ratio"] * 1.5)
        figure = self.draw(table)
        dots = [line.get_xydata().tolist() for line in figure.axes[0].lines]
        assert dots == [[[1.5, 2.5]]]
        assert "interval holds 1" in words(figure)
        assert "holds in 50% of 6 cells, 2\N{NO-BREAK SPACE}undecided" in words(figure)

    def test_a_panel_a_problem(self):
        both = pd.concat([self.TABLE.assign(problem=name) for name in ("bowl", "wine")])
        titles = [ax.get_title().split("\n")[0] for ax in self.draw(both).axes]
        assert titles[:2] == ["bowl", "wine"]

    def test_nothing_to_show_is_said(self):
        assert "no runs" in words(self.draw(self.TABLE[:0]))
