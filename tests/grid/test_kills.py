"""Processes that are killed or interrupted: the same command completes the grid, to the same bits."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
from command_line import ROOT, Ended, environment, finished, here
from studies import STUDY, rows_on_disk, same_numbers

from problems import PROBLEMS

TROUBLED = ROOT / "tests" / "trouble" / "run.py"
GRID = (
    "-m",
    *("steps=20", "record.points=5", "optimizer=adam", "seed=range(0,20)"),
    *("problem=rosenbrock", "problem.name=troubled", "problem.perturbation=0.1,0.2"),
)
IN_WORKERS = ("jobs=4", "hydra.launcher.workers=2")
IN_JOBLIB = ("jobs=4", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
RUNS, IN_TROUBLE = 40, 10  # seed 7 is in one of four jobs
PATIENCE = 60.0

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")


def begun(folder: Path, trouble: str = "", launcher: tuple[str, ...] = IN_WORKERS) -> subprocess.Popen[str]:
    """Start the grid in a session of its own, in trouble."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(TROUBLED), *GRID, *launcher],
        cwd=folder,
        env=os.environ | environment() | {"TROUBLE": trouble},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, trouble: str = "", launcher: tuple[str, ...] = IN_WORKERS) -> Ended:
    return finished(begun(folder, trouble, launcher))


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is true that a process does or its end leads to."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"waited in vain: {finished(process)}")
        time.sleep(0.01)


def alive(session: int) -> list[int]:
    """Return the processes of a session that are not dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture(scope="module", autouse=True)
def troubled() -> Iterator[None]:
    """Register the problem in this process too, where what is missing is run: no server is to be started."""
    trouble = str(TROUBLED.parent)
    with patch.dict(PROBLEMS), patch.dict(sys.modules), patch.object(sys, "path", [trouble, *sys.path]):
        import_module("troubled")
        yield


def run_here(folder: Path) -> Ended:
    """Run the grid in this process, out of trouble."""
    return here(folder, "run", *GRID, "jobs=1")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of a grid that nothing befell, run in one process."""
    folder = tmp_path_factory.mktemp("reference")
    ended = run_here(folder)
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "40 runs done, 0 reused; stored in results/default",
    )
    return folder / STUDY


def completes(folder: Path, reference: Path, stored: int, again: Callable[[Path], Ended] = run_here) -> None:
    """Assert that the same grid runs what is missing, nothing twice, and to the same bits."""
    assert rows_on_disk(folder / STUDY) == stored
    ended = again(folder)
    last = f"{RUNS - stored} runs done, {stored} reused; stored in results/default"
    assert (ended.code, ended.out.splitlines()[-1]) == (0, last)
    assert rows_on_disk(folder / STUDY) == RUNS
    same_numbers(folder / STUDY, reference)


def stuck(folder: Path) -> subprocess.Popen[str]:
    """Start the grid and return when one job waits for ever and all others are stored."""
    process = begun(folder, f"wait:{folder / 'waiting'}")
    until((folder / "waiting").exists, process)
    until(lambda: rows_on_disk(folder / STUDY) == RUNS - IN_TROUBLE, process)
    return process


@needs_proc
def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path, reference: Path) -> None:
    process = stuck(tmp_path)
    assert len(alive(process.pid)) > 2
    process.kill()
    finished(process)
    until(lambda: not alive(process.pid), process)
    completes(tmp_path, reference, RUNS - IN_TROUBLE, again=run)


@needs_proc
def test_an_interrupt_ends_with_one_line_and_no_worker_is_left(tmp_path: Path, reference: Path) -> None:
    process = stuck(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    ended = finished(process)
    assert ended.code == 130
    last = "error: interrupted; what is stored stays, and the same command runs what is missing"
    assert ended.err.splitlines()[-1] == last
    assert "Traceback" not in ended.err
    until(lambda: not alive(process.pid), process)
    completes(tmp_path, reference, RUNS - IN_TROUBLE)


@needs_proc
def test_the_death_of_a_worker_costs_nothing(tmp_path: Path, reference: Path) -> None:
    ended = run(tmp_path, f"kill-once:{tmp_path / 'killed'}")
    assert (tmp_path / "killed").exists()
    assert "a worker process died; " in ended.err
    assert "Traceback" not in ended.err
    assert ended.code == 0
    assert rows_on_disk(tmp_path / STUDY) == RUNS
    same_numbers(tmp_path / STUDY, reference)


@pytest.mark.parametrize("launcher", [IN_WORKERS, IN_JOBLIB], ids=["processes", "joblib"])
def test_a_job_that_kills_its_worker_every_time_is_reported_and_the_others_finish(
    tmp_path: Path, reference: Path, launcher: tuple[str, ...]
) -> None:
    if launcher == IN_JOBLIB:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    ended = run(tmp_path, f"kill:{tmp_path / 'killed'}", launcher)
    assert ended.code == 2
    assert "a worker process died; " in ended.err
    if launcher == IN_JOBLIB:  # whose workers are all stopped before they can say what they have run
        assert ended.out.splitlines()[-1] == "30 runs done, 0 reused; stored in results/default"
    assert "10 runs of adam on troubled failed with WorkerDied: the worker process died twice" in ended.err
    last = "error: 10 runs failed; the same command runs what is missing"
    assert ended.err.splitlines()[-1] == last
    assert "Traceback" not in ended.err
    completes(tmp_path, reference, RUNS - IN_TROUBLE)
