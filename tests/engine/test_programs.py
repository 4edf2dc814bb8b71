"""Compiled programs on disk: they save time, and nothing that is wrong with them costs a run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.contracts.bits import different_fields
from experiments.engine import programs
from experiments.engine.minimize import minimize
from experiments.engine.trace import Trace
from optim import SGD
from optim.schedules.constant import Constant
from optim.schedules.cosine import Cosine
from optim.schedules.step import StepDecay
from problems import LogisticRegression, QuadraticFit


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(programs.FOLDER_VARIABLE, str(tmp_path / "programs"))
    monkeypatch.setattr(programs, "COMPILED", {})
    programs.folder_of_programs.cache_clear()
    yield tmp_path / "programs"
    programs.folder_of_programs.cache_clear()


def run(**how: Any) -> Trace:
    return minimize(QuadraticFit(), SGD(lr=0.01), np.arange(5), steps=7, engine="jax", **how)


def run_anew(monkeypatch: pytest.MonkeyPatch) -> Trace:
    """Run as another process would, which has compiled nothing."""
    monkeypatch.setattr(programs, "COMPILED", {})
    return run()


def refuse(*arguments: object) -> None:
    raise AssertionError("compiled again")


def test_a_second_process_loads_what_the_first_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run()
    [file] = folder.iterdir()
    assert file.suffix == ".program"
    monkeypatch.setattr(programs.jax_program, "JITTED", {"cpu": refuse})
    assert different_fields(run_anew(monkeypatch), slice(None), first) == []


def test_steps_hyperparameters_and_seeds_need_no_other_program(folder: Path) -> None:
    run()
    minimize(
        QuadraticFit(), SGD(lr=np.array([0.1, 0.2])), np.array([7, 9]), steps=900, points=60, engine="jax"
    )
    assert len(list(folder.iterdir())) == 1


def test_schedules_share_a_program_and_with_batches_no_schedule_shares_it_too(folder: Path) -> None:
    for problem, programs_needed in ((QuadraticFit(), 2), (LogisticRegression(data="wine", batch_size=8), 1)):
        before = len(list(folder.glob("*")))
        for schedule in (
            Constant(),
            Constant(warmup=0.5),
            Cosine(),
            StepDecay(gamma=np.linspace(0.1, 0.9, 5)),
        ):
            minimize(problem, SGD(lr=0.01), np.arange(5), steps=7, schedule=schedule, engine="jax")
        assert len(list(folder.glob("*"))) == before + programs_needed


def test_another_type_or_option_or_constant_needs_another(folder: Path) -> None:
    run()
    run(dtype="float32")
    run(params=True)
    minimize(QuadraticFit(), SGD(momentum=0.9), np.arange(5), steps=7, engine="jax")
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_a_damaged_file_is_compiled_anew(folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    [file] = folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "cut": content[: len(content) // 2],
            "flipped": content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
            "foreign": b"no program at all" * 100,
        }[damage]
    )
    assert different_fields(run_anew(monkeypatch), slice(None), first) == []
    assert file.read_bytes() != content[:0]
    assert programs.loaded(file) is not None


def test_a_folder_that_cannot_be_written_costs_no_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file where the folder is to be")
    assert (run().diverged_at < 0).all()
    assert folder.is_file()


def test_nothing_is_kept_where_no_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(programs.FOLDER_VARIABLE, "")
    programs.folder_of_programs.cache_clear()
    run()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_into_memory_is_said_with_how_much_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "memory_of", lambda device: 2.0**10)
    with pytest.raises(MemoryError, match=r"take 0\.0 GiB, of 0\.0 that the cpu has; a smaller problem"):
        run()


def test_the_working_set_is_what_the_compiler_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        programs, "check_fits", lambda program, device: seen.append(program.memory_analysis())
    )
    run()
    [told] = seen
    assert told.argument_size_in_bytes > 64 * 3 * 8
    assert programs.memory_of("cpu") > told.temp_size_in_bytes > 0


def test_the_oldest_programs_go_when_there_are_too_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    [old] = folder.iterdir()
    monkeypatch.setattr(programs, "MOST_BYTES", 1.5 * old.stat().st_size)
    os.utime(old, (1, 1))
    run(dtype="float32")
    [new] = folder.iterdir()
    assert new != old
