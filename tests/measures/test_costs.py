"""Hits, running times, costs, profiles and speed-ups."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked
from measured import COSTS, INF, NAN, made
from scipy.integrate import trapezoid
from scipy.stats import gmean

from experiments import measures, tables


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


class TestPrices:
    def sophia(self) -> pd.DataFrame:
        """Two optimizers, of which one pays 1.5 gradients a step; one of its runs diverged at once."""
        runs = made({"sgd": [10, 20], "sophia": [10, NAN, NAN]})
        return runs.assign(
            status=["ok"] * 4 + ["diverged"],
            diverged_at=[NAN] * 4 + [1.0],
            gradient_evaluations=[100, 100, 150, 150, 1.5],
        )

    def test_hits_and_what_was_spent_are_in_gradient_evaluations(self):
        table = measures.hit_times(self.sophia())
        assert table["hit"].tolist() == [10, 20, 15, INF, INF]
        assert table["spent"].tolist() == [10, 20, 15, 150, 150]
        assert dict(measures.target_costs(self.sophia()).iloc[0]) == {"sgd": 15, "sophia": 315}
        assert dict(measures.instance_costs(self.sophia(), "hit_1e-1").iloc[0]) == {"sgd": 15, "sophia": INF}
        assert measures.unit(self.sophia()) == "gradient evaluations"

    def test_a_run_that_diverged_at_once_makes_a_step_no_dearer(self):
        runs = self.sophia().assign(gradient_evaluations=[100, 100, 150, 150, 3])
        price = measures.step_prices(tables.labelled(runs))
        assert price.tolist() == [1, 1, *[pytest.approx(303 / 201)] * 3]

    def test_a_setting_that_took_no_step_has_the_price_of_one(self):
        runs = self.sophia().assign(diverged_at=0.0, gradient_evaluations=0)
        assert (measures.step_prices(tables.labelled(runs)) == 1).all()

    def test_without_the_column_a_step_costs_one(self):
        runs = self.sophia().drop(columns="gradient_evaluations")
        assert measures.hit_times(runs)["spent"].tolist() == [10, 20, 10, 100, 100]
        assert measures.unit(runs) == "steps"
        some = self.sophia().assign(gradient_evaluations=[NAN, NAN, 150, 150, 1.5])
        assert measures.hit_times(some)["hit"].tolist() == [10, 20, 15, INF, INF]

    def test_settings_have_prices_of_their_own(self):
        runs = made({"sophia": [10, 10]}).assign(gradient_evaluations=[300, 120])
        runs["optimizer.interval"] = [1.0, 10.0]
        assert sorted(measures.hit_times(runs)["hit"]) == [12, 30]

    def test_the_longest_run_is_in_gradient_evaluations_too(self):
        table = measures.runtime_distribution(self.sophia())
        part = table[table["optimizer"] == "sophia"]
        assert part["steps"].min() == 15
        assert (part["restarted"] == (part["steps"] > 150)).all()


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
        assert table.groupby("optimizer")["share"].max().to_dict() == pytest.approx({"sgd": 0, "adam": 1})
        assert (table.loc[table["optimizer"] == "sgd", "steps"] == 100).all()  # its longest run
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
