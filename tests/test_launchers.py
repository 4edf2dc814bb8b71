"""The same grid under every launcher leaves the same study, to the last bit."""

from pathlib import Path

import pytest
from command_line import Ended, apart, files, here
from studies import STUDY, same_numbers

from experiments.audit import audit
from experiments.store import Store

GRID = (
    "-m",
    *("steps=20", "record.points=5", "optimizer=sgd,adam", "problem=rosenbrock,quadratic"),
    *("seed=range(0,10)", "tune.trials=6", "tune.budgets=[3]", "tune.seeds=2"),
)
LAST = "runs done, 0 reused; stored in results/default"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study that one process leaves which runs one job after another."""
    folder = tmp_path_factory.mktemp("reference")
    ended = here(folder, "run", *GRID, "hydra/launcher=basic")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, f"148 {LAST}")
    return folder / STUDY


def launched(folder: Path, launcher: str, *arguments: str) -> Ended:
    """Run the grid in three jobs."""
    return apart(folder, "run", *GRID, "jobs=3", f"hydra/launcher={launcher}", *arguments)


def is_the_same(folder: Path, reference: Path, ended: Ended) -> None:
    assert (ended.code, ended.out.splitlines()[-1]) == (0, f"148 {LAST}")
    assert "Traceback" not in ended.err
    assert len(files(folder / STUDY / "runs")) > 8  # a cell is cut into shards
    assert audit(Store(folder / STUDY)).faults == ()
    same_numbers(folder / STUDY, reference)


def test_processes(tmp_path: Path, reference: Path) -> None:
    is_the_same(tmp_path, reference, launched(tmp_path, "processes", "hydra.launcher.workers=2"))


def test_joblib(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "joblib", "hydra.launcher.n_jobs=2"))


def test_submitit_on_this_machine(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "submitit_local"))
