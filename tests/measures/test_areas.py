"""Areas, robustness to the learning rate, best of k, who is best, where a claim holds."""

from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked
from measured import COSTS, INF, NAN, made
from scipy.integrate import trapezoid

from experiments import measures, tables
from experiments.measures.lr_robustness import grid, widths


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    lrs = np.logspace(-3, 1, 9)
    return stacked(
        frames("sgd", "quadratic", {"lr": lrs}, seeds=5, steps=200),
        frames("rmsprop", "quadratic", {"lr": lrs}, seeds=5, steps=200),
        frames("sgd", "rosenbrock", {"lr": lrs}, seeds=5, steps=200),
        frames("rmsprop", "rosenbrock", {"lr": lrs}, seeds=5, steps=200),
    )


@pytest.fixture(scope="module")
def best(study: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return tables.runs_at(study[0], tables.best_settings(study[0]))


class TestLogArea:
    def test_is_the_trapezoidal_rule_of_scipy(self, study):
        runs, history = study
        table = measures.log_area(history, runs).set_index("run")
        fine = runs[runs["status"] == "ok"]["run"]
        for run in fine.iloc[::7]:
            part = history[history["run"] == run]
            area = trapezoid(np.log10(part["suboptimality"].clip(lower=1e-16)), part["step"])
            assert table.loc[run, "area"] == pytest.approx(area, rel=1e-12, abs=1e-12)
            assert table.loc[run, "mean_log10"] == pytest.approx(area / part["step"].max())

    def test_a_diverged_run_has_an_infinite_area_and_a_row(self, study):
        runs, history = study
        table = measures.log_area(history, runs)
        assert list(table["run"]) == list(runs["run"])
        assert list(np.isinf(table["area"])) == list(runs["status"] != "ok")
        assert np.isinf(table["area"]).any()

    def test_its_table_holds_the_quartiles_per_problem_and_optimizer(self, best, study):
        table = measures.log_area_table(study[1], best)
        areas = measures.log_area(study[1], best)
        for row in table.itertuples():
            part = areas[(areas["problem"] == row.problem) & (areas["optimizer"] == row.optimizer)]
            assert row.median == pytest.approx(part["mean_log10"].median())
            assert (row.runs, row.diverged) == (len(part), np.isinf(part["mean_log10"]).mean())
        lost = study[1].assign(suboptimality=np.where(study[1]["step"] > 50, np.nan, 1.0))
        assert set(measures.log_area_table(lost, best)["diverged"]) == {1.0}

    def test_the_floor_is_where_depth_ends(self):
        runs = made({"sgd": [1]})
        history = pd.DataFrame({"run": runs["run"][0], "step": [0, 10], "suboptimality": [1.0, 0.0]})
        assert measures.log_area(history, runs, floor=1e-8)["area"][0] == pytest.approx(-40)


class TestLrRobustness:
    def test_width_is_that_of_the_table(self, study):
        table = measures.lr_robustness(study[0], factor=10, draws=50)
        widths_alone = tables.lr_width(study[0], factor=10)
        pd.testing.assert_frame_equal(table[widths_alone.columns], widths_alone, check_categorical=False)
        assert (table["width_low"] <= table["width_decades"]).all()
        assert (table["width_high"] >= table["width_decades"]).all()

    def test_a_draw_is_the_table_of_the_drawn_seeds(self, study):
        runs = study[0].query("optimizer == 'rmsprop' and problem == 'rosenbrock'")
        scores = grid(runs.assign(score=runs["suboptimality"].fillna(INF)), "score")
        lrs, rng = np.unique(runs["optimizer.lr"]), np.random.default_rng(0)
        kind = tables.measure_of("suboptimality", runs.columns)
        for seeds in rng.integers(5, size=(8, 5)):
            drawn = pd.concat([runs[runs["seed"] == s].assign(seed=i) for i, s in enumerate(seeds)])
            expected = tables.lr_width(drawn, factor=10)["width_decades"][0]
            assert widths(lrs, scores[:, seeds[None]], 10, kind)[0] == pytest.approx(expected)

    def test_what_is_cut_off_from_the_best_is_not_good(self):
        kind = tables.measure_of("suboptimality", ["suboptimality"])
        scores = np.array([1.0, 9.0, 1.5, 0.9, 1.7, INF, 1.0])[:, None, None]
        assert widths(np.logspace(-6, 0, 7), scores, 2.0, kind) == pytest.approx([2.0])

    def test_seeds_that_agree_leave_no_doubt(self, study):
        one = study[0].query("seed == 0")
        same = pd.concat([one.assign(seed=seed) for seed in range(4)], ignore_index=True)
        table = measures.lr_robustness(same, factor=10, draws=20)
        np.testing.assert_array_equal(table["width_low"], table["width_high"])
        np.testing.assert_array_equal(table["diverged_low"], table["diverged_high"])

    def test_one_seed_has_no_interval(self, study):
        table = measures.lr_robustness(study[0].query("seed == 0"), draws=5)
        assert table[["width_low", "width_high", "diverged_low"]].isna().all(axis=None)
        assert (table["seeds"] == 1).all()

    def test_share_diverged_is_that_of_all_runs(self, study):
        table = measures.lr_robustness(study[0], draws=20).set_index(["problem", "optimizer"])
        plain = tables.divergence(study[0]).set_index(["problem", "optimizer"])["diverged"]
        for pair, share in plain.items():
            assert table.loc[pair, "diverged"] == share
            assert table.loc[pair, "diverged_low"] <= share <= table.loc[pair, "diverged_high"]

    def test_an_accuracy_is_good_when_high(self):
        runs = made({"sgd": [1] * 6}).assign(accuracy=[0.9, 0.9, 0.5, 0.5, 0.1, 0.1])
        runs["optimizer.lr"], runs["seed"] = [0.01, 0.01, 0.1, 0.1, 1.0, 1.0], [0, 1] * 3
        row = measures.lr_robustness(runs, "accuracy", draws=5).iloc[0]
        assert (row["width_decades"], row["width_low"], row["width_high"]) == pytest.approx((1, 1, 1))


VALUES = [0.3, 2.0, 0.1, 0.1, 5.0, 1.0]


class TestBestOfK:
    @pytest.mark.parametrize("k", range(1, 7))
    def test_is_the_mean_over_all_subsets(self, k):
        best = np.mean([min(subset) for subset in combinations(VALUES, k)])
        assert measures.expected_best_of_k(VALUES, k) == pytest.approx(best, rel=1e-14)

    @pytest.mark.parametrize("k", range(1, 7))
    @pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
    def test_quantile_is_that_of_all_subsets(self, k, share):
        best = [min(subset) for subset in combinations(VALUES, k)]
        quantile = np.quantile(best, share, method="inverted_cdf")
        assert measures.best_of_k_quantile(VALUES, k, share) == quantile

    def test_is_unbiased_where_the_plug_in_is_not(self):
        """The smallest of k uniform numbers has mean 1 / (k + 1)."""
        samples = np.random.default_rng(0).uniform(size=(4000, 8))
        ours = np.mean([measures.expected_best_of_k(sample, 5) for sample in samples])
        ordered, i = np.sort(samples), np.arange(8)
        plug_in = (ordered @ ((1 - i / 8) ** 5 - (1 - (i + 1) / 8) ** 5)).mean()
        error = 4 * samples.std() / np.sqrt(len(samples)) / 2
        assert abs(ours - 1 / 6) < error < plug_in - 1 / 6

    def test_what_is_reported_may_differ_from_what_is_chosen_by(self):
        scores, held_out = [1.0, 2.0, 2.0, 4.0], [10.0, 30.0, 20.0, 5.0]
        found = []
        for subset in combinations(range(4), 2):
            lowest = min(scores[i] for i in subset)
            found.append(np.mean([held_out[i] for i in subset if scores[i] == lowest]))
        got = measures.expected_best_of_k(held_out, 2, chosen_by=scores)
        # of equals in one subset each is chosen half the time; so is each when alone with a worse one
        assert got == pytest.approx(np.mean(found))

    def test_choosing_by_the_values_is_the_same(self):
        assert measures.expected_best_of_k(VALUES, 3, chosen_by=VALUES) == pytest.approx(
            measures.expected_best_of_k(VALUES, 3)
        )

    @pytest.mark.parametrize(("k", "expected"), [(1, INF), (2, INF), (3, 1.25)])
    def test_is_infinite_while_all_k_may_have_diverged(self, k, expected):
        assert measures.expected_best_of_k([1.0, INF, 2.0, INF], k) == expected

    def test_many_trials_do_not_overflow(self):
        values = np.arange(2000.0)
        assert measures.expected_best_of_k(values, 1000) == pytest.approx(2001 / 1001 - 1)

    @pytest.mark.parametrize("k", [0, 7])
    def test_k_out_of_range_is_refused(self, k):
        with pytest.raises(ValueError, match=r"k must be in \[1, 6\]"):
            measures.expected_best_of_k(VALUES, k)

    @pytest.mark.parametrize("values", [[], [NAN, 1.0], [[1.0]]])
    def test_what_is_no_list_of_numbers_is_refused(self, values):
        with pytest.raises(ValueError, match="values must be a list of numbers"):
            measures.expected_best_of_k(values, 1)


def trials(**values: list[float]) -> pd.DataFrame:
    """Return the scores of each optimizer's trials on one problem."""
    rows = [("p", name, value) for name, column in values.items() for value in column]
    return pd.DataFrame(rows, columns=["problem", "optimizer", "median"])


class TestBestOfKCurves:
    def test_holds_the_estimates_for_each_k(self):
        table = measures.best_of_k_curves(trials(sgd=VALUES, adam=[1.0, INF]), draws=200)
        part = table[table["optimizer"] == "sgd"]
        assert list(part["expected"]) == [
            pytest.approx(measures.expected_best_of_k(VALUES, k)) for k in range(1, 7)
        ]
        assert list(part["median"]) == [measures.best_of_k_quantile(VALUES, k) for k in range(1, 7)]
        assert (part["low"] <= part["expected"]).all()
        assert (part["high"] >= part["expected"]).all()
        assert list(table.loc[table["optimizer"] == "adam", "expected"]) == [INF, 1]

    def test_the_band_of_one_trial_is_that_of_the_mean(self):
        values = list(np.random.default_rng(0).normal(size=400))
        row = measures.best_of_k_curves(trials(sgd=values), draws=400).iloc[0]
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.std(values) / 20, rel=0.15)

    def test_an_accuracy_is_mirrored(self):
        high = measures.best_of_k_curves(trials(sgd=[0.1, 0.5, 0.9]), "accuracy")
        assert list(high["expected"]) == pytest.approx([0.5, (0.5 + 0.9 + 0.9) / 3, 0.9])
        assert (high["low"] <= high["high"]).all()

    def test_no_trials_no_rows(self):
        assert measures.best_of_k_curves(trials()).empty


class TestProbabilityBest:
    @pytest.mark.parametrize("k", [1, 2, 3])
    def test_is_the_share_of_all_draws_ties_shared(self, k):
        pool = {"a": [1.0, 2.0, 2.0, INF], "b": [2.0, 1.0, 4.0, 4.0], "c": [INF, INF, 1.0, 2.0]}
        share = dict.fromkeys(pool, 0.0)
        draws = list(product(*[list(combinations(values, k)) for values in pool.values()]))
        for drawn in draws:
            best = dict(zip(pool, map(min, drawn), strict=True))
            winners = [name for name in pool if best[name] == min(best.values())]
            for name in winners:
                share[name] += 1 / len(winners) / len(draws)
        assert measures.probability_best(pool, k) == pytest.approx(share)

    def test_all_diverged_is_a_tie(self):
        assert measures.probability_best({"a": [INF], "b": [INF], "c": [INF]}, 1)["a"] == pytest.approx(1 / 3)

    def test_curves_end_with_the_smallest_pool_and_sum_to_one(self):
        table = measures.probability_best_curves(trials(sgd=VALUES, adam=[0.2, 0.4, 7.0]))
        assert table["k"].max() == 3
        np.testing.assert_allclose(table.groupby("k")["probability"].sum(), 1)

    def test_an_accuracy_is_good_when_high_and_below_the_floor_all_tie(self):
        accuracy = measures.probability_best_curves(trials(sgd=[0.9], adam=[0.1]), "accuracy")
        assert dict(zip(accuracy["optimizer"], accuracy["probability"], strict=True))["sgd"] == 1
        floor = measures.probability_best_curves(trials(sgd=[1e-20], adam=[1e-30]))
        assert list(floor["probability"]) == pytest.approx([0.5, 0.5])


class TestClaimSpace:
    def test_counts_cells(self):
        table = pd.DataFrame({"ratio": [2.0, INF, 1.0, 0.5, NAN]})
        space = measures.claim_space(table)
        assert (space.cells, space.holds, space.fails, space.undefined) == (5, 2, 2, 1)
        assert space.share == 0.4
        assert str(space) == "holds in 40% of 5 cells, 1 undecided"

    def test_intervals_tell_what_is_sure(self):
        table = pd.DataFrame({"ratio": [2.0, 2.0, 0.5, 0.5], "low": [1.5, 0.9, 0.1, 0.1]})
        space = measures.claim_space(table.assign(high=[3.0, 3.0, 0.9, 1.1]))
        assert (space.holds, space.surely_holds, space.fails, space.surely_fails) == (2, 1, 2, 1)
        assert str(space) == "holds in 25% of 4 cells, 2 undecided"

    def test_no_cells_no_share(self):
        assert np.isnan(measures.claim_space(pd.DataFrame({"ratio": []})).share)


def test_permuting_the_runs_changes_nothing(best):
    shuffled = best.sample(frac=1, random_state=0)
    for table in (measures.expected_running_time, measures.target_costs, measures.instance_costs):
        pd.testing.assert_frame_equal(table(best), table(shuffled))


def test_every_order_of_optimizers_gives_the_same_scores():
    scores = {
        tuple(measures.algoperf_score(COSTS[list(order)]).set_index("optimizer")["score"].sort_index())
        for order in permutations("abc")
    }
    assert len(scores) == 1
