"""What a study can do without: named and left alone, then named and removed; what is left is sound."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from command_line import Ended, files, here
from studies import DAMAGE, numbers, rewritten, same_numbers, unchanged

from experiments.store import Store
from experiments.store import store as store_module
from experiments.store.audit import OLD
from experiments.store.parquet import metadata_of, read_table, write_table
from experiments.together import pruning

GRID = (
    "-m",
    "steps=20",
    "record.points=5",
    "problem=rosenbrock",
    "engine=numpy",
    "jobs=1",
    "optimizer=sgd,adam",
    "optimizer.lr=0.001",
)
S = Path("results") / "S"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    assert here(folder, "run", *GRID, "seed=0,1", "study=S").code == 0
    assert here(folder, "run", *GRID, "seed=0,1,2", "study=old").code == 0
    rewritten(folder / "results" / "old", unchanged, code="0123456789abcdef")
    return folder


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    """A study of four runs, and beside them six of older code."""
    shutil.copytree(reference / "results" / "S", tmp_path / S)
    for kind in ("runs", "history"):
        for file in (reference / "results" / "old" / kind).iterdir():
            shutil.copy(file, tmp_path / S / kind)
    return tmp_path


def prune(folder: Path, *words: str) -> Ended:
    ended = here(folder, "prune", "study=S", *words)
    assert (ended.code, ended.err) == (0, "")
    return ended


def sound(folder: Path) -> str:
    ended = here(folder, "check", "study=S")
    assert ended.code == 0, ended.out
    return ended.out


def test_by_default_what_could_go_is_named_and_nothing_goes(folder: Path) -> None:
    before = {name: (folder / S / name).read_bytes() for name in files(folder / S)}
    out = prune(folder).out
    for optimizer in ("adam", "sgd"):
        assert f"{optimizer} on rosenbrock, code 0123456789abcdef" in out
    assert "4 files, " in out
    assert out.endswith("results/S. Nothing was removed; dry_run=false removes this.\n")
    assert {name: (folder / S / name).read_bytes() for name in files(folder / S)} == before


def test_runs_of_older_code_go_with_their_histories(folder: Path, reference: Path) -> None:
    out = prune(folder, "what=[outdated]", "dry_run=false").out
    assert "adam on rosenbrock, code 0123456789abcdef" in out
    assert out.endswith("results/S holds 4 runs\n")
    assert files(folder / S) == files(reference / S)
    assert prune(folder, "what=[outdated]").out == "results/S: nothing to remove of outdated\n"
    sound(folder)


def test_runs_of_parts_that_are_not_known_here_are_no_older_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = store_module.code_fingerprint

    def without_sgd(optimizer: str, *others: str) -> str:
        if optimizer == "sgd":
            raise KeyError(optimizer)
        return known(optimizer, *others)

    monkeypatch.setattr(store_module, "code_fingerprint", without_sgd)
    assert "sgd" not in prune(folder, "what=[outdated]", "dry_run=false").out
    assert len(list((folder / S / "runs").glob("sgd-*"))) == 2
    assert prune(folder, "what=[unknown]").out.count("sgd on rosenbrock") == 2
    prune(folder, "what=[unknown]", "dry_run=false")
    assert len(list((folder / S / "runs").glob("*"))) == 1


def test_a_selection_by_older_code_goes_too(folder: Path) -> None:
    tune = ("-m", "optimizer=sgd", "problem=rosenbrock", "engine=numpy", "steps=5", "tune.trials=2", "jobs=1")
    assert here(folder, "tune", *tune, "study=S").code == 0
    [file] = (folder / S / "selections").iterdir()
    assert "selections of" not in prune(folder).out
    write_table(read_table(file), file, {**metadata_of(file), "code": "0123456789abcdef"})
    assert "selections of sgd" in prune(folder, "dry_run=false").out
    assert not file.exists()


def test_histories_go_and_the_runs_stay(folder: Path, reference: Path) -> None:
    prune(folder, "what=[outdated]", "dry_run=false")
    out = prune(folder, "what=[histories]", "dry_run=false").out
    assert "adam on rosenbrock" in out
    assert list((folder / S / "history").iterdir()) == []
    pd.testing.assert_frame_equal(numbers(folder / S, "runs"), numbers(reference / S, "runs"))
    assert Store(folder / S).history().empty
    assert "4 runs have no history any more: it was pruned\n" in sound(folder)
    assert (
        here(folder, "run", *GRID, "seed=0,1", "study=S")
        .out.splitlines()[-1]
        .startswith("0 runs done, 4 reused")
    )
    assert here(folder, "report", "study=S").code == 0
    said = (folder / S / "report" / "report.md").read_text(encoding="utf-8")
    assert (
        "The history of 4 runs was pruned. What is drawn or computed from histories is of the others" in said
    )
    areas = pd.read_csv(folder / S / "report" / "tables" / "log_area.csv")
    assert len(areas) == 0  # and not infinitely bad


def test_of_histories_that_some_runs_have_the_report_shows_those(folder: Path) -> None:
    prune(folder, "what=[outdated,histories]", "dry_run=false")
    assert here(folder, "run", *GRID, "seed=5", "study=S").code == 0
    assert here(folder, "report", "study=S").code == 0
    areas = pd.read_csv(folder / S / "report" / "tables" / "log_area.csv")
    assert areas["diverged"].tolist() == [0] * len(areas)
    sound(folder)


def test_a_missing_history_that_was_not_pruned_is_a_fault(folder: Path) -> None:
    next((folder / S / "history").iterdir()).unlink()
    ended = here(folder, "check", "study=S")
    assert (ended.code, "has no history" in ended.out) == (1, True)


@pytest.mark.parametrize("what", ["outdated", "histories"])
def test_a_kill_at_any_moment_leaves_a_sound_study(
    folder: Path, reference: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for _ in range(2):  # a step is done, and before the next one the process is killed
        steps = iter([None])
        with monkeypatch.context() as patched:
            for name in ("unlink", "mark_pruned"):
                patched.setattr(pruning, name, killed_after(steps, getattr(pruning, name)))
            with pytest.raises(KeyboardInterrupt):
                pruning.remove(pruning.pieces(Store(folder / S), [what]))
        sound(folder)
    prune(folder, f"what=[{what}]", "dry_run=false")
    sound(folder)
    assert pruning.pieces(Store(folder / S), [what]) == []


def killed_after(steps: Iterator[None], step: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a function that does as this one does, until there are no steps left."""

    def one(file: Path) -> None:
        if next(steps, "none") == "none":
            raise KeyboardInterrupt
        step(file)

    return one


def test_failed_pieces_are_what_was_left_set_aside_or_listed(folder: Path) -> None:
    study = folder / S
    left = [study / "runs" / ".01.tmp", study / ".stop-89", study / "history" / "sgd-rosenbrock-1.parquet"]
    fresh = study / "runs" / ".02.tmp"
    for file in (*left, fresh):
        file.write_bytes(b"PAR1")
    for file in left:
        os.utime(file, (file.stat().st_mtime - OLD - 1,) * 2)
    DAMAGE["cut short"](next((study / "runs").glob("adam-*.parquet")))
    here(folder, "check", "study=S", "repair=true")
    assert (study / "set_aside").is_dir()
    left_now = study / ".stop-90"
    left_now.write_bytes(b"")
    os.utime(left_now, (left_now.stat().st_mtime - OLD - 1,) * 2)
    (study / "failures.jsonl").write_text(json.dumps({"kind": "ValueError"}) + "\n")
    out = prune(folder, "what=[failed]", "dry_run=false").out
    for name in ("left by commands that were killed", "set aside as damaged", "list of failures"):
        assert name in out
    assert not (study / "set_aside").exists()
    assert not left_now.exists()
    assert not (study / "failures.jsonl").exists()
    assert fresh.exists()  # it may be in use
    sound(folder)


def test_what_is_added_while_it_is_removed_stays(folder: Path) -> None:
    study = folder / S
    (study / "failures.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    found = pruning.pieces(Store(study), ["failed", "outdated"])
    with open(study / "failures.jsonl", "a") as file:
        file.write('{"c": 3}\n')
    new = study / "runs" / "sgd-rosenbrock-0.parquet"
    shutil.copy(next((study / "runs").glob("sgd-*")), new)
    pruning.remove(found)
    assert (study / "failures.jsonl").read_text() == '{"c": 3}\n'
    assert new.exists()


def test_a_study_of_older_code_alone_is_left_empty(folder: Path, reference: Path) -> None:
    shutil.rmtree(folder / S)
    shutil.copytree(reference / "results" / "old", folder / S)
    assert prune(folder, "dry_run=false").out.endswith("results/S holds 0 runs\n")
    assert "0 runs in 0 files" in sound(folder)
    shutil.copytree(reference / S, folder / "results" / "again")
    same_numbers(folder / "results" / "again", reference / S)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study=nope"], "study=nope: there is no such study in results"),
        (
            ["what=[all]"],
            "what must be among outdated, unknown, histories, failed, as what=[outdated], got 'all'",
        ),
        (
            ["what=[]"],
            "what must be among outdated, unknown, histories, failed, as what=[outdated], got none",
        ),
        (["what=outdated"], "what must be a list, as what=[outdated], got 'outdated'"),
        (["dry_run=maybe"], "dry_run must be true or false, got 'maybe'"),
    ],
)
def test_bad_input_is_one_line(reference: Path, words: list[str], line: str) -> None:
    before = files(reference)
    study = [] if words[0].startswith("study") else ["study=S"]
    assert here(reference, "prune", *study, *words) == Ended(2, "", f"error: {line}\n")
    assert files(reference) == before
