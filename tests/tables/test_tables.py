"""The tables, against hand-worked frames and plain pandas."""

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked

from experiments import tables

NAN, INF = np.nan, np.inf


def made(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return `runs` with these rows: lr and suboptimality at least; NaN means diverged."""
    common = {"optimizer": "sgd", "problem": "rosenbrock", "seed": 0, "steps": 100}
    runs = pd.DataFrame([{**common, **row} for row in rows])
    runs.insert(0, "run", [f"run{i}" for i in range(len(runs))])
    runs["status"] = np.where(runs["suboptimality"].isna(), "diverged", "ok")
    runs["diverged_at"] = np.where(runs["suboptimality"].isna(), 7.0, NAN)
    return runs


def sweep(lrs: list[float], values: list[list[float]], **more: object) -> list[dict[str, object]]:
    """Return one row per learning rate and value."""
    return [
        {"optimizer.lr": lr, "suboptimality": value, **more}
        for lr, column in zip(lrs, values, strict=True)
        for value in column
    ]


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    lrs = np.logspace(-4, 0, 5)
    return stacked(
        frames("sgd", "quadratic", {"lr": lrs, "momentum": [0.0, 0.9]}, steps=300),
        frames("rmsprop", "quadratic", {"lr": lrs}, steps=300),
        frames("sgd", "rosenbrock", {"lr": lrs}),
        frames("rmsprop", "rosenbrock", {"lr": lrs}, constants={"dim": 10}),
        frames("rmsprop", "rosenbrock", {"lr": lrs}),
        frames("sgd", "logistic", {"lr": lrs}, constants={"data": "wine"}),
    )


TABLES = {
    "settings": tables.settings,
    "by_setting": tables.by_setting,
    "best_settings": tables.best_settings,
    "steps_to_targets": tables.steps_to_targets,
    "lr_sensitivity": tables.lr_sensitivity,
    "lr_width": tables.lr_width,
    "divergence": tables.divergence,
    "ranks": tables.ranks,
}
MEASURED = [name for name in TABLES if name not in ("settings", "divergence")]


class TestLabels:
    def test_only_what_varies_within_a_problem_is_named_in_order_of_its_values(self, study):
        labels = tables.problem_labels(study[0])
        assert list(labels.cat.categories) == [
            "logistic",
            "quadratic",
            "rosenbrock dim=2",
            "rosenbrock dim=10",
        ]
        assert set(labels[study[0]["problem.dim"] == 10]) == {"rosenbrock dim=10"}

    def test_labelling_twice_changes_nothing(self, study):
        once = tables.labelled(study[0])
        pd.testing.assert_frame_equal(tables.labelled(once), once)

    def test_steps_and_missing_constants_tell_problems_apart(self):
        rows = [
            {"problem": "logistic", "problem.batch_size": size, "steps": steps, "suboptimality": 1.0}
            for size in (None, 32)
            for steps in (100, 1000)
        ]
        labels = tables.problem_labels(made(rows))
        assert list(labels) == [
            "logistic batch_size=null steps=100",
            "logistic batch_size=null steps=1000",
            "logistic batch_size=32 steps=100",
            "logistic batch_size=32 steps=1000",
        ]

    def test_settings_lists_what_varies(self, study):
        table = tables.settings(study[0]).set_index(["subject", "key"])
        assert list(table.index) == [
            ("rmsprop", "optimizer.lr"),
            ("sgd", "optimizer.lr"),
            ("sgd", "optimizer.momentum"),
            ("rosenbrock", "problem.dim"),
        ]
        assert table.loc[("sgd", "optimizer.momentum"), "values"] == "0, 0.9"
        assert table.loc[("rmsprop", "optimizer.lr"), "count"] == 5

    @pytest.mark.parametrize(
        ("value", "written"),
        [(2.0, "2"), (1e-5, "1e-05"), (NAN, "null"), (None, "null"), (True, "true"), ("wine", "wine")],
    )
    def test_values_are_written_as_typed(self, value, written):
        assert tables.text(value) == written


class TestBySetting:
    def test_agrees_with_plain_pandas_where_nothing_diverged(self, study):
        runs = study[0].query("problem == 'quadratic' and optimizer == 'rmsprop'")
        table = tables.by_setting(runs, "distance")
        plain = runs.groupby("optimizer.lr")["distance"].quantile([0.25, 0.5, 0.75]).unstack()
        np.testing.assert_allclose(table[["q25", "median", "q75"]], plain)
        assert (table["runs"] == 3).all()
        assert (table["diverged"] == 0).all()

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1.0, 2.0, 3.0, 4.0], (2.5, 1.75, 3.25)),
            ([1.0, 2.0, 3.0, NAN], (2.5, 1.75, INF)),
            ([1.0, 2.0, NAN], (2.0, 1.5, INF)),
            ([1.0, 2.0, 3.0, 4.0, NAN], (3.0, 2.0, 4.0)),
            ([1.0, NAN], (INF, INF, INF)),
            ([NAN, NAN], (INF, INF, INF)),
            ([5.0], (5.0, 5.0, 5.0)),
        ],
    )
    def test_a_diverged_run_counts_as_infinite(self, values, expected):
        table = tables.by_setting(made(sweep([0.1], [values])))
        assert tuple(table.loc[0, ["median", "q25", "q75"]]) == expected
        assert table.loc[0, "runs"] == len(values)
        assert table.loc[0, "diverged"] == np.isnan(values).mean()

    def test_a_diverged_run_counts_as_no_accuracy(self):
        runs = made(sweep([0.1], [[1.0, 1.0, NAN]])).assign(accuracy=[0.9, 0.8, NAN])
        table = tables.by_setting(runs, "accuracy")
        np.testing.assert_allclose(table[["median", "q25", "q75"]], [[0.8, 0.4, 0.85]])

    def test_a_target_reached_before_diverging_counts(self):
        runs = made(sweep([0.1], [[1.0, NAN, NAN]])).assign(**{"hit_1e-2": [10.0, 20.0, NAN]})
        assert tables.by_setting(runs, "hit_1e-2").loc[0, "median"] == 20

    def test_no_run_is_dropped(self, study):
        assert tables.by_setting(study[0])["runs"].sum() == len(study[0])

    def test_problems_without_the_measure_are_left_out(self, study):
        assert set(tables.by_setting(study[0], "accuracy")["problem"]) == {"logistic"}

    def test_no_warning_from_nullable_columns(self):
        runs = made(sweep([0.1], [[1.0, 2.0]])).assign(**{"hit_1e-1": pd.array([3, pd.NA], dtype="Int64")})
        assert tables.by_setting(runs, "hit_1e-1").loc[0, "median"] == INF


class TestBestSettings:
    def test_the_lowest_median_wins(self):
        runs = made(sweep([0.1, 0.2, 0.3], [[3.0, 3.0], [1.0, 2.0], [0.0, 9.0]]))
        best = tables.best_settings(runs).iloc[0]
        assert best["optimizer.lr"] == 0.2
        assert best[["runs", "settings_compared", "runs_compared"]].tolist() == [2, 3, 6]

    def test_ties_go_to_the_smaller_learning_rate(self):
        runs = made(sweep([0.3, 0.1, 0.2], [[1.0], [1.0], [2.0]]))
        assert tables.best_settings(runs)["optimizer.lr"].item() == 0.1

    def test_what_differs_by_rounding_is_a_tie_that_fewer_steps_decide(self):
        runs = made(sweep([0.1, 0.2, 0.3], [[0.0], [1e-17], [1e-30]]))
        runs["hit_1e-8"] = [90.0, 40.0, 50.0]
        assert tables.best_settings(runs)["optimizer.lr"].item() == 0.2

    def test_the_highest_accuracy_wins(self):
        runs = made(sweep([0.1, 0.2], [[1.0], [1.0]])).assign(accuracy=[0.7, 0.8])
        assert tables.best_settings(runs, "accuracy")["optimizer.lr"].item() == 0.2

    def test_where_all_diverged_there_still_is_a_row(self):
        best = tables.best_settings(made(sweep([0.2, 0.1], [[NAN, NAN], [NAN, NAN]])))
        assert best["median"].tolist() == [INF]
        assert best["optimizer.lr"].tolist() == [0.1]
        assert best["diverged"].tolist() == [1.0]

    def test_shows_the_hyperparameters_that_vary(self, study):
        columns = list(tables.best_settings(study[0]))
        assert [c for c in columns if c.startswith("optimizer.")] == ["optimizer.lr", "optimizer.momentum"]

    def test_has_every_problem_and_optimizer(self, study):
        pairs = tables.labelled(study[0])[tables.PAIR].drop_duplicates()
        assert len(tables.best_settings(study[0])) == len(pairs)

    def test_runs_at_gives_the_runs_of_the_best_settings(self, study):
        best = tables.best_settings(study[0])
        chosen = tables.runs_at(study[0], best)
        again = tables.by_setting(chosen)
        pd.testing.assert_frame_equal(
            again[[*tables.PAIR, "median", "runs"]], best[[*tables.PAIR, "median", "runs"]]
        )

    def test_runs_at_takes_other_seeds_than_those_tuned_on(self, study):
        tuned = tables.best_settings(study[0][study[0]["seed"] < 2])
        reported = tables.runs_at(study[0][study[0]["seed"] == 2], tuned)
        assert len(reported) == len(tuned)
        assert set(reported["seed"]) == {2}

    def test_runs_at_takes_problems_as_plain_names(self, study):
        runs = study[0].query("problem == 'quadratic'")
        chosen = pd.DataFrame({"problem": ["quadratic"], "optimizer": ["rmsprop"], "optimizer.lr": [0.01]})
        assert len(tables.runs_at(runs, chosen)) == 3


class TestStepsToTargets:
    def test_unreached_is_infinite_and_the_share_is_told(self):
        runs = made(sweep([0.1], [[1.0, 1.0, 1.0, NAN]]))
        runs["hit_1e-1"] = [1.0, 2.0, 3.0, 4.0]
        runs["hit_1e-2"] = [10.0, NAN, NAN, NAN]
        table = tables.steps_to_targets(runs)
        assert table["target"].tolist() == [0.1, 0.01]
        assert table["median"].tolist() == [2.5, INF]
        assert table["reached"].tolist() == [1.0, 0.25]
        assert table["runs"].tolist() == [4, 4]

    def test_only_the_best_setting_counts(self):
        runs = made(sweep([0.1, 0.2], [[1.0], [2.0]])).assign(**{"hit_1e-1": [50.0, 5.0]})
        assert tables.steps_to_targets(runs)["median"].tolist() == [50.0]

    def test_has_all_targets_for_all_pairs(self, study):
        assert len(tables.steps_to_targets(study[0])) == 8 * len(tables.best_settings(study[0]))


class TestLrSensitivity:
    def test_within_is_unbroken_around_the_best(self):
        runs = made(sweep([1e-3, 1e-2, 1e-1, 1, 10], [[1.5], [9.0], [1.9], [1.0], [NAN]]))
        table = tables.lr_sensitivity(runs)
        assert table["within"].tolist() == [False, False, True, True, False]
        assert table["best"].tolist() == [False, False, False, True, False]
        assert table["diverged"].tolist() == [0, 0, 0, 0, 1]

    def test_the_width_is_in_decades_of_the_grid(self):
        runs = made(sweep([1e-3, 1e-2, 1e-1, 1], [[9.0], [1.9], [1.0], [NAN]]))
        width = tables.lr_width(runs).iloc[0]
        assert width[["best_lr", "low", "high"]].tolist() == [0.1, 0.01, 0.1]
        assert width["width_decades"] == pytest.approx(1)
        assert width["spacing_decades"] == pytest.approx(1)
        assert not width["at_edge"]

    def test_a_wider_factor_widens_the_range_up_to_the_edge(self):
        runs = made(sweep([1e-3, 1e-2, 1e-1, 1], [[9.0], [1.9], [1.0], [NAN]]))
        width = tables.lr_width(runs, factor=10).iloc[0]
        assert width["width_decades"] == pytest.approx(2)
        assert width["at_edge"]

    def test_rounding_does_not_narrow_the_range(self):
        runs = made(sweep([0.1, 1, 10], [[1e-20], [0.0], [1e-17]]))
        assert tables.lr_width(runs)["width_decades"].item() == pytest.approx(2)

    def test_there_is_no_width_where_all_diverged_or_one_was_tried(self):
        assert np.isnan(tables.lr_width(made(sweep([0.1, 1], [[NAN], [NAN]])))["width_decades"].item())
        assert np.isnan(tables.lr_width(made(sweep([0.1], [[1.0]])))["width_decades"].item())

    def test_a_lone_best_learning_rate_has_no_width(self):
        runs = made(sweep([0.1, 1, 10], [[5.0], [1.0], [5.0]]))
        assert tables.lr_width(runs)["width_decades"].tolist() == [0.0]

    def test_high_is_good_for_accuracy(self):
        runs = made(sweep([0.1, 1, 10], [[1.0], [1.0], [1.0]])).assign(accuracy=[0.1, 0.5, 0.9])
        assert tables.lr_sensitivity(runs, "accuracy")["within"].tolist() == [False, True, True]

    def test_other_hyperparameters_are_held_at_the_best(self):
        runs = made(
            sweep([0.1, 1], [[5.0], [1.0]], **{"optimizer.momentum": 0.9})
            + sweep([0.1, 1], [[2.0], [3.0]], **{"optimizer.momentum": 0.0})
        )
        assert tables.lr_sensitivity(runs)["median"].tolist() == [5.0, 1.0]


class TestDivergence:
    def test_shares_and_steps(self):
        runs = made(sweep([0.1, 1], [[1.0, 1.0], [NAN, 1.0]]))
        table = tables.divergence(runs)
        assert table[["runs", "diverged", "diverged_at"]].to_numpy().tolist() == [[4, 0.25, 7]]
        by_lr = tables.divergence(runs, "optimizer.lr")
        assert by_lr["diverged"].tolist() == [0, 0.5]
        assert np.isnan(by_lr["diverged_at"][0])

    def test_agrees_with_plain_pandas(self, study):
        runs = study[0]
        plain = (runs["status"] == "diverged").mean()
        table = tables.divergence(runs)
        assert np.average(table["diverged"], weights=table["runs"]) == pytest.approx(plain)
        assert plain > 0

    def test_every_run_has_one_status(self, study):
        table = tables.divergence(study[0])
        np.testing.assert_allclose(table[["ok", "diverged", "stalled"]].sum(axis=1), 1)
        assert (table["stalled"] == 0).all()

    def test_a_store_without_stalled_runs_has_a_share_of_none(self):
        runs = made(sweep([0.1], [[1.0, NAN]]))
        table = tables.divergence(runs.astype({"status": "category"}))
        assert table[["ok", "diverged", "stalled"]].to_numpy().tolist() == [[0.5, 0.5, 0]]


class TestStalled:
    """Three runs at each of two learning rates; at the larger one two stalled."""

    @pytest.fixture
    def runs(self):
        runs = made(sweep([0.1, 1], [[3.0, 4.0, 5.0], [1.0, 2.0, 6.0]], **{"optimizer.beta": 0.9}))
        runs.loc[[4, 5], "status"] = "stalled"
        return runs.assign(**{"hit_1e-1": [NAN, NAN, NAN, 10.0, 20.0, NAN]})

    def test_has_a_share_of_its_own(self, runs):
        table = tables.divergence(runs, "optimizer.lr")
        shares = table[["ok", "diverged", "stalled"]].to_numpy()
        np.testing.assert_allclose(shares, [[1, 0, 0], [1 / 3, 0, 2 / 3]])
        assert table["diverged_at"].isna().all()

    def test_keeps_its_numbers(self, runs):
        table = tables.by_setting(runs)
        assert table["median"].tolist() == [4, 2]
        assert table["diverged"].tolist() == [0, 0]
        np.testing.assert_allclose(table["stalled"], [0, 2 / 3])
        assert tables.best_settings(runs)["optimizer.lr"].tolist() == [1]
        assert tables.lr_sensitivity(runs)["stalled"].tolist() == table["stalled"].tolist()

    def test_a_target_that_it_reached_counts(self, runs):
        reached = tables.steps_to_targets(runs)
        assert reached["reached"].tolist() == [pytest.approx(2 / 3)]
        assert reached["median"].tolist() == [20]

    def test_a_pair_has_the_share_of_the_setting_that_it_shows(self, runs):
        worse = runs.assign(**{"optimizer.momentum": 0.9, "status": "ok"})
        worse["suboptimality"] += 1
        both = pd.concat([runs.assign(**{"optimizer.momentum": 0.0}), worse], ignore_index=True)
        pairs = tables.best_pairs(both, "optimizer.lr", "optimizer.beta")
        assert pairs["median"].tolist() == [4, 2]
        np.testing.assert_allclose(pairs["stalled"], [0, 2 / 3])

    def test_of_an_accuracy_a_pair_shows_the_highest(self, runs):
        better = runs.assign(**{"optimizer.momentum": 0.9, "accuracy": 0.9, "status": "stalled"})
        both = pd.concat(
            [runs.assign(**{"optimizer.momentum": 0.0, "accuracy": 0.5}), better], ignore_index=True
        )
        pairs = tables.best_pairs(both, "optimizer.lr", "optimizer.beta", "accuracy")
        assert pairs["median"].tolist() == [0.9, 0.9]
        assert pairs["stalled"].tolist() == [1, 1]


class TestRanks:
    def test_ties_share_the_average(self):
        rows = [
            *sweep([0.1], [[1.0]], optimizer="a"),
            *sweep([0.1], [[1e-20]], optimizer="b"),
            *sweep([0.1], [[0.0]], optimizer="c"),
            *sweep([0.1], [[3.0]], optimizer="a", problem="quadratic"),
            *sweep([0.1], [[2.0]], optimizer="b", problem="quadratic"),
            *sweep([0.1], [[NAN]], optimizer="c", problem="quadratic"),
        ]
        table = tables.ranks(made(rows)).set_index("optimizer")
        assert list(table.index) == ["b", "c", "a"]
        assert table["rosenbrock"].to_dict() == {"a": 3, "b": 1.5, "c": 1.5}
        assert table["quadratic"].to_dict() == {"a": 2, "b": 1, "c": 3}
        assert table["mean_rank"].to_dict() == {"a": 2.5, "b": 1.25, "c": 2.25}

    def test_the_highest_accuracy_ranks_first(self):
        rows = [*sweep([0.1], [[1.0]], optimizer="a"), *sweep([0.1], [[1.0]], optimizer="b")]
        table = tables.ranks(made(rows).assign(accuracy=[0.1, 0.9]), "accuracy")
        assert table["optimizer"].tolist() == ["b", "a"]


class TestOverSteps:
    def test_agrees_with_plain_pandas(self, study):
        runs, history = study
        chosen = runs.query("problem == 'quadratic' and optimizer == 'rmsprop'")
        table = tables.learning_curves(history, chosen).set_index("step")
        plain = history[history["run"].isin(chosen["run"])].groupby("step")["suboptimality"].median()
        pd.testing.assert_series_equal(table["median"], plain, check_names=False)

    def test_a_diverged_run_counts_as_infinite_from_then_on(self):
        runs = made(sweep([0.1], [[1.0, NAN]]))
        history = pd.DataFrame(
            {
                "run": ["run0"] * 3 + ["run1"] * 3,
                "step": [0, 1, 2] * 2,
                "suboptimality": [4, 2, 1, 4, NAN, NAN],
            }
        )
        table = tables.learning_curves(history, runs)
        assert table["median"].tolist() == [4, INF, INF]
        assert table["q25"].tolist() == [4, INF, INF]
        assert table["diverged"].tolist() == [0, 0.5, 0.5]
        assert table["runs"].tolist() == [2, 2, 2]

    def test_the_rate_of_gradient_descent_is_its_learning_rate(self):
        runs, history = stacked(frames("sgd", "quadratic", {"lr": [0.01]}, params=True))
        table = tables.effective_rates(history, runs)
        assert set(table["parameter"]) == {0, 1, 2}
        assert table["step"].min() == 1
        np.testing.assert_allclose(table["median"], 0.01)

    def test_runs_without_history_leave_an_empty_table(self):
        runs = made(sweep([0.1], [[1.0]]))
        nothing = pd.DataFrame({"run": pd.Categorical([])})
        assert tables.learning_curves(nothing, runs).empty
        assert tables.effective_rates(nothing, runs).empty


class TestBestPairs:
    def test_takes_the_best_of_what_else_varies_and_marks_the_best_setting(self):
        rows = [
            {"optimizer.lr": lr, "optimizer.beta": beta, "optimizer.eps": eps, "suboptimality": value}
            for lr, beta, eps, value in [
                (0.1, 0.9, 1e-8, 3.0),
                (0.1, 0.9, 1e-4, 2.0),
                (0.1, 0.99, 1e-8, 1.0),
                (0.2, 0.9, 1e-8, NAN),
                (0.2, 0.99, 1e-8, 4.0),
            ]
        ]
        table = tables.best_pairs(made(rows), "optimizer.lr", "optimizer.beta")
        assert table["median"].tolist() == [2.0, 1.0, INF, 4.0]
        assert table["best"].tolist() == [False, True, False, False]

    def test_leaves_out_optimizers_that_do_not_vary_both(self, study):
        table = tables.best_pairs(study[0], "optimizer.lr", "optimizer.momentum")
        assert set(zip(table["optimizer"], table["problem"], strict=True)) == {("sgd", "quadratic")}


@pytest.mark.parametrize("name", MEASURED)
def test_an_unknown_measure_is_refused(name, study):
    with pytest.raises(
        ValueError, match=r"^measure must be one of .*suboptimality, .*hit_1e-8, .*, got 'foo'$"
    ):
        TABLES[name](study[0], "foo")


def test_a_measure_that_the_runs_lack_is_refused():
    with pytest.raises(ValueError, match=r"^measure must be one of suboptimality, got 'accuracy'$"):
        tables.by_setting(made(sweep([0.1], [[1.0]])), "accuracy")


@pytest.mark.parametrize("name", TABLES)
def test_no_runs_give_an_empty_table_with_the_same_columns(name, study):
    full = TABLES[name](study[0])
    empty = TABLES[name](study[0].iloc[:0])
    assert empty.empty
    varying = [c for c in full if c in {"optimizer.momentum", *full.get("problem", []), *study[0]["problem"]}]
    assert set(full) - set(empty) <= {*varying, "rosenbrock dim=2", "rosenbrock dim=10"}
    assert TABLES[name](pd.DataFrame({"run": pd.Categorical([])})).empty


@pytest.mark.parametrize("name", TABLES)
def test_tables_do_not_change_the_runs(name, study):
    before = study[0].copy(deep=True)
    TABLES[name](study[0])
    pd.testing.assert_frame_equal(study[0], before)


@pytest.mark.parametrize("name", TABLES)
def test_the_order_of_the_runs_does_not_matter(name, study):
    shuffled = study[0].sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(TABLES[name](shuffled), TABLES[name](study[0]), check_categorical=False)
