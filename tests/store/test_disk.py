"""Disks that are full, closed or bad: one clear line, and the same command completes the grid."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Ended, environment, files, finished, here
from studies import DAMAGE, STUDY, rows_on_disk, same_numbers

from experiments.store import Store

GRID = ("-m", "steps=20", "record.points=5", "optimizer=sgd,adam", "problem=rosenbrock", "seed=0,1")
RUNS = 4
AGAIN = "; the same command runs what is missing"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of a grid on a disk without faults."""
    folder = tmp_path_factory.mktemp("reference")
    assert run(folder).code == 0
    return folder / STUDY


@pytest.fixture
def study(reference: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    shutil.copytree(reference, tmp_path / STUDY)
    return tmp_path / STUDY


def run(folder: Path, *arguments: str) -> Ended:
    return here(folder, "run", *GRID, "jobs=1", *arguments)


def completes(folder: Path, reference: Path, stored: int = 0) -> None:
    """Assert that the same command runs what is missing, nothing twice, and to the same bits."""
    assert not [name for name in files(folder) if name.endswith(".tmp")]
    ended = run(folder)
    last = f"{RUNS - stored} runs done, {stored} reused; stored in results/default"
    assert (ended.code, ended.out.splitlines()[-1]) == (0, last)
    assert rows_on_disk(folder / STUDY) == RUNS
    same_numbers(folder / STUDY, reference)


# --- Full ---


def confined(folder: Path, *wrapper: str) -> Ended:
    """Run the grid in a process of its own, by a command that takes space from it."""
    command = [sys.executable, "-W", "error", "-m", "experiments.run", *GRID, "jobs=1"]
    return finished(
        subprocess.Popen(
            [*wrapper, *command],
            cwd=folder,
            env=os.environ | environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


def test_a_limit_to_the_size_of_files_ends_with_one_line(tmp_path: Path, reference: Path) -> None:
    # in blocks of 512 bytes: a history fits, its runs do not
    ended = confined(tmp_path, "sh", "-c", 'ulimit -f 8 && exec "$@"', "sh")
    assert ended.code == 2
    last = f"error: results/default/runs cannot be written: File too large{AGAIN}"
    assert ended.err.splitlines()[-1].replace(f"{tmp_path}/", "") == last
    assert "Traceback" not in ended.err
    assert rows_on_disk(tmp_path / STUDY) == 0
    completes(tmp_path, reference)


def can_mount() -> bool:
    """Tell whether a disk can be mounted that only this user sees, and the project run there."""
    script = 'mount -t tmpfs tmpfs /mnt && exec "$0" -c pass'
    command = ["unshare", "-rm", "sh", "-c", script, sys.executable]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def test_a_disk_that_runs_full_ends_with_one_line(tmp_path: Path, reference: Path) -> None:
    if not can_mount():
        pytest.skip("no disk can be mounted here")
    (tmp_path / "results").mkdir()
    (tmp_path / "kept").mkdir()
    mount = f"mount -t tmpfs -o size=24k tmpfs {tmp_path / 'results'}"
    script = f'{mount} && "$@"; code=$?; cp -r results/default kept; exit $code'
    ended = confined(tmp_path, "unshare", "-rm", "sh", "-c", script, "sh")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].endswith(f" cannot be written: No space left on device{AGAIN}")
    assert "Traceback" not in ended.err
    shutil.move(tmp_path / "kept" / "default", tmp_path / STUDY)  # there is space again
    stored = rows_on_disk(tmp_path / STUDY)
    assert 0 < stored < RUNS
    completes(tmp_path, reference, stored)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_no_space_at_any_moment_ends_with_one_line(
    tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    calls, whole = [], getattr(os, call)

    def full_at_the_fourth(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) >= 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full_at_the_fourth)
        ended = run(tmp_path)
    assert ended.code == 2
    last = ended.err.splitlines()[-1]
    assert last.endswith(f"results/default/runs cannot be written: No space left on device{AGAIN}")
    assert rows_on_disk(tmp_path / STUDY) < RUNS
    completes(tmp_path, reference, rows_on_disk(tmp_path / STUDY))


# --- Closed ---


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no folder in which nobody may write")
def test_a_folder_in_which_nobody_may_write_ends_with_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path, "results=/proc/nothing")
    line = "error: /proc/nothing/default cannot be written: No such file or directory\n"
    assert ended == Ended(2, "", line)


def test_a_file_in_the_place_of_a_folder_ends_with_one_line(tmp_path: Path, reference: Path) -> None:
    for place, line in {
        STUDY.parent: "error: results must be a folder, got 'results': that is a file",
        STUDY: "error: study must be a folder, got 'default': that is a file",
        STUDY / "runs": f"error: results/default/runs cannot be written: File exists{AGAIN}",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("not a folder")
        ended = run(tmp_path)
        assert ended.code == 2
        assert ended.err.splitlines()[-1].replace(f"{tmp_path}/", "") == line
        assert "Traceback" not in ended.err
        (tmp_path / place).unlink()
    completes(tmp_path, reference)


def closed(folder: Path) -> bool:
    """Take the right to write from a folder; tell whether that binds this user."""
    folder.chmod(0o555)
    return not os.access(folder, os.W_OK)


@pytest.mark.parametrize("inside", [".", "runs"])
def test_a_study_without_the_right_to_write_ends_with_one_line(
    study: Path, tmp_path: Path, reference: Path, inside: str
) -> None:
    for kind in ("runs", "history"):
        next((study / kind).iterdir()).unlink()
    if not closed(study / inside):
        (study / inside).chmod(0o755)
        pytest.skip("this user may write everywhere")
    ended = run(tmp_path)
    (study / inside).chmod(0o755)
    assert ended.code == 2
    assert "cannot be written: Permission denied" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    here(tmp_path, "check", "repair=true")
    completes(tmp_path, reference, rows_on_disk(study))


# --- Bad ---


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_grid_sets_damaged_runs_aside_and_runs_them_again(
    study: Path, reference: Path, damage: Callable[[Path], None]
) -> None:
    file = next((study / "runs").glob("sgd-rosenbrock-*"))
    damage(file)
    ended = run(study.parent.parent)
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "2 runs done, 2 reused; stored in results/default",
    )
    [line] = [line for line in ended.err.splitlines() if "set aside" in line]
    assert f"runs/{file.name} cannot be read (" in line
    assert line.endswith("): set aside, its runs are run again")
    assert rows_on_disk(study) == RUNS
    same_numbers(study, reference)
    kept = [path.split("/")[1] for path in files(study / "set_aside")]
    assert len(kept) == 2
    assert all(name.startswith(file.name) for name in kept)


def test_a_run_does_not_meet_damaged_runs_of_another(study: Path, tmp_path: Path) -> None:
    file = next((study / "runs").glob("sgd-rosenbrock-*"))
    DAMAGE["flipped in the footer"](file)
    ended = here(tmp_path, "run", "steps=20", "optimizer=rmsprop")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("rmsprop on quadratic, seed 0: loss ")
    assert file.exists()


@pytest.mark.parametrize("name", ["cut short", "flipped in loss", "flipped in the footer"])
@pytest.mark.parametrize("kind", ["runs", "history"])
def test_a_report_of_damaged_files_ends_with_one_line(study: Path, kind: str, name: str) -> None:
    for file in sorted((study / kind).iterdir()):
        DAMAGE[name](file)
    ended = here(study.parent.parent, "report")
    assert ended.code == 2
    advice = "; python -m experiments.check repair=true with its study sets it aside\n"
    assert ended.err.startswith("error: ")
    assert f"/{kind}/" in ended.err
    assert ended.err.endswith(advice)
    assert ended.err.count("\n") == 1


def test_a_dry_run_moves_nothing(study: Path, tmp_path: Path) -> None:
    DAMAGE["cut short"](next((study / "runs").glob("sgd-rosenbrock-*")))
    before = files(tmp_path)
    here(tmp_path, "run", *GRID, "dry_run=true")
    assert files(tmp_path) == before
    assert not Store(study).folder.joinpath("set_aside").exists()
