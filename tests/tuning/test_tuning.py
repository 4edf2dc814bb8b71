"""Fair tuning: what is drawn, what is chosen, and that nothing is reported on the seeds that chose it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import here
from omegaconf import OmegaConf

from experiments import tuning
from experiments.figures.parts import Table, Text
from experiments.reports.study import search_parts
from experiments.request.product import cell_of
from experiments.store import Store
from optim import OPTIMIZERS
from optim.base import Range

ROOT = Path(__file__).parents[2]
SPACE = {
    "lr": {"distribution": "loguniform", "low": 1e-4, "high": 10.0},
    "beta": {"distribution": "one_minus_loguniform", "low": 0.5, "high": 0.999},
    "eps": {"distribution": "uniform", "low": 0.0, "high": 1.0},
}
TUNE: dict[str, Any] = {"trials": 4, "extend": 0, "seeds": 2, "method": "random"}


@pytest.mark.parametrize("method", tuning.METHODS)
def test_fewer_trials_are_the_first_of_more(method: str) -> None:
    few, many = (tuning.draw(SPACE, trials, method) for trials in (5, 40))
    for name, values in few.items():
        np.testing.assert_array_equal(values, many[name][:5])


@pytest.mark.parametrize("method", tuning.METHODS)
def test_draws_fill_their_space_on_its_scale(method: str) -> None:
    drawn = tuning.draw(SPACE, 1024, method)
    positions = {
        "lr": np.log(drawn["optimizer.lr"] / 1e-4) / np.log(1e5),
        "beta": np.log((1 - drawn["optimizer.beta"]) / 0.001) / np.log(500),
        "eps": drawn["optimizer.eps"],
    }
    for values in positions.values():
        assert values.min() >= -1e-9
        assert values.max() <= 1 + 1e-9
        np.testing.assert_allclose(np.quantile(values, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05)


def test_an_unknown_distribution_is_named() -> None:
    with pytest.raises(ValueError, match=r"distribution must be one of uniform, .*, got 'normal'"):
        tuning.draw({"lr": {"distribution": "normal", "low": 0, "high": 1}}, 3, "random")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_search_space_lies_in_the_declared_ranges(name: str) -> None:
    written = OmegaConf.load(ROOT / "conf" / "optimizer" / f"{name}.yaml")
    drawn = tuning.draw(written.get("search", {}), 256, "sobol")
    OPTIMIZERS[name](**{key.removeprefix("optimizer."): values for key, values in drawn.items()})


@pytest.mark.parametrize(
    ("change", "axes", "message"),
    [
        ({"trials": 0}, {}, "tune.trials must be an integer"),
        ({"seeds": True}, {}, "tune.seeds must be an integer"),
        ({"method": "grid"}, {}, "tune.method must be one of random, sobol, got 'grid'"),
        ({}, {"optimizer.lr": [1.0]}, "sweep seeds alone, not optimizer.lr"),
        ({}, {"seed": [tuning.FIRST_TUNING_SEED]}, "seed must be below"),
    ],
)
def test_what_cannot_be_searched_is_named(change: dict[str, Any], axes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tuning.checked_search({**TUNE, **change}, {"search": SPACE}, axes)


def pool_and_runs(losses: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a pool of trials on two seeds, and the runs as they ended: the loss of each trial."""
    settings = {
        "optimizer": {"name": "rmsprop"},
        "problem": {"name": "quadratic"},
        "seed": 0,
        "steps": 10,
        "record": {"points": 2, "params": False},
    }
    lrs = np.linspace(0.1, 1, len(losses))
    seeds = [tuning.FIRST_TUNING_SEED, tuning.FIRST_TUNING_SEED + 1]
    pool = cell_of(settings, {"seed": seeds}, {"optimizer.lr": lrs}).runs
    loss = np.tile(losses, 2)
    status = np.where(np.isfinite(loss), "ok", "diverged")
    return pool, pool.assign(loss=np.where(np.isfinite(loss), loss, np.nan), status=status)


def test_the_best_of_the_first_trials_is_chosen_for_each_budget() -> None:
    pool, runs = pool_and_runs([np.inf, 3.0, 2.0, 5.0, 1.0])
    chosen = tuning.select(pool, runs.sample(frac=1, random_state=0), "loss", [1, 2, 4, 75])
    best = {budget: chosen.loc[chosen[f"best_of_{budget}"], "trial"].tolist() for budget in (1, 2, 4, 5)}
    assert best == {1: [0], 2: [1], 4: [2], 5: [4]}
    points = tuning.best_points(chosen)["optimizer.lr"]
    assert sorted(points) == sorted(np.linspace(0.1, 1, 5)[[0, 1, 2, 4]])
    assert tuning.best_points(chosen, 4)["optimizer.lr"] == np.linspace(0.1, 1, 5)[2]


def test_a_best_value_at_the_edge_of_its_space_raises_an_alarm() -> None:
    pool, runs = pool_and_runs([3.0, 2.0, 1.0])
    chosen = tuning.select(pool, runs, "loss", [3])
    wide, narrow = ({"lr": {"distribution": "uniform", "low": 0.0, "high": high}} for high in (4.0, 1.0))
    anywhere, up_to_one = ({"lr": Range(0, high, True, False)} for high in (np.inf, 1.0))
    assert tuning.alarms(chosen, wide, anywhere) == []
    assert [str(edge) for edge in tuning.alarms(chosen, narrow, anywhere)] == [
        "lr=1 is at the high edge of [0, 1]"
    ]
    assert tuning.alarms(chosen, narrow, up_to_one) == []  # there is nothing beyond


@pytest.mark.parametrize(
    ("distribution", "low", "high", "ends"),
    [
        ("uniform", 0.0, 4.0, []),
        ("uniform", 0.0, 1.02, ["high"]),
        ("uniform", 0.98, 4.0, ["low"]),
        ("loguniform", 0.1, 10.0, []),
        ("loguniform", 0.01, 1.1, ["high"]),
        ("loguniform", 0.95, 100.0, ["low"]),
    ],
)
def test_the_end_of_a_space_at_which_the_best_lies(
    distribution: str, low: float, high: float, ends: list[str]
) -> None:
    pool, runs = pool_and_runs([3.0, 2.0, 1.0])  # the best is 1
    chosen = tuning.select(pool, runs, "loss", [3])
    space = {"lr": {"distribution": distribution, "low": low, "high": high}}
    assert tuning.at_edge(chosen, space, {"lr": Range(-np.inf, np.inf, True, True)}) == {"lr": ends}


@pytest.mark.parametrize(("best", "ends"), [(0.9, []), (0.51, ["low"]), (0.9988, ["high"])])
def test_the_edges_of_a_decay_close_to_one(best: float, ends: list[str]) -> None:
    chosen = pd.DataFrame({"optimizer.beta": [0.7, best], "best_of_2": [False, True]})
    space = {"beta": {"distribution": "one_minus_loguniform", "low": 0.5, "high": 0.999}}
    assert tuning.at_edge(chosen, space, {"beta": Range(0, 1, False, True)}) == {"beta": ends}


@pytest.mark.parametrize(
    ("distribution", "end", "expected"),
    [
        ("loguniform", "low", (0.05, 0.9)),
        ("loguniform", "high", (0.5, 9.0)),
        ("one_minus_loguniform", "low", (0.0, 0.9)),  # 1 - 10 * 0.5, but not below the limit
        ("one_minus_loguniform", "high", (0.5, 0.99)),
        ("uniform", "high", (0.5, 1.3)),
    ],
)
def test_a_space_is_widened_at_the_end_that_holds_the_best(
    distribution: str, end: str, expected: tuple[float, float]
) -> None:
    space = {"x": {"distribution": distribution, "low": 0.5, "high": 0.9}}
    wider = tuning.widened(space, {"x": [end]}, {"x": Range(0, np.inf, False, True)})["x"]
    assert (wider["low"], wider["high"]) == pytest.approx(expected)
    assert space["x"]["low"] == 0.5  # as it was


def test_a_search_is_extended_until_the_best_is_inside(tmp_path: Path) -> None:
    space = ["optimizer=adagrad", "optimizer.search.lr.low=1e-6", "optimizer.search.lr.high=1e-4"]
    search = ["tune.trials=40", "tune.seeds=2", "tune.budgets=[40]", "tune.extend=9"]
    ended = here(tmp_path, "tune", "-m", *space, *search, "problem=quadratic", "steps=30", "seed=0,1")
    assert ended.code == 0, ended.err
    assert "adagrad on quadratic: best at the edge, searching lr from 1e-06 to 0.001\n" in ended.err
    chosen = Store(tmp_path / "results" / "default").selections()
    assert len(chosen) == 40  # the last search alone, with as many trials as asked for
    [space] = [json.loads(text) for text in chosen["space"].unique()]
    best = chosen.loc[chosen["best_of_40"], "optimizer.lr"].iloc[0]
    assert 1e-4 < best < space["lr"]["high"]
    limits = {"lr": Range(0, np.inf, True, True)}
    assert tuning.alarms(chosen, space, limits) == []


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("tuned")
    grid = ["optimizer=sgd,rmsprop", "problem=quadratic", "steps=50", "seed=range(0,3)", "study=t"]
    search = ["tune.trials=6", "tune.seeds=2", "tune.budgets=[2,6]"]
    ended = here(results, "tune", "-m", *grid, *search, f"results={results}")
    assert ended.code == 0, ended.err
    return results


def test_nothing_is_reported_on_the_seeds_that_chose_it(tuned: Path) -> None:
    store = Store(tuned / "t")
    runs, chosen = store.runs(), store.selections()
    tuning_runs = runs[runs["seed"] >= tuning.FIRST_TUNING_SEED]
    reported = runs[runs["seed"] < tuning.FIRST_TUNING_SEED]
    assert set(reported["seed"]) == {0, 1, 2}
    assert len(tuning_runs) == 2 * 6 * 2
    # the selection follows from the runs on the tuning seeds alone
    for name, part in chosen.groupby("optimizer"):
        own = tuning_runs[tuning_runs["optimizer"] == name]
        medians = own.fillna({"suboptimality": np.inf}).groupby("optimizer.lr")["suboptimality"].median()
        best = part.loc[part["best_of_6"], "optimizer.lr"]
        assert medians[best].to_numpy() == medians.min()
        assert set(best) <= set(reported.loc[reported["optimizer"] == name, "optimizer.lr"])


def test_the_defaults_are_rerun_as_the_budget_of_none(tuned: Path) -> None:
    runs = Store(tuned / "t").runs()
    for name, part in runs[runs["seed"] < tuning.FIRST_TUNING_SEED].groupby("optimizer", observed=True):
        assert OPTIMIZERS[str(name)]().lr in set(part["optimizer.lr"])  # type: ignore[attr-defined]


def test_searches_on_instances_and_under_schedules_are_told_apart(tmp_path: Path) -> None:
    grid = ["optimizer=sgd", "problem=rosenbrock", "problem.dim=2,4", "schedule=constant,cosine", "steps=20"]
    search = ["tune.trials=4", "tune.seeds=1", "tune.budgets=[4]", "schedule.search=null"]
    ended = here(tmp_path, "tune", "-m", *grid, *search, "seed=0")
    assert ended.code == 0, ended.err
    chosen = Store(tmp_path / "results" / "default").selections()
    apart = chosen.groupby(["problem.dim", "schedule"]).agg(
        trials=("trial", "size"), best=("best_of_4", "sum")
    )
    assert apart["trials"].tolist() == [4, 4, 4, 4]
    assert apart["best"].tolist() == [1, 1, 1, 1]
    table, alarms = search_parts(chosen)
    assert isinstance(table, Table)
    assert isinstance(alarms, Text)
    rows = table.frame[["problem", "schedule"]].astype(str)
    assert sorted(rows.itertuples(index=False, name=None)) == [
        (f"rosenbrock dim={dim}", schedule) for dim in (2, 4) for schedule in ("constant", "cosine")
    ]
    for line in alarms.text.splitlines():
        assert re.search(r"rosenbrock dim=[24] under schedule=\w+|at the edge of its search", line)


def test_selections_by_other_code_are_left_out(tuned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tuned / "t")
    assert len(store.selections()) == 2 * 6
    monkeypatch.setattr("experiments.store.store.code_fingerprint", lambda *_: "other")
    assert store.selections().empty
