"""Studies as they grow: uneven, incomplete, mixed. Nothing that is stored vanishes from a report."""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import measures, tables
from experiments.figures.parts import Part, Picture, Table, Text
from experiments.reports.comparison import comparison_parts
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tables.coverage import LEFT_OUT, filling, number_list
from experiments.tuning.protocol import How, budgets, split
from problems import PROBLEMS

Loss = Callable[[str, float, int], float]
OPTIMIZERS = ("sgd", "rmsprop", "adam")
LRS = (0.01, 0.1, 1.0)


def loss_of(name: str, lr: float, seed: int) -> float:
    return 1.0 + abs(np.log10(lr) + 1) + 0.01 * seed + {"sgd": 0.5, "rmsprop": 0.0, "adam": 0.2}[name]


def made(
    optimizers: tuple[str, ...] = OPTIMIZERS,
    problems: tuple[str, ...] = ("quadratic", "logistic", "rosenbrock"),
    seeds: Any = range(9),
    *,
    lrs: tuple[float, ...] = LRS,
    steps: tuple[int, ...] = (100,),
    dims: tuple[float, ...] = (2,),
    loss: Loss = loss_of,
) -> pd.DataFrame:
    """Return the runs of a complete grid, as the store gives them."""
    rows = [
        {
            "optimizer": name,
            "problem": problem,
            "seed": seed,
            "steps": count,
            "status": "ok" if np.isfinite(loss(name, lr, seed)) else "diverged",
            "diverged_at": np.nan,
            "optimizer.lr": lr,
            "problem.dim": dim,
            "suboptimality": loss(name, lr, seed),
            "hit_1e-1": 10.0,
        }
        for name, problem, seed, lr, count, dim in product(optimizers, problems, seeds, lrs, steps, dims)
    ]
    runs = pd.DataFrame(rows)
    keys = runs[["optimizer", "problem", "seed", "steps", "optimizer.lr", "problem.dim"]]
    return runs.assign(run=keys.astype(str).agg("-".join, axis=1))


def together(*studies: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(studies, ignore_index=True).drop_duplicates("run", ignore_index=True)


def texts(parts: list[Part]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def table(parts: list[Part], name: str) -> pd.DataFrame:
    [found] = [part.frame for part in parts if isinstance(part, Table) and part.name == name]
    return found


def compared(runs: pd.DataFrame) -> list[Part]:
    return list(comparison_parts(runs, "suboptimality", 2.0, ("study=s",)))


# --- Who chooses, who is shown ---


def test_the_upper_third_of_the_seeds_chooses_and_the_others_are_shown() -> None:
    parts = split(made())
    assert (set(parts.choosing["seed"]), set(parts.shown["seed"])) == ({6, 7, 8}, set(range(6)))
    assert parts.left_out.empty
    assert parts.uniform


@pytest.mark.parametrize("seeds", [[0, 1, 2], list(range(10)), [0, 1, FIRST_TUNING_SEED]])
def test_seeds_that_choose_and_seeds_that_are_shown_never_meet(seeds: list[int]) -> None:
    parts = split(made(seeds=seeds))
    assert not set(parts.choosing["seed"]) & set(parts.shown["seed"])
    assert set(parts.choosing["seed"]) | set(parts.shown["seed"]) == set(seeds)


def test_with_two_seeds_the_same_runs_choose_and_are_shown() -> None:
    parts = split(made(seeds=range(2)))
    assert parts.by_the_same_runs
    pd.testing.assert_frame_equal(parts.choosing, parts.shown)


def test_seeds_that_most_share_are_split_for_all_and_the_others_are_named() -> None:
    """One optimizer has more seeds: the comparison is on those that all have."""
    runs = together(made(), made(("adam",), seeds=range(9, 30)))
    parts = split(runs, ("study=s",))
    assert set(parts.shown["seed"]) == set(range(6))
    assert set(parts.cells["chosen"]) == {How.SHARED}
    assert list(parts.left_out["seeds"]) == ["9-29"] * 3
    assert parts.left_out["runs"].sum() == 3 * 21 * 3
    command = parts.left_out["command"].iloc[0]
    assert "optimizer=rmsprop" in command
    assert "optimizer=sgd" in command
    assert "'seed=range(9,30)'" in command


def test_seeds_that_hardly_overlap_are_split_for_each_by_itself() -> None:
    """SGD on seeds 0 to 5, then the others on 3 to 11: SGD once vanished from every table."""
    parts = split(together(made(("sgd",), seeds=range(6)), made(("adam", "rmsprop"), seeds=range(3, 12))))
    assert set(parts.cells["chosen"]) == {How.OWN}
    shown = parts.shown.groupby("optimizer")["seed"].agg(["min", "max"])
    assert shown.loc["sgd"].tolist() == [0, 3]
    assert shown.loc["adam"].tolist() == [3, 8]
    assert parts.left_out.empty


def test_disjoint_seeds_leave_no_optimizer_out() -> None:
    parts = split(together(made(("sgd",), seeds=range(4)), made(("adam", "rmsprop"), seeds=range(10, 14))))
    best = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    assert set(best["optimizer"]) == set(OPTIMIZERS)
    assert (best["runs"] == 3).all()


def test_one_tuned_and_others_swept_are_all_compared() -> None:
    """SGD chose on tuning seeds; the others choose on the upper third of what all share."""
    tuned = together(
        made(("sgd",), seeds=range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + 3)),
        made(("sgd",), seeds=range(9), lrs=(0.1,)),
    )
    parts = split(together(tuned, made(("adam", "rmsprop"))))
    best = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    assert len(best) == 9
    assert (best["runs"] == 6).all()
    ways = dict(zip(parts.cells["optimizer"], parts.cells["chosen"], strict=True))
    assert ways == {"sgd": How.TUNED, "adam": How.SHARED, "rmsprop": How.SHARED}
    assert set(parts.trials["optimizer"]) == {"sgd"}
    assert parts.left_out[["optimizer", "seeds"]].drop_duplicates().values.tolist() == [["sgd", "6-8"]]


def test_a_setting_without_the_seeds_that_choose_is_left_out_and_named() -> None:
    runs = together(made(), made(("adam",), ("quadratic",), seeds=range(2), lrs=(0.3,)))
    parts = split(runs, ("study=s",))
    [row] = parts.left_out.to_dict("records")
    assert (row["optimizer"], row["settings"], row["runs"], row["seeds"]) == ("adam", 1, 2, "0-1")
    assert row["command"] == (
        "python -m experiments.run -m optimizer=adam problem=quadratic steps=100 'seed=range(0,9)' "
        "optimizer.lr=0.3 study=s"
    )


def test_settings_that_share_no_seeds_are_compared_by_all_their_runs() -> None:
    runs = together(*(made(seeds=[3 * i, 3 * i + 1, 3 * i + 2], lrs=(lr,)) for i, lr in enumerate(LRS[:2])))
    cells = split(runs[runs["seed"] != 3])
    assert len(cells.choosing) > 0
    best = tables.settings_shown(cells.choosing, cells.shown, "suboptimality")
    assert len(best) == 9
    assert best["median"].notna().all()


def test_settings_that_each_have_a_third_of_the_seeds_are_all_compared() -> None:
    """None has half of the seeds that choose and one that is shown: the cell must not vanish."""
    runs = together(*(made(seeds=range(3 * i, 3 * i + 3), lrs=(lr,)) for i, lr in enumerate(LRS)))
    parts = split(runs)
    assert parts.by_the_same_runs
    assert set(parts.shown["optimizer.lr"]) == set(LRS)
    assert parts.left_out.empty
    best = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    assert (len(best), set(best["optimizer.lr"])) == (9, {0.1})


# --- Budgets, instances, holes ---


def test_a_budget_is_no_instance() -> None:
    """Three problems with 100 and 300 steps are three problems, compared twice, not six."""
    parts = compared(made(steps=(100, 300)))
    said = texts(parts)
    assert "### After 100 steps" in said
    assert "### After 300 steps" in said
    assert said.count("Over 3 problem instances") == 2
    assert "on 6 problems" not in said
    assert set(table(parts, "expected_running_time_300_steps")["problem"]) == {
        "logistic",
        "quadratic",
        "rosenbrock",
    }


def under(runs: pd.DataFrame, engine: str) -> pd.DataFrame:
    """Return the runs as an engine made them."""
    return runs.assign(engine=engine, dtype="float64", run=f"{engine}-" + runs["run"])


def test_an_engine_is_no_instance() -> None:
    """Three problems under two engines are three problems, compared twice; which engine is said."""
    parts = compared(together(under(made(), "jax"), under(made(), "numpy")))
    said = texts(parts)
    assert "### Under engine=jax" in said
    assert "### Under engine=numpy" in said
    assert said.count("Over 3 problem instances") == 2
    assert "6 problem" not in said
    names = {"logistic", "quadratic", "rosenbrock"}
    assert set(table(parts, "expected_running_time_jax")["problem"]) == names


def test_an_engine_that_each_problem_has_alone_makes_no_budget() -> None:
    runs = together(
        under(made(problems=("quadratic",)), "numpy"), under(made(problems=("logistic", "rosenbrock")), "jax")
    )
    assert "Over 3 problem instances" in texts(compared(runs))


def test_steps_and_engines_that_vary_are_compared_each_pair_by_itself() -> None:
    said = texts(compared(together(under(made(steps=(100, 300)), "jax"), under(made(), "numpy"))))
    headings = [line for line in said.split("\n") if line.startswith("### ")]
    assert headings == [
        "### After 100 steps under engine=jax",
        "### After 100 steps under engine=numpy",
        "### After 300 steps under engine=jax",
    ]


def test_problems_with_a_budget_each_are_compared_together() -> None:
    runs = together(
        made(problems=("quadratic",), steps=(100,)), made(problems=("logistic", "rosenbrock"), steps=(300,))
    )
    assert "Over 3 problem instances" in texts(compared(runs))


def test_an_optimizer_on_some_instances_is_compared_where_it_ran_and_the_others_are_named() -> None:
    """Nine bowls for three, four of them for SGD: there was no report at all."""
    dims = tuple(range(2, 11))
    runs = together(
        made(("adam", "rmsprop"), ("rosenbrock",), dims=dims), made(("sgd",), ("rosenbrock",), dims=dims[:4])
    )
    parts = compared(runs)
    said = texts(parts)
    assert "Over 4 problem instances" in said
    assert "9 problem instances, of which all optimizers ran on 4" in said
    assert re.search(r"9 in all, the ranks \(?(are not shown to )?differ", said)
    holes = table(parts, "incomplete_instances")
    assert list(holes["problem"]) == [f"rosenbrock dim={dim}" for dim in dims[4:]]
    assert (holes["why"] == "sgd did not run here").all()
    assert "optimizer=sgd problem=rosenbrock problem.dim=6" in holes["command"].iloc[0]
    pairs = table(parts, "paired_differences").set_index("comparison")["instances"]
    assert pairs.to_dict() == {"adam / rmsprop": 9, "sgd / rmsprop": 4}


def test_optimizers_that_share_no_problem_are_reported_and_not_compared() -> None:
    runs = together(
        *(
            made((name,), (problem,))
            for name, problem in zip(OPTIMIZERS, ("quadratic", "logistic", "rosenbrock"), strict=True)
        )
    )
    parts = compared(runs)
    said = texts(parts)
    assert "No profiles" in said
    assert "No test of ranks" in said
    assert len(table(parts, "incomplete_instances")) == 3
    assert len(table(parts, "expected_running_time")) == 3


@pytest.mark.parametrize(("differ", "words"), [(True, "ranks differ"), (False, "are not shown to differ")])
def test_the_sentence_of_a_test_says_what_the_test_says(differ: bool, words: str) -> None:
    def loss(name: str, lr: float, seed: int) -> float:
        return loss_of(name, lr, seed) if differ else 1.0

    runs = made(problems=("rosenbrock",), dims=tuple(range(2, 12)), loss=loss)
    [line] = [line for line in texts(compared(runs)).split("\n") if "Friedman" in line]
    assert words in line
    assert "at the level of 5%" in line
    assert (float(line.split("p = ")[1].split(")")[0]) <= 0.05) is differ


def test_ranks_with_holes_average_over_the_problems_that_all_ran_on() -> None:
    runs = together(made(("adam", "rmsprop")), made(("sgd",), ("quadratic",), loss=lambda *_: 0.5))
    ranks = tables.ranks(tables.labelled(runs)).set_index("optimizer")
    assert ranks.loc["sgd", ["quadratic", "mean_rank"]].tolist() == [1, 1]
    assert ranks.loc["sgd", ["logistic", "rosenbrock"]].isna().all()
    assert ranks["mean_rank"].to_dict() == {"sgd": 1, "rmsprop": 2, "adam": 3}


# --- A best setting that is none ---


def test_where_all_diverged_no_learning_rate_is_named() -> None:
    def loss(name: str, lr: float, seed: int) -> float:
        return np.inf if name == "sgd" else loss_of(name, lr, seed)

    runs = tables.labelled(made(loss=loss))
    best = tables.best_settings(runs)
    none = tables.without_setting(best, runs, "suboptimality")
    assert list(none["optimizer"]) == ["sgd"] * 3
    assert none["note"].iloc[0] == "all of 27 runs diverged; the smallest learning rate tried is 0.01"
    noted = tables.noted(best, none).set_index(["problem", "optimizer"])
    assert np.isnan(noted.loc[("quadratic", "sgd"), "optimizer.lr"])
    assert noted.loc[("quadratic", "adam"), "optimizer.lr"] == 0.1
    said = texts(compared(runs))
    assert "sgd: has no best setting on 3 of 3 problems" in said
    assert "sgd: the best learning rate is at an end" not in said
    assert "rests on cells without a number" in said
    assert "sgd on logistic, quadratic, rosenbrock" in said


def test_best_settings_that_are_some_stay_as_they_are() -> None:
    runs = tables.labelled(made())
    best = tables.best_settings(runs)
    assert tables.noted(best, tables.without_setting(best, runs, "suboptimality")) is best


# --- Commands that fill holes ---


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3, 4, 5], "range(3,6)"),
        ([3, 5], "3,5"),
        ([0.1, 0.2], "0.1,0.2"),
        (list(np.geomspace(1e-4, 1, 9)), "logspace:0.0001:1:9"),
        (list(np.linspace(0.5, 0.9, 9)), "linspace:0.5:0.9:9"),
        ([True, False], "true,false"),
        (["relu"], "relu"),
    ],
)
def test_values_as_one_types_them(values: list[Any], words: str) -> None:
    assert number_list(values) == words


def test_trials_of_a_search_are_filled_by_a_search() -> None:
    runs = made(("sgd",), ("quadratic",), lrs=(0.1,))
    runs = pd.concat([runs.assign(**{"optimizer.lr": lr, "optimizer.momentum": lr / 2}) for lr in (0.1, 0.3)])
    command = filling(runs, runs, [1, 2, 3], ("study=s",))
    assert command.startswith("python -m experiments.tune -m optimizer=sgd problem=quadratic ")
    assert "tune.trials=2" in command


# --- Any subset of a complete study ---

WHOLE = together(
    made(seeds=range(6), dims=(2, 3), steps=(50, 100), problems=("rosenbrock", "quadratic"), lrs=(0.1, 1.0)),
    made(("sgd",), seeds=range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + 2), problems=("rosenbrock",), lrs=LRS),
)
assert "dim" in PROBLEMS["rosenbrock"].__dataclass_fields__


@st.composite
def subsets(draw: st.DrawFn) -> pd.DataFrame:
    """Return a part of a study with holes in its optimizers, problems, seeds, settings and runs."""
    runs = WHOLE
    for key in ("optimizer", "problem", "seed", "steps", "optimizer.lr", "problem.dim"):
        if draw(st.booleans()):  # some values of it in some optimizer's runs only
            name = draw(st.sampled_from(OPTIMIZERS))
            kept = draw(st.sets(st.sampled_from(sorted(runs[key].unique())), min_size=1))
            runs = runs[(runs["optimizer"] != name) | runs[key].isin(kept)]
    if draw(st.booleans()):  # each learning rate on seeds of its own
        seeds = sorted(WHOLE["seed"].unique())
        for lr in sorted(WHOLE["optimizer.lr"].unique()):
            kept = draw(st.sets(st.sampled_from(seeds), min_size=1))
            runs = runs[(runs["optimizer.lr"] != lr) | runs["seed"].isin(kept)]
    if len(runs) and draw(st.booleans()):
        share = draw(st.floats(0.05, 0.95))
        runs = runs.sample(frac=share, random_state=draw(st.integers(0, 1000)))
    if draw(st.booleans()):
        lost = runs.sample(frac=draw(st.floats(0, 1)), random_state=1).index
        runs = runs.assign(
            status=runs["status"].mask(runs.index.isin(lost), "diverged"),
            suboptimality=runs["suboptimality"].mask(runs.index.isin(lost)),
        )
    return runs.reset_index(drop=True) if len(runs) else WHOLE.head(1)


@given(runs=subsets())
@settings(max_examples=40, deadline=None)
def test_nothing_vanishes_from_any_part_of_a_study(runs: pd.DataFrame) -> None:
    parts = split(runs, ("study=s",))
    used = set(parts.choosing["run"]) | set(parts.shown["run"]) | set(parts.trials["run"])
    assert len(used) + parts.left_out["runs"].sum() == len(runs)
    assert list(parts.left_out) == LEFT_OUT
    cells = set(tables.labelled(runs)[tables.PAIR].astype(str).itertuples(index=False, name=None))
    best = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    assert set(best[tables.PAIR].astype(str).itertuples(index=False, name=None)) == cells
    assert set(parts.cells[tables.PAIR].itertuples(index=False, name=None)) == cells
    assert (best["runs"] >= 1).all()
    robust = measures.lr_robustness(runs)[tables.PAIR].astype(str)
    assert set(robust.itertuples(index=False, name=None)) == cells


@given(runs=subsets())
@settings(max_examples=12, deadline=None)
def test_a_comparison_of_any_part_of_a_study_names_every_instance(runs: pd.DataFrame) -> None:
    parts = compared(runs)
    if runs["optimizer"].nunique() < 2:
        assert "Nothing to compare" in texts(parts)
        return
    shown: set[tuple[str, str]] = set()
    for part in parts:
        if isinstance(part, Table) and part.name.startswith("expected_running_time"):
            shown |= set(part.frame[tables.PAIR].astype(str).itertuples(index=False, name=None))
    at_budgets = (budget.split.runs for budget in budgets(split(runs), ()))
    several = [each for each in at_budgets if each["optimizer"].nunique() > 1]  # else there is one alone
    pairs = [each[tables.PAIR].astype(str).itertuples(index=False, name=None) for each in several]
    assert shown == {pair for each in pairs for pair in each}
    for part in parts:
        if isinstance(part, Picture):
            assert part.figure.axes
