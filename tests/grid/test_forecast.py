"""What a grid is said to take before it runs, and how it is cut into batches."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import here

from experiments.grid import forecast
from experiments.grid.forecast import Rate, forecasts
from experiments.grid.shards import Shard, packed
from experiments.request.product import Product, product_of
from experiments.store import Store

RATES = {"quadratic_bowl": 2.0, "rosenbrock": 3.0}  # seconds of a run of ten steps


def product(optimizer: str, problem: str, *, steps: int = 10, engine: str = "numpy") -> Product:
    settings: dict[str, Any] = {
        "optimizer": {"name": optimizer},
        "problem": {"name": problem},
        "seed": 0,
        "steps": steps,
        "record": {"points": 2, "params": False},
        "engine": engine,
    }
    return product_of(settings, {"seed": range(4)})


def parts(products: list[Product]) -> list[tuple[Shard, Product]]:
    return [(Shard(each.settings, {}, {}, 0, len(each)), each) for each in products]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The problems that were measured, in their order, each at a rate of its own."""
    names: list[str] = []

    def calibrated(product: Product) -> Rate:
        names.append(product.settings["problem"]["name"])
        return Rate(1.0, RATES[names[-1]] * product.settings["steps"] / 10, 5.0)

    monkeypatch.setattr(forecast, "calibrated", calibrated)
    return names


def foretold(products: list[Product], folder: Path) -> list[forecast.Forecast]:
    pairs = parts(products)
    return forecasts(pairs, [0] * len(pairs), packed(pairs, 1, 0.0), Store(folder))


def test_all_cells_are_measured_while_there_is_time(measured: list[str], tmp_path: Path) -> None:
    found = foretold([product("sgd", "quadratic_bowl"), product("adam", "rosenbrock")], tmp_path)
    assert sorted(measured) == ["quadratic_bowl", "rosenbrock"]
    assert [(each.seconds, each.bytes, each.measured) for each in found] == [(9, 20, True), (13, 20, True)]


def test_cells_without_time_are_reckoned_from_their_problem(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, forecast.MOST_SECONDS + 1, forecast.MOST_SECONDS + 2])
    monkeypatch.setattr(forecast, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    cells = [product(rule, name) for name in RATES for rule in ("sgd", "adam")]
    found = foretold(cells, tmp_path)
    assert sorted(measured) == sorted(RATES)  # one of each problem first
    assert [each.seconds for each in found] == [9, 9, 13, 13]
    assert sum(each.measured for each in found) == 2


def test_a_run_of_more_steps_is_reckoned_to_take_longer(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "MOST_SECONDS", 0.0)
    found = foretold(
        [product("sgd", "quadratic_bowl", steps=10), product("sgd", "rosenbrock", steps=30)], tmp_path
    )
    assert len(measured) == 1
    (few,), (many,) = [[each.seconds for each in found if each.problem.split()[0] == name] for name in RATES]
    assert many - 1 == pytest.approx(3 * (few - 1))


def test_what_is_stored_is_not_measured(measured: list[str], tmp_path: Path) -> None:
    grid = [
        "optimizer=sgd",
        "problem=quadratic_bowl",
        "seed=range(0,4)",
        "steps=10",
        "record.points=2",
        "engine=numpy",
    ]
    assert here(tmp_path, "run", "-m", *grid).code == 0
    ended = here(tmp_path, "run", "-m", *grid, "dry_run=true")
    assert "4 runs, of which 4 are stored" in ended.out
    assert measured == []


def test_a_forecast_of_many_cells_says_what_is_reckoned_and_shows_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "MOST_SECONDS", 0.0)
    grid = [
        "optimizer=sgd",
        "problem=quadratic_bowl",
        f"problem.dim=range(2,{2 + 70})",
        "steps=2",
        "engine=numpy",
    ]
    ended = here(tmp_path, "run", "-m", *grid, "dry_run=true")
    assert ended.code == 0, ended.err
    assert "and 10 more cells\n70 cells, 70 runs" in ended.out
    assert "The times of 69 cells are reckoned from those of the others." in ended.out


def test_cells_that_are_compiled_are_shared_out_though_they_have_few_runs() -> None:
    grids = {
        engine: parts(
            [product(rule, "quadratic_bowl", engine=engine) for rule in ("sgd", "adam", "rmsprop", "adagrad")]
        )
        for engine in ("numpy", "jax")
    }
    assert [len(batch) for batch in packed(grids["numpy"], 2, 1.0)] == [4]
    assert [len(batch) for batch in packed(grids["jax"], 2, 1.0)] == [2, 2]


def test_cells_that_differ_in_what_computes_them_are_told_apart(measured: list[str], tmp_path: Path) -> None:
    cells = [product("sgd", "rosenbrock", steps=steps, engine="numpy") for steps in (10, 20)]
    assert [each.problem for each in foretold(cells, tmp_path)] == [
        "rosenbrock steps=10",
        "rosenbrock steps=20",
    ]
    cells = [product("sgd", "rosenbrock", engine=engine) for engine in ("numpy", "jax")]
    assert [each.problem for each in foretold(cells, tmp_path)] == [
        f"rosenbrock engine={engine}" for engine in ("numpy", "jax")
    ]
