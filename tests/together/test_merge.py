"""Studies merged: the runs of all, none twice, each with what made it; what contradicts is kept apart."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command_line import Ended, files, here
from studies import DAMAGE, doubled_loss, numbers, rewritten, rows_on_disk, same_numbers, unchanged

from experiments.store import Store
from experiments.store.parquet import CannotWrite, metadata_of
from experiments.together import merging

GRID = (
    *("-m", "steps=20", "record.points=5", "problem=rosenbrock", "engine=numpy", "jobs=1"),
    *("optimizer=sgd,adam", "optimizer.lr=0.001,1000"),  # with which sgd diverges: numbers are missing
)
A, B, WHOLE = (Path("results") / name for name in ("A", "B", "whole"))
C = Path("results") / "C"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies that share seed 1, and one of all their seeds."""
    folder = tmp_path_factory.mktemp("reference")
    for name, seeds in (("A", "0,1"), ("B", "1,2"), ("whole", "0,1,2")):
        assert here(folder, "run", *GRID, f"seed={seeds}", f"study={name}").code == 0
    assert (Store(folder / A).runs()["status"] == "diverged").any()
    return folder


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    shutil.copytree(reference / "results", tmp_path / "results")
    return tmp_path


def merge(folder: Path, *words: str) -> Ended:
    return here(folder, "merge", *(words or ("study=A,B",)), "into=C")


def sound(folder: Path, study: str) -> str:
    """Return what the check of a study says, which finds it sound."""
    ended = here(folder, "check", f"study={study}")
    assert ended.code == 0, ended.out
    return ended.out


def test_all_runs_are_there_once_as_if_one_command_had_made_them(folder: Path) -> None:
    before = {study: numbers(folder / study, "runs") for study in (A, B)}
    ended = merge(folder)
    assert ended == Ended(
        0, "A: 8 runs added, 0 there already\nB: 4 runs added, 4 there already\nresults/C: 12 runs\n", ""
    )
    same_numbers(folder / C, folder / WHOLE)
    assert rows_on_disk(folder / C) == 12
    assert rows_on_disk(folder / C, "history") == 60
    assert "merged from other studies: A (8 runs), B (4 runs)\n" in sound(folder, "C")
    assert here(folder, "report", "study=C").code == 0
    again = here(folder, "run", *GRID, "seed=0,1,2", "study=C")
    assert again.out.splitlines()[-1].startswith("0 runs done, 12 reused")
    for study, runs in before.items():
        pd.testing.assert_frame_equal(numbers(folder / study, "runs"), runs)


def test_merging_again_changes_no_file_and_later_what_is_new(folder: Path) -> None:
    merge(folder)
    there = {name: (folder / C / name).read_bytes() for name in files(folder / C)}
    assert "A: 0 runs added, 8 there already\nB: 0 runs added, 8 there already\n" in merge(folder).out
    assert {name: (folder / C / name).read_bytes() for name in files(folder / C)} == there
    assert here(folder, "run", *GRID, "seed=3", "study=B").code == 0
    assert "B: 4 runs added, 8 there already\n" in merge(folder).out
    assert "16 runs in " in sound(folder, "C")


def test_a_study_is_added_to_one_that_is_there(folder: Path) -> None:
    ended = here(folder, "merge", "study=B", "into=A")
    assert ended.out == "B: 4 runs added, 4 there already\nresults/A: 12 runs\n"
    same_numbers(folder / A, folder / WHOLE)
    sound(folder, "A")


def test_what_made_each_run_is_kept(folder: Path) -> None:
    rewritten(folder / B, unchanged)
    machine = "elsewhere x86"
    for file in (folder / B / "runs").iterdir():
        merging.write_table(merging.read_table(file), file, {**metadata_of(file), "machine": machine})
    merge(folder)
    here(folder, "merge", "study=C", "into=D")
    kept = [metadata_of(file) for file in (folder / "results" / "D" / "runs").iterdir()]
    assert sorted(each["studies"] for each in kept) == ["A, C", "A, C", "B, C", "B, C"]
    for each in kept:
        assert (each["machine"] == machine) == (each["studies"] == "B, C")
        assert {"python", "numpy", "commit", "command", "code", "record.points"} <= each.keys()
        assert "seed=0,1 study=A" in each["command"] or "seed=1,2 study=B" in each["command"]
    assert "machine differs: " in sound(folder, "D")


# --- Contradictions ---


def test_runs_with_other_numbers_are_named_and_kept_apart(folder: Path) -> None:
    rewritten(folder / B, doubled_loss)
    theirs = numbers(folder / B, "runs")
    ended = merge(folder)
    assert ended.code == 0
    shared = set(numbers(folder / A, "runs")["run"]) & set(theirs["run"])
    assert len(shared) == 4
    line = "B: 4 runs have other numbers than in C, which keeps those that it had\n"
    assert line in ended.out
    assert ended.out.count(": loss ") == 3
    assert ended.out.count(": history -, -\n") == 1  # of the run that diverged
    for run in shared:
        assert f"  {run}: " in ended.out
    assert "python -m experiments.diff study=C,C/conflicts_B compares them\n" in ended.out
    kept, apart, ours = (numbers(folder / study, "runs") for study in (C, C / "conflicts_B", A))
    ids = ours["run"].tolist()
    pd.testing.assert_frame_equal(kept[kept["run"].isin(ids)].reset_index(drop=True), ours)
    expected = theirs[theirs["run"].isin(shared)].reset_index(drop=True)
    pd.testing.assert_frame_equal(apart, expected)
    assert len(kept) == 12
    for study in ("C", "C/conflicts_B"):
        sound(folder, study)
    there = files(folder / C)
    assert line in merge(folder).out
    assert files(folder / C) == there
    told = here(folder, "diff", "study=C,C/conflicts_B", "into=compared")
    assert "3 of 4 runs differ\n" in told.out


def test_a_third_version_of_a_run_is_kept_as_well(folder: Path) -> None:
    rewritten(folder / B, doubled_loss)
    merge(folder)
    rewritten(folder / B, doubled_loss)
    ended = merge(folder, "study=B")
    first, second = (numbers(folder / C / f"conflicts_{name}", "runs") for name in ("B", "B_2"))
    assert "kept apart in results/C/conflicts_B_2; " in ended.out
    assert set(second["run"]) < set(first["run"])  # C itself has the first version of seed 2
    both = first.merge(second, on="run")
    pd.testing.assert_series_equal(both["loss_y"], 2 * both["loss_x"], check_names=False)
    for study in ("C", "C/conflicts_B", "C/conflicts_B_2"):
        sound(folder, study)


def test_a_history_alone_can_contradict(folder: Path) -> None:
    def change(runs: pd.DataFrame, history: pd.DataFrame) -> None:
        history.loc[history["step"] == 1, "grad_norm"] += 1.0

    rewritten(folder / B, change)
    ended = merge(folder)
    assert ": history -, -\n" in ended.out
    assert "B: 4 runs added, 0 there already\n" in ended.out or "runs have other numbers" in ended.out
    sound(folder, "C/conflicts_B")


# --- What else a study holds ---


def test_runs_of_older_code_are_taken_over_too(folder: Path) -> None:
    rewritten(folder / B, unchanged, code="0123456789abcdef")
    assert "results/C: 16 runs, 8 of them of older code\n" in merge(folder).out
    assert "8 runs are of older code: left out of tables\n" in sound(folder, "C")
    assert len(Store(folder / C).runs()) == 8


def test_searches_and_failures_are_taken_over_once(folder: Path) -> None:
    tune = (
        "-m",
        "optimizer=sgd",
        "problem=rosenbrock",
        "engine=numpy",
        "steps=5",
        "tune.budgets=[2]",
        "jobs=1",
    )
    assert here(folder, "tune", *tune, "tune.trials=3", "study=T").code == 0
    failure = {"kind": "ValueError", "message": "no", "runs": ["ab"]}
    (folder / "results" / "T" / "failures.jsonl").write_text(json.dumps(failure) + '\n{"cut": sh\n')
    (folder / "results" / "T" / "notes.txt").write_text("mine")
    ended = merge(folder, "study=A,T")
    assert "0 there already, 1 file of selections, 2 records of failures\n" in ended.out
    assert "T: left where they are: notes.txt\n" in ended.out
    lines = (folder / C / "failures.jsonl").read_text().splitlines()
    assert [json.loads(lines[0]), lines[1]] == [{"study": "T", **failure}, '{"cut": sh']
    one, other = (Store(folder / "results" / name).selections() for name in ("T", "C"))
    pd.testing.assert_frame_equal(one, other)
    assert "of selections" not in merge(folder, "study=T").out
    assert (folder / C / "failures.jsonl").read_text().splitlines() == lines
    sound(folder, "C")
    there = files(folder / C)
    assert here(folder, "tune", *tune, "tune.trials=3", "study=C").code == 0
    assert files(folder / C) == there


def test_a_search_that_compared_otherwise_is_kept_apart(folder: Path) -> None:
    tune = ("-m", "optimizer=sgd", "problem=rosenbrock", "engine=numpy", "steps=5", "tune.trials=3", "jobs=1")
    assert here(folder, "tune", *tune, "tune.budgets=[2]", "study=S").code == 0
    assert here(folder, "tune", *tune, "tune.budgets=[1]", "study=T").code == 0
    merge(folder, "study=S,T")
    assert list(Store(folder / C).selections().filter(like="best_of")) == ["best_of_2", "best_of_3"]
    assert list(Store(folder / C / "conflicts_T").selections().filter(like="best_of")) == [
        "best_of_1",
        "best_of_3",
    ]


def test_a_merge_that_was_killed_is_carried_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = merging.write_table

    def full(table: object, path: Path, metadata: object) -> None:
        if path.parent.name == "runs" and len(list(path.parent.glob("*.parquet"))) == 3:
            raise CannotWrite("the disk is full")
        written(table, path, metadata)

    with monkeypatch.context() as patched:
        patched.setattr(merging, "write_table", full)
        assert merge(folder) == Ended(2, "A: 8 runs added, 0 there already\n", "error: the disk is full\n")
    assert rows_on_disk(folder / C, "history") > 5 * rows_on_disk(folder / C)  # of which the runs are missing
    sound(folder, "C")
    assert merge(folder).code == 0
    same_numbers(folder / C, folder / WHOLE)


def test_a_study_with_recorded_parameters_is_taken_over_in_part(folder: Path) -> None:
    for name, seeds in (("P", "0,1"), ("Q", "1,2"), ("R", "0,1,2")):
        assert here(folder, "run", *GRID, "record.params=true", f"seed={seeds}", f"study={name}").code == 0
    merge(folder, "study=P,Q")
    same_numbers(folder / C, folder / "results" / "R")
    sound(folder, "C")


def test_a_history_that_was_pruned_comes_back(folder: Path) -> None:
    shutil.copytree(folder / A, folder / C)
    assert here(folder, "prune", "study=C", "what=[histories]", "dry_run=false").code == 0
    assert "8 there already, 8 histories that had been pruned\n" in merge(folder, "study=A").out
    same_numbers(folder / C, folder / A)
    sound(folder, "C")


# --- What cannot be ---


def test_a_damaged_study_is_refused_and_nothing_is_written(folder: Path) -> None:
    file = next((folder / B / "history").iterdir())
    DAMAGE["flipped in loss"](file)
    ended = merge(folder)
    assert ended.code == 2
    assert ended.err.startswith("error: study=B is not sound, 1 file is bad (history/")
    assert ended.err.count("\n") == 1
    assert not (folder / C).exists()


def test_a_study_may_lie_elsewhere_and_may_be_empty(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / B, tmp_path / "other" / "B")
    (tmp_path / "other" / "empty").mkdir()
    words = f"study=A,./other/B,{tmp_path}/other/empty"
    assert "./other/B: 4 runs added, 4 there already\n" in merge(folder, words).out
    same_numbers(folder / C, folder / WHOLE)
    assert "empty: 0 runs added, 0 there already\n" in merge(folder, words).out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study=A,nope"], "study=nope: there is no such study in results"),
        (["study=./nope"], "study=./nope: there is no such study"),
        (["study=A,A"], "study must name different studies, as study=A,B, got 'A,A'"),
        (["study=A,./results/A"], "study must name different studies, as study=A,B, got 'A,./results/A'"),
        (["study=A,C*"], "study must be letters, digits, '_', '-', '.' and at most three '/', got 'C*'"),
        (
            ["study=A,whole", "into=A"],
            "into=A is one of the studies; study=whole into=A adds the others to it",
        ),
        (
            ["study=A", "into=../x"],
            "into must be letters, digits, '_', '-', '.' and at most three '/', got '../x'",
        ),
        (["study=A", "into=a/b/c/d"], "into must have at most two '/', got 'a/b/c/d'"),
        (["study=A", "study=B"], "study=[A] study=[B]: study is given twice; write 'study=[A,B]'"),
    ],
)
def test_bad_input_is_one_line(reference: Path, words: list[str], line: str) -> None:
    before = files(reference)
    ended = here(reference, "merge", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"error: {line}\n"
    assert files(reference) == before
