"""Runs that raise or run out of memory: the others are stored, and the same command runs what is missing."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
from command_line import ROOT, Ended, environment, files, finished, here
from studies import STUDY, rows_on_disk, same_numbers

from experiments.store import Store
from problems import PROBLEMS

TROUBLE = ROOT / "tests" / "trouble"
GRID = (
    "-m",
    *("steps=20", "record.points=5", "optimizer=sgd,adam,rmsprop"),
    *("problem=rosenbrock", "problem.name=troubled", "seed=range(0,200)"),
)
RUNS = 600

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def troubled() -> Iterator[None]:
    """Register the problem whose runs may be in trouble, for as long as these tests take."""
    with patch.dict(PROBLEMS), patch.dict(sys.modules), patch.object(sys, "path", [str(TROUBLE), *sys.path]):
        import_module("troubled")
        yield


@pytest.fixture
def run(troubled: None, tmp_path: Path) -> Run:
    """A function that runs the grid in this process, in trouble or not."""

    def run_grid(trouble: str = "", *arguments: str) -> Ended:
        with patch.dict(os.environ, {"TROUBLE": trouble}):
            return here(tmp_path, "run", *GRID, "jobs=1", *arguments)

    return run_grid


@pytest.fixture(scope="module")
def reference(troubled: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of a grid in which nothing failed."""
    folder = tmp_path_factory.mktemp("reference")
    assert here(folder, "run", *GRID, "jobs=1").code == 0
    return folder / STUDY


def completes(run: Run, study: Path, reference: Path, stored: int) -> None:
    """Assert that the same command runs what is missing, nothing twice, and to the same bits."""
    assert rows_on_disk(study) == stored
    ended = run()
    last = f"{RUNS - stored} runs done, {stored} reused; stored in results/default"
    assert (ended.code, ended.out.splitlines()[-1]) == (0, last)
    assert rows_on_disk(study) == RUNS
    same_numbers(study, reference)


def failures(study: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (study / "failures.jsonl").read_text().splitlines()]


def test_a_run_that_raises_costs_no_other(run: Run, tmp_path: Path, reference: Path) -> None:
    ended = run("raise")
    assert ended.code == 2
    assert "3 runs of sgd on troubled, adam on troubled, rmsprop on troubled failed with RuntimeError: " in (
        ended.err
    )
    assert ended.err.splitlines().count("    RuntimeError: seed 7 broke") == 1  # the first traceback only
    assert ended.err.splitlines()[-1] == "error: 3 runs failed; the same command runs what is missing"
    completes(run, tmp_path / STUDY, reference, RUNS - 3)


def test_failures_are_written_down_with_what_is_needed_to_find_them(
    run: Run, tmp_path: Path, reference: Path
) -> None:
    run("raise")
    first, *others = failures(tmp_path / STUDY)
    assert len(others) == 2
    assert (first["kind"], first["message"], first["count"]) == ("RuntimeError", "seed 7 broke", 1)
    assert (first["optimizer"], first["problem"]) == ("sgd", "troubled")
    settings = first["settings"]
    assert isinstance(settings, dict)
    assert (settings["seed"], settings["steps"], settings["problem.dim"]) == (7, 20, 2)
    assert first["command"] == shlex.join([*GRID, "jobs=1"])
    assert isinstance(first["where"], list)
    assert "in befall" in "\n".join(first["where"])
    missing = set(Store(reference).runs(outdated=True)["run"]) - set(
        Store(tmp_path / STUDY).runs(outdated=True)["run"]
    )
    assert {run for failure in failures(tmp_path / STUDY) for run in failure["runs"]} == missing  # type: ignore[attr-defined]
    run("raise")
    assert len(failures(tmp_path / STUDY)) == 6  # a second time is written below the first


def test_runs_that_all_raise_are_all_counted(run: Run, tmp_path: Path, reference: Path) -> None:
    ended = run("all")
    assert (ended.code, ended.out) == (2, "0 runs done, 0 reused; stored in results/default\n")
    assert "600 runs of sgd on troubled, adam on troubled, rmsprop on troubled failed with RuntimeError" in (
        ended.err
    )
    written = failures(tmp_path / STUDY)
    assert sum(failure["count"] for failure in written) == RUNS  # type: ignore[misc]
    assert len({run for failure in written for run in failure["runs"]}) == RUNS  # type: ignore[attr-defined]
    assert files(tmp_path / STUDY) == ["failures.jsonl"]
    completes(run, tmp_path / STUDY, reference, 0)


def test_a_block_that_does_not_fit_into_memory_is_run_in_parts(
    run: Run, tmp_path: Path, reference: Path
) -> None:
    ended = run("memory")
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "600 runs done, 0 reused; stored in results/default",
    )
    assert len(list((tmp_path / STUDY / "runs").iterdir())) == 6  # in halves
    same_numbers(tmp_path / STUDY, reference)
    assert not (tmp_path / STUDY / "failures.jsonl").exists()


def test_fail_fast_stops_at_the_first_failure(run: Run, tmp_path: Path, reference: Path) -> None:
    ended = run("raise", "fail_fast=true")
    assert ended.code == 2
    last = "error: 1 run failed; fail_fast=true: a run failed; the same command runs what is missing"
    assert ended.err.splitlines()[-1] == last
    names = files(tmp_path / STUDY)
    assert all(name == "failures.jsonl" or name.split("/")[1].startswith("sgd-") for name in names)
    completes(run, tmp_path / STUDY, reference, 199)


def test_failures_in_worker_processes_are_told_as_if_they_were_here(tmp_path: Path, reference: Path) -> None:
    command = [sys.executable, "-W", "error", str(TROUBLE / "run.py"), *GRID, "jobs=12"]
    ended = finished(
        subprocess.Popen(
            [*command, "hydra.launcher.workers=2", "fail_fast=true"],
            cwd=tmp_path,
            env=os.environ | environment() | {"TROUBLE": "raise"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    assert ended.code == 2
    assert "failed with RuntimeError: seed 7 broke\n" in ended.err
    assert "in befall\n" in ended.err
    assert "fail_fast=true: a run failed; the same command runs what is missing" in ended.err
    assert 49 <= rows_on_disk(tmp_path / STUDY) < RUNS - 3  # the other jobs in flight, and no more
    assert not [name for name in files(tmp_path / STUDY) if "stop" in name]
