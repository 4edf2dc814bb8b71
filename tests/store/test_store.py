"""What is on disk: the columns that are promised, and what a crash or a second writer leaves."""

import os
import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import files

from experiments.engine.fingerprint import code_fingerprint
from experiments.engine.minimize import minimize
from experiments.engine.trace import TARGETS, Trace
from experiments.request.cell import Cell
from experiments.request.product import cell_of
from experiments.store import Store, parquet
from experiments.store import store as store_module
from optim import OPTIMIZERS
from optim.schedules.constant import Constant
from optim.wrapper import Wrapper
from problems import PROBLEMS

PROVENANCE = {"python": "3.x", "machine": "somewhere", "commit": "abc", "command": "-m seed=0,1"}
IDENTITY = ["run", "optimizer", "problem", "seed", "steps", "engine", "dtype", "device"]
ENDING = ["status", "diverged_at", "loss", "best_loss", "suboptimality", "grad_norm", "distance"]
HITS = [f"hit_1e-{k}" for k in range(1, 9)]
STEPS = ["run", "step", "loss", "suboptimality", "grad_norm", "distance"]


def made(
    axes: dict[str, Any], optimizer: str = "sgd", problem: str = "quadratic", *, params: bool = False
) -> tuple[Cell, Trace]:
    """Return a small cell and what became of its lanes."""
    settings = {
        "optimizer": {"name": optimizer},
        "problem": {"name": problem},
        "seed": 0,
        "steps": 60,
        "record": {"points": 6, "params": params},
    }
    cell = cell_of(settings, axes)
    return cell, traced(cell)


def traced(cell: Cell) -> Trace:
    return minimize(
        cell.problem, cell.optimizer, cell.seeds, steps=cell.steps, points=cell.points, params=cell.params
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "study")


@pytest.fixture
def written(store: Store) -> tuple[Store, Cell, Trace]:
    """A store with four runs of SGD, the two at the larger learning rate diverged."""
    cell, trace = made({"optimizer.lr": [0.1, 1e9], "seed": [0, 1]})
    store.write(cell, trace, PROVENANCE)
    return store, cell, trace


# --- Columns ---


@pytest.mark.parametrize(
    ("optimizer", "problem", "metrics"),
    [("sgd", "quadratic", ["mse"]), ("adam", "rosenbrock", []), ("rmsprop", "logistic", ["accuracy"])],
)
def test_runs_have_the_promised_columns_in_order(
    store: Store, optimizer: str, problem: str, metrics: list[str]
) -> None:
    store.write(*made({"seed": [0, 1]}, optimizer, problem), PROVENANCE)
    kinds = {"optimizer": (OPTIMIZERS[optimizer], Wrapper), "schedule": (Constant,)}
    hypers, rates = (
        [f"{n}.{spec.name}" for cls in classes for spec in fields(cls)] for n, classes in kinds.items()
    )
    constants = [f"problem.{spec.name}" for spec in fields(PROBLEMS[problem])]
    settings = [*hypers, "schedule", *rates, *constants]
    expected = [*IDENTITY, *settings, *ENDING, *HITS, *metrics, "gradient_evaluations", "seconds"]
    assert list(store.runs()) == expected


def test_history_has_the_promised_columns_in_order(store: Store) -> None:
    store.write(*made({"seed": [0, 1]}), PROVENANCE)
    assert list(store.history()) == [*STEPS, "mse"]


def test_history_has_a_column_for_each_parameter_and_its_rate_where_they_are_recorded(store: Store) -> None:
    cell, trace = made({"seed": [0, 1]}, params=True)
    store.write(cell, trace, PROVENANCE)
    history = store.history()
    coordinates = [f"{kind}.{i}" for kind in ("params", "rate") for i in range(3)]
    assert list(history) == [*STEPS, "mse", *coordinates]
    last = history[history["step"] == 60]
    assert (last[["params.0", "params.1", "params.2"]].to_numpy() == trace.params.T).all()
    # the effective rate of gradient descent is its learning rate
    rates = history.loc[history["step"] > 0, ["rate.0", "rate.1", "rate.2"]].to_numpy()
    assert rates == pytest.approx(np.full(rates.shape, 0.01))


def test_numbers_come_back_as_they_were(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, trace = written
    runs = store.runs()
    for name in cell.runs:
        assert runs[name].astype(cell.runs[name].dtype).tolist() == cell.runs[name].tolist()
    for name in ("loss", "suboptimality", "grad_norm", "distance"):
        assert np.array_equal(runs[name], getattr(trace, name)[-1], equal_nan=True)
    assert np.array_equal(runs["best_loss"], trace.best_loss, equal_nan=True)
    assert np.array_equal(runs["mse"], trace.metrics["mse"][-1], equal_nan=True)
    assert runs["seconds"].tolist() == trace.seconds.tolist()


def test_history_has_one_row_a_run_and_recorded_step(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, trace = written
    history = store.history()
    assert history["run"].astype(str).tolist() == list(np.repeat(cell.runs["run"], len(trace.step)))
    assert history["step"].tolist() == list(trace.step) * 4
    assert np.array_equal(history["loss"], trace.loss.T.ravel(), equal_nan=True)
    assert np.array_equal(history["mse"], trace.metrics["mse"].T.ravel(), equal_nan=True)


def test_what_never_happened_is_missing(written: tuple[Store, Cell, Trace]) -> None:
    store, _, trace = written
    runs = store.runs()
    assert runs["status"].tolist() == ["ok", "diverged", "ok", "diverged"]
    assert runs["diverged_at"].isna().tolist() == [True, False, True, False]
    assert runs.loc[[1, 3], "diverged_at"].tolist() == trace.diverged_at[[1, 3]].tolist()
    for name, hits in zip(HITS, trace.hits, strict=True):
        assert runs[name].isna().tolist() == (hits < 0).tolist()
        assert runs[name].dropna().tolist() == hits[hits >= 0].tolist()
    assert runs["hit_1e-1"].notna().tolist() == [True, False, True, False]
    assert runs.loc[[1, 3], ["loss", "suboptimality", "mse"]].isna().all(axis=None)


def test_the_targets_are_those_the_columns_name() -> None:
    assert [float(name.removeprefix("hit_")) for name in HITS] == pytest.approx(TARGETS)


def test_ids_and_names_are_categoricals_and_numbers_are_numbers(written: tuple[Store, Cell, Trace]) -> None:
    store, *_ = written
    runs, history = store.runs(), store.history()
    words = {"run", "optimizer", "schedule", "problem", "status"}
    assert {name for name in runs if isinstance(runs[name].dtype, pd.CategoricalDtype)} == words
    assert isinstance(history["run"].dtype, pd.CategoricalDtype)
    assert runs["seed"].dtype == runs["steps"].dtype == history["step"].dtype == np.int64
    floats = [*ENDING[2:], "mse", "seconds", "optimizer.lr"]
    assert {runs[name].dtype for name in floats} == {np.dtype(np.float64)}


def test_runs_of_several_cells_are_one_table(store: Store) -> None:
    store.write(*made({"seed": [0, 1]}, "sgd", "quadratic"), PROVENANCE)
    store.write(*made({"seed": [0]}, "adam", "rosenbrock"), PROVENANCE)
    store.write(*made({"seed": [2]}, "rmsprop", "logistic"), PROVENANCE)
    runs = store.runs().set_index("problem")
    assert runs["optimizer"].astype(str).to_dict().items() >= {"rosenbrock": "adam"}.items()
    assert len(runs) == 4
    assert runs["optimizer.beta1"].isna().sum() == 3
    assert runs.loc["rosenbrock", "optimizer.beta1"] == 0.9
    assert runs["problem.data"].isna().sum() == 3
    assert runs.loc["logistic", "problem.data"] == "breast_cancer"
    assert runs["mse"].notna().tolist() == [name == "quadratic" for name in runs.index]
    assert store.history()["run"].nunique() == 4


def test_provenance_is_in_the_metadata_of_both_files(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, _ = written
    for kind in ("runs", "history"):
        [file] = (store.folder / kind).glob("*.parquet")
        metadata = {key.decode(): value.decode() for key, value in pq.read_schema(file).metadata.items()}
        settings = {"record.points": "6", "record.params": "False", "code": cell.code}
        assert (
            metadata.items() >= (PROVENANCE | {"optimizer": "sgd", "problem": "quadratic"} | settings).items()
        )


# --- Some of the runs ---


def test_runs_and_history_of_some_ids(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, _ = written
    chosen = cell.runs["run"].iloc[[2, 0]]
    assert set(store.runs(chosen)["run"]) == set(chosen)
    assert set(store.history(chosen)["run"]) == set(chosen)
    assert set(store.history(iter(chosen))["run"]) == set(chosen)
    assert len(store.history(chosen)) == 12
    assert store.runs([]).empty
    assert store.history([]).empty
    assert store.runs(["unknown"]).empty


def test_a_store_knows_which_runs_of_a_cell_it_has(store: Store) -> None:
    cell, trace = made({"seed": [0, 1]})
    more, _ = made({"seed": [1, 2, 0, 3]})
    assert store.has(more).tolist() == [False] * 4
    store.write(cell, trace, PROVENANCE)
    assert store.has(more).tolist() == [True, False, True, False]  # found out though it had looked before
    assert not store.has(made({"seed": [0, 1]}, "adam")[0]).any()
    assert Store(store.folder).has(cell).all()


def test_a_store_without_files_is_empty(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "nothing"))
    assert store.runs().empty
    assert store.history().empty
    assert not store.has(made({"seed": [0]})[0]).any()
    assert store.outdated() == 0
    assert files(tmp_path) == []


def test_damage_is_told_from_process_to_process() -> None:
    error = pickle.loads(pickle.dumps(parquet.Damaged(Path("runs/a.parquet"), "cut short")))
    assert str(error) == "runs/a.parquet cannot be read (cut short)"
    assert (error.file, error.reason) == (Path("runs/a.parquet"), "cut short")


# --- Crashes and other writers ---


def is_empty(store: Store) -> bool:
    return store.runs().empty and store.history().empty and not store.has(made({"seed": [0, 1]})[0]).any()


def test_history_without_its_runs_file_does_not_exist(written: tuple[Store, Cell, Trace]) -> None:
    store, *_ = written
    for file in (store.folder / "runs").iterdir():
        file.unlink()
    assert (store.folder / "history").exists()
    assert is_empty(store)


def test_a_writer_that_dies_before_its_runs_file_leaves_no_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, trace = made({"seed": [0, 1]})
    rename = os.replace

    def dies_at_the_second(source: Path, target: Path) -> None:
        if "runs" in Path(target).parts[-2:]:
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            store.write(cell, trace, PROVENANCE)
    assert [Path(name).parts[0] for name in files(store.folder)] == ["history", "runs"]  # the second unnamed
    assert is_empty(store)
    store.write(cell, trace, PROVENANCE)
    assert store.runs()["run"].tolist() == cell.runs["run"].tolist()
    assert store.history()["run"].nunique() == 2


def test_a_writer_that_dies_in_the_middle_of_a_file_leaves_none(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, trace = made({"seed": [0, 1]})

    def dies_half_way(table: pa.Table, file: Any, **_: Any) -> None:
        file.write(b"PAR1 and then nothing")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(parquet.pq, "write_table", dies_half_way)
        with pytest.raises(KeyboardInterrupt):
            store.write(cell, trace, PROVENANCE)
    assert list(store.folder.rglob("*.parquet")) == []
    assert is_empty(store)


def test_a_half_written_temporary_file_is_ignored(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, _ = written
    [file] = (store.folder / "runs").glob("*.parquet")
    for kind in ("runs", "history"):
        (store.folder / kind / f".{file.name}.0123.tmp").write_bytes(b"PAR1")
    assert store.runs()["run"].tolist() == cell.runs["run"].tolist()
    assert store.history()["run"].nunique() == 4
    assert store.has(cell).all()


def test_files_are_synced_before_they_are_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def noted_sync(file: int) -> None:
        done.append("sync")
        sync(file)

    def noted_rename(source: Path, target: Path) -> None:
        done.append(f"{Path(target).parent.name} {Path(source).name.startswith('.')}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_rename)
    store.write(*made({"seed": [0]}), PROVENANCE)
    assert done == ["sync", "history True", "sync", "sync", "runs True", "sync"]  # the folders too


def test_two_writers_of_the_same_block_leave_no_duplicate(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, trace = written
    before = files(store.folder)
    Store(store.folder).write(cell, trace, PROVENANCE)
    assert files(store.folder) == before
    assert store.runs()["run"].is_unique
    assert len(store.history()) == 4 * 6


def test_two_writers_of_overlapping_blocks_leave_no_duplicate(written: tuple[Store, Cell, Trace]) -> None:
    store, cell, _ = written
    part = cell.take(slice(1, 3))
    store.write(part, traced(part), PROVENANCE)
    assert len(files(store.folder)) == 4
    assert sorted(store.runs()["run"]) == sorted(cell.runs["run"])
    assert len(store.history()) == 4 * 6
    assert not store.history().duplicated(["run", "step"]).any()


# --- Code that has changed since ---


def test_runs_of_other_code_are_left_out_and_counted(
    written: tuple[Store, Cell, Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, cell, _ = written
    assert store.outdated() == 0
    store.write(*made({"seed": [0]}, "adam"), PROVENANCE)

    def changed(optimizer: str, *others: str) -> str:
        return "changed" if optimizer == "sgd" else code_fingerprint(optimizer, *others)

    monkeypatch.setattr(store_module, "code_fingerprint", changed)
    assert store.outdated() == 4
    assert store.runs()["optimizer"].tolist() == ["adam"]
    assert store.history()["run"].nunique() == 1
    assert len(store.runs(outdated=True)) == 5
    assert set(store.history(cell.runs["run"], outdated=True)["run"]) == set(cell.runs["run"])


def test_runs_of_an_optimizer_that_is_gone_are_outdated(
    written: tuple[Store, Cell, Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, *_ = written
    code_fingerprint.cache_clear()
    monkeypatch.delitem(OPTIMIZERS, "sgd")
    assert store.outdated() == 4
    assert store.runs().empty
    assert len(store.runs(outdated=True)) == 4
