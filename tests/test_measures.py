"""The measures of the benchmarking literature, against brute force and hand-worked cases."""

from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked
from scipy.integrate import trapezoid
from scipy.stats import gmean

from experiments import measures, tables
from experiments.measures.lr_robustness import grid, widths

NAN, INF = np.nan, np.inf


def made(hits: dict[str, list[float]], *, problem: str = "rosenbrock", steps: int = 100) -> pd.DataFrame:
    """Return `runs` with one setting per optimizer: for each its steps to 1e-1, NaN for never."""
    rows = [
        {"optimizer": name, "problem": problem, "seed": seed, "steps": steps, "optimizer.lr": 0.1}
        | {"hit_1e-1": hit, "status": "ok", "suboptimality": 1.0}
        for name, column in hits.items()
        for seed, hit in enumerate(column)
    ]
    runs = pd.DataFrame(rows)
    runs.insert(0, "run", [f"{problem}{i}" for i in range(len(runs))])
    return runs


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


class TestHits:
    def test_a_run_that_never_hit_is_infinite_and_spent_all_its_steps(self):
        table = measures.hit_times(made({"sgd": [10, NAN]}))
        assert list(table["hit"]) == [10, INF]
        assert list(table["spent"]) == [10, 100]

    def test_targets_are_those_asked_for_deepest_last(self, study):
        table = measures.hit_times(study[0], (1e-4, 1e-1))
        assert list(dict.fromkeys(table["target"])) == [1e-1, 1e-4]
        assert len(table) == 2 * len(study[0])

    def test_an_unknown_target_is_refused(self):
        with pytest.raises(ValueError, match=r"targets must be among 0.1, got 0.5"):
            measures.hit_times(made({"sgd": [10]}), (0.5,))


class TestExpectedRunningTime:
    @pytest.mark.parametrize(
        ("hits", "ert"),
        [([10, 20], 15), ([10, NAN], 110), ([10, 20, NAN, NAN], 115), ([NAN, NAN], INF), ([7], 7)],
    )
    def test_is_all_steps_over_successes(self, hits, ert):
        row = measures.expected_running_time(made({"sgd": hits})).iloc[0]
        assert row["ert"] == ert
        assert row["success"] == np.isfinite(hits).mean()
        assert row["runs"] == len(hits)

    def test_is_the_mean_of_a_restarted_run(self):
        """E[RT_s] + (1 - p) / p E[RT_us], as Auger and Hansen have it."""
        hits = np.array([5.0, 50.0, NAN, 30.0, NAN])
        row = measures.expected_running_time(made({"sgd": list(hits)})).iloc[0]
        assert row["ert"] == pytest.approx(np.nanmean(hits) + (2 / 5) / (3 / 5) * 100)

    def test_diverging_early_is_no_gain(self):
        runs = made({"sgd": [10, NAN]})
        lost = runs.assign(status=["ok", "diverged"], diverged_at=[NAN, 3.0])
        pd.testing.assert_frame_equal(
            measures.expected_running_time(runs), measures.expected_running_time(lost)
        )

    def test_settings_and_instances_are_kept_apart(self, study):
        table = measures.expected_running_time(study[0], (1e-1,))
        assert len(table) == 4 * 9
        assert (table["runs"] == 5).all()


class TestCosts:
    def test_ert_and_median_per_instance_and_target(self):
        runs = made({"sgd": [10, 20, NAN], "adam": [NAN, NAN, 30]})
        ert = measures.target_costs(runs)
        assert list(ert.index) == [("rosenbrock", 0.1)]
        assert dict(ert.iloc[0]) == {"sgd": 65, "adam": 230}
        assert dict(measures.target_costs(runs, statistic="median").iloc[0]) == {"sgd": 20, "adam": INF}

    def test_instance_costs_are_medians_low_is_good(self):
        runs = made({"sgd": [1, 1], "adam": [1, 1]}).assign(suboptimality=[1.0, 3.0, 5.0, NAN])
        runs["status"] = ["ok", "ok", "ok", "diverged"]
        assert dict(measures.instance_costs(runs).iloc[0]) == {"sgd": 2, "adam": INF}
        runs["accuracy"] = [0.5, 0.7, 0.9, NAN]
        assert measures.instance_costs(runs, "accuracy").loc["rosenbrock", "sgd"] == pytest.approx(-0.6)

    def test_below_the_floor_all_are_equal(self):
        runs = made({"sgd": [1], "adam": [1]}).assign(suboptimality=[1e-20, 1e-30])
        assert set(measures.instance_costs(runs).iloc[0]) == {1e-16}

    @pytest.mark.parametrize("table", [measures.target_costs, measures.instance_costs])
    def test_several_settings_are_refused(self, study, table):
        with pytest.raises(ValueError, match=r"rmsprop has 9 settings on quadratic"):
            table(study[0])

    def test_a_missing_pair_is_a_hole(self):
        runs = pd.concat([made({"sgd": [1], "adam": [2]}), made({"sgd": [3]}, problem="wine")])
        for table in (measures.target_costs(runs), measures.instance_costs(runs)):
            assert table["sgd"].notna().all()
            assert set(table.index[table["adam"].isna()].get_level_values("problem")) == {"wine"}

    def test_an_unknown_statistic_is_refused(self):
        with pytest.raises(ValueError, match="statistic must be ert or median, got 'mean'"):
            measures.target_costs(made({"sgd": [1]}), statistic="mean")


COSTS = pd.DataFrame(
    {"a": [1.0, 2.0, INF, 6.0, INF], "b": [2.0, 2.0, 5.0, 2.0, INF], "c": [8.0, 1.0, 5.0, INF, INF]}
)
"""Ratios to the best: a 1 2 inf 3 inf; b 2 2 1 1 inf; c 8 1 1 inf inf."""


def share_at(table: pd.DataFrame, optimizer: str, column: str, place: float) -> float:
    """Return the value of a step function."""
    part = table[(table["optimizer"] == optimizer) & (table[column] <= place)]
    return float(part["share"].iloc[-1])


class TestProfiles:
    def test_performance_profile_is_that_of_the_definition(self):
        table = measures.performance_profile(COSTS)
        for name, tau in product("abc", (1.0, 1.5, 2.0, 3.0, 7.9, 8.0, 1e9)):
            ratios = [
                row[name] / min(row) if np.isfinite(row[name]) else INF
                for row in COSTS.to_dict("records")
                for row in [pd.Series(row)]
            ]
            assert share_at(table, name, "ratio", tau) == np.mean(np.array(ratios) <= tau)

    def test_what_nobody_solved_counts(self):
        table = measures.performance_profile(COSTS)
        assert table["share"].max() == 0.8

    def test_begins_at_one_and_only_rises(self):
        for _, part in measures.performance_profile(COSTS).groupby("optimizer"):
            assert part["ratio"].iloc[0] == 1
            assert part["ratio"].is_monotonic_increasing
            assert part["share"].is_monotonic_increasing

    def test_data_profile_counts_gradients(self):
        table = measures.data_profile(COSTS)
        for name, budget in product("abc", (0.0, 1.0, 2.0, 5.5, 8.0, 1e9)):
            assert share_at(table, name, "gradients", budget) == (COSTS[name] <= budget).mean()

    def test_score_by_hand(self):
        table = measures.algoperf_score(COSTS).set_index("optimizer")
        # (4 - r) / 3, summed over the five problems, over five
        assert table.loc["a", "score"] == pytest.approx((3 + 2 + 0 + 1 + 0) / 15)
        assert table.loc["b", "score"] == pytest.approx((2 + 2 + 3 + 3 + 0) / 15)
        assert table.loc["c", "score"] == pytest.approx((0 + 3 + 3 + 0 + 0) / 15)
        assert list(table.index) == ["b", "a", "c"]
        assert list(table["best"]) == [0.4, 0.2, 0.4]
        assert list(table["solved"]) == [0.8, 0.6, 0.6]

    def test_score_is_the_integral_that_algoperf_takes(self):
        """Their compute_leaderboard_score: trapezoids over a linear grid of tau, over its range."""
        costs = pd.DataFrame(np.random.default_rng(0).lognormal(size=(40, 3)), columns=list("xyz"))
        taus = np.linspace(1, 4, 20001)
        ratios = costs.div(costs.min(axis=1), axis=0).to_numpy()
        theirs = trapezoid((ratios[:, :, None] <= taus).mean(axis=0), taus) / 3
        ours = measures.algoperf_score(costs).set_index("optimizer").loc[list("xyz"), "score"]
        np.testing.assert_allclose(ours, theirs, atol=1e-4)

    def test_all_at_the_start_are_best_and_nothing_else_compares(self):
        table = measures.algoperf_score(pd.DataFrame({"a": [0.0], "b": [0.0], "c": [1.0]}))
        assert dict(zip(table["optimizer"], table["score"], strict=True)) == {"a": 1, "b": 1, "c": 0}

    @pytest.mark.parametrize("bad", [NAN, -1.0])
    def test_costs_that_are_none_are_refused(self, bad):
        with pytest.raises(ValueError, match="costs must be numbers from 0 on"):
            measures.performance_profile(pd.DataFrame({"a": [bad]}))


class TestSpeedUp:
    def test_is_the_geometric_mean_of_the_ratios(self):
        costs = pd.DataFrame({"a": [1.0, 10.0, 3.0], "b": [2.0, 5.0, 1.0]})
        row = measures.speed_up(costs, "a").iloc[0]
        assert row["speed_up"] == pytest.approx(gmean(costs["a"] / costs["b"]))
        back = measures.speed_up(costs, "b").iloc[0]
        assert row["speed_up"] * back["speed_up"] == pytest.approx(1)

    def test_problems_that_one_alone_solved_are_not_dropped(self):
        table = measures.speed_up(COSTS, "a").set_index("optimizer")
        assert table.loc["b", "speed_up"] == INF  # b solved one that a did not
        assert np.isnan(table.loc["c", "speed_up"])  # and each of a and c solved one alone
        assert list(table.loc["c", ["both", "only_this", "only_reference", "neither", "problems"]]) == [
            *(2, 1, 1, 1, 5)
        ]
        assert table.loc["c", "speed_up_both"] == pytest.approx(np.sqrt(1 / 8 * 2 / 1))

    def test_a_limit_stands_for_the_unsolved(self):
        table = measures.speed_up(COSTS, "a", 10).set_index("optimizer")
        filled = COSTS.replace(INF, 10)
        assert table.loc["c", "speed_up"] == pytest.approx(gmean(filled["a"] / filled["c"]))

    @pytest.mark.parametrize(
        ("reference", "limit", "message"),
        [("z", None, "reference must be one of a, b, c"), ("a", 5.0, "limit must be no less")],
    )
    def test_bad_arguments_are_refused(self, reference, limit, message):
        with pytest.raises(ValueError, match=message):
            measures.speed_up(COSTS, reference, limit)


class TestRuntimeDistribution:
    def test_without_failures_nothing_is_drawn(self):
        times = measures.simulated_runtimes(made({"sgd": [3, 5]}), sweeps=2)
        assert list(times["runtime"]) == [3, 5, 3, 5]
        assert times["weight"].sum() == pytest.approx(1)

    def test_without_success_it_is_infinite(self):
        table = measures.runtime_distribution(made({"sgd": [NAN, NAN], "adam": [1, NAN]}))
        assert set(table["optimizer"]) == {"adam"}
        assert np.isinf(measures.simulated_runtimes(made({"sgd": [NAN]}))["runtime"]).all()

    def test_restarts_are_those_of_a_loop_over_runs(self):
        hits = [10.0, 40.0, NAN, NAN, NAN]
        times = measures.simulated_runtimes(made({"sgd": hits}), sweeps=4000)["runtime"]
        rng, looped = np.random.default_rng(1), []
        for _ in range(4000):
            for first in hits:
                total, hit = 0.0, first
                while np.isnan(hit):
                    total, hit = total + 100, hits[rng.integers(5)]
                looped.append(total + hit)
        for share in (0.3, 0.5, 0.7, 0.9):  # runtimes are 10 or 40 above a multiple of 100
            place = times.quantile(share)
            assert np.mean(np.array(looped) <= place) == pytest.approx((times <= place).mean(), abs=0.02)
        assert times.mean() == pytest.approx(175, rel=0.02)  # the expected running time

    def test_the_longest_run_ends_what_is_not_restarted(self):
        table = measures.runtime_distribution(made({"sgd": [10, NAN]}))
        assert list(table["restarted"]) == list(table["steps"] > 100)
        assert share_at(table, "sgd", "steps", 10) == pytest.approx(0.5)
        assert table["share"].iloc[-1] == pytest.approx(1)

    def test_every_pair_weighs_alike(self):
        runs = pd.concat([made({"sgd": [10] * 9}), made({"sgd": [20]}, problem="wine")], ignore_index=True)
        assert share_at(measures.runtime_distribution(runs), "sgd", "steps", 10) == pytest.approx(0.5)

    def test_ends_at_the_share_of_pairs_that_some_run_solved(self, best):
        table = measures.runtime_distribution(best)
        erts = measures.expected_running_time(best)
        for name, part in table.groupby("optimizer"):
            solved = np.isfinite(erts.loc[erts["optimizer"] == name, "ert"]).mean()
            assert part["share"].iloc[-1] == pytest.approx(solved)

    def test_does_not_depend_on_company_but_on_the_seed(self, best):
        whole = measures.simulated_runtimes(best)
        alone = measures.simulated_runtimes(best[best["optimizer"] == "rmsprop"])
        part = whole[whole["optimizer"] == "rmsprop"].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone, check_dtype=False)
        assert not whole["runtime"].equals(measures.simulated_runtimes(best, seed=1)["runtime"])


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
