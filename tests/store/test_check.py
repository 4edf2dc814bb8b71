"""The check of a study: what it finds, what it tells only, and that its repair leads to the same study."""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Ended, files, here
from contracts import SMALLER
from omegaconf import OmegaConf
from studies import DAMAGE, STUDY, flip, rows_on_disk, same_numbers

from experiments.check import check as run_check
from experiments.engine.fingerprint import code_fingerprint
from experiments.grid.worker import traced
from experiments.request.cell import Cell
from experiments.request.product import cell_of
from experiments.store import Store
from experiments.store import audit as audit_module
from experiments.store import store as store_module
from experiments.store.audit import OLD, audit, examine
from experiments.store.parquet import read_table, write_table
from experiments.store.seal import MARK
from optim import OPTIMIZERS
from problems import PROBLEMS

GRID = ("-m", "steps=20", "record.points=5", "optimizer=sgd,adam", "problem=rosenbrock", "seed=0,1")
RUNS = 4
SOUND = "sound: every file is as it was written, and every id is that of its run's settings"
PROVENANCE = {"python": "3.x", "numpy": "2.x", "machine": "somewhere", "commit": "abc", "command": ""}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the grid was run."""
    folder = tmp_path_factory.mktemp("reference")
    assert here(folder, "run", *GRID, "jobs=1").code == 0
    return folder


@pytest.fixture
def study(reference: Path, tmp_path: Path) -> Path:
    """The folder of a study of four runs in two pairs of files, that a test may damage."""
    shutil.copytree(reference / "results", tmp_path / "results")
    return tmp_path / STUDY


def check(study: Path, repair: bool = False) -> Ended:
    """Check a study as the command does, without Hydra, which takes most of its time."""
    config = {"study": study.name, "results": study.parent.name, "repair": repair}
    out, err, code = StringIO(), StringIO(), 0
    with chdir(study.parent.parent), redirect_stdout(out), redirect_stderr(err):
        try:
            run_check(OmegaConf.create(config))
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def run_again(study: Path) -> str:
    ended = here(study.parent.parent, "run", *GRID, "jobs=1")
    assert ended.code == 0
    return ended.out.splitlines()[-1]


def one(study: Path, kind: str, name: str = "adam-rosenbrock") -> Path:
    """Return the one file of a cell."""
    [file] = (study / kind).glob(f"{name}-*.parquet")
    return file


# --- A sound study ---


def test_a_study_as_it_was_written_is_sound(study: Path) -> None:
    before = files(study)
    ended = here(study.parent.parent, "check")
    what, verdict = ended.out.splitlines()
    assert what.startswith("results/default: 4 runs in 2 files, 20 recorded steps, ")
    assert (ended.code, ended.err, verdict) == (0, "", SOUND)
    assert here(study.parent.parent, "check", "repair=true") == ended
    assert check(study) == ended
    assert files(study) == before


PAIRS = [
    (optimizer, problem)
    for problem in PROBLEMS
    for optimizer in (OPTIMIZERS if problem == "quadratic" else ["rmsprop"])
    if not getattr(OPTIMIZERS[optimizer], "needs_matrices", False)
]
"""Every optimizer that runs on the fit, and every problem."""


@pytest.mark.parametrize(("optimizer", "problem"), PAIRS)
def test_every_id_is_found_again_in_its_row(tmp_path: Path, optimizer: str, problem: str) -> None:
    store = Store(tmp_path)
    ranges = OPTIMIZERS[optimizer].hyperparameters()
    first = {"optimizer.lr": [1e-3, 1 / 3]} if "lr" in ranges else {}
    asked = settings(optimizer, problem)
    if optimizer == "rmsprop":
        asked["optimizer"]["momentum"] = 0.5  # the program that the tests of the loop have compiled
    cell = cell_of(asked, {"seed": [0, 3], **first})
    store.write(cell, traced(cell), PROVENANCE)
    found = audit(store)
    assert (found.faults, found.runs, found.unsealed, found.outdated) == ((), 4 if first else 2, 0, 0)


def settings(optimizer: str = "sgd", problem: str = "rosenbrock", params: bool = True) -> dict[str, Any]:
    record = {"points": 3, "params": params}
    return {
        "optimizer": {"name": optimizer},
        "problem": {"name": problem, **SMALLER.get(problem, {})},
        "seed": 0,
        "steps": 4,
        "record": record,
    }


def test_a_tuned_study_is_sound_and_its_selections_are_counted(tmp_path: Path) -> None:
    here(tmp_path, "tune", "-m", "optimizer=sgd", "steps=5", "tune.trials=3", "tune.budgets=[2]", "jobs=1")
    ended = check(tmp_path / STUDY)
    assert ended.code == 0
    assert "; 1 file of selections\n" in ended.out
    [selection] = (tmp_path / STUDY / "selections").iterdir()
    DAMAGE["cut short"](selection)
    ended = check(tmp_path / STUDY)
    assert ended.code == 1
    assert f"bad: selections/{selection.name}: " in ended.out
    assert check(tmp_path / STUDY, repair=True).code == 0
    assert not selection.exists()
    assert check(tmp_path / STUDY).code == 0


@pytest.mark.parametrize("arguments", [["study=nope"], ["study=no/pe", "repair=true"]])
def test_a_study_that_is_not_there_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    ended = here(tmp_path, "check", *arguments)
    assert ended == Ended(2, "", f"error: {arguments[0]}: there is no such study in results\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("study=../x", "study must be letters, digits, '_', '-', '.' and at most three '/', got '../x'"),
        ("repair=3", "repair must be true or false, got 3"),
        ("foo=1", "foo=1: there is no such key; there are study, results, plugins, repair"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, argument: str, line: str) -> None:
    assert here(tmp_path, "check", argument) == Ended(2, "", f"error: {line}\n")


# --- Damage ---


@pytest.mark.parametrize("kind", ["runs", "history"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_found_and_after_the_repair_its_runs_are_run_again(
    study: Path, reference: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    file = one(study, kind)
    damage(file)
    ended = check(study)
    assert ended.code == 1
    assert f"bad: {kind}/{file.name}: " in ended.out
    last = "error: 1 file is bad; repair=true sets it aside, so that what was in there is run again\n"
    assert ended.err == last
    damaged = file.read_bytes()
    assert check(study, repair=True).code == 0
    assert damaged in [kept.read_bytes() for kept in (study / "set_aside" / kind).iterdir()]
    assert run_again(study).startswith("2 runs done, 2 reused")
    assert check(study).out.endswith(f"{SOUND}\n")
    assert rows_on_disk(study) == RUNS
    same_numbers(study, reference / STUDY)


@pytest.mark.parametrize("kind", ["runs", "history"])
def test_no_flipped_byte_goes_unnoticed_unless_it_changes_nothing(study: Path, kind: str) -> None:
    file = one(study, kind)
    content, table = file.read_bytes(), read_table(file)
    random_place = random.Random(0)
    for _ in range(200):
        flip(file, random_place.randrange(len(content)))
        if not examine(study, file.name).faults:  # in the mark of the seal, say
            assert (
                content.index(MARK) <= differing(content, file.read_bytes()) < content.index(MARK) + len(MARK)
            )
            assert read_table(file).equals(table)
        file.write_bytes(content)


def differing(one: bytes, other: bytes) -> int:
    [place] = [at for at, (here, there) in enumerate(zip(one, other, strict=True)) if here != there]
    return place


def test_a_row_that_is_not_what_its_id_says_is_found(study: Path, reference: Path) -> None:
    file = one(study, "runs")
    table = read_table(file)
    lr = table.column_names.index("optimizer.lr")
    changed = table.set_column(lr, "optimizer.lr", pa.array([0.001, 0.5]))
    rewrite(file, changed, plain_metadata(table))
    ended = check(study)
    assert ended.code == 1
    assert f"bad: runs/{file.name}: 1 of 2 ids are not those of their settings\n" in ended.out
    check(study, repair=True)
    assert run_again(study).startswith("2 runs done, 2 reused")
    same_numbers(study, reference / STUDY)


def rewrite(file: Path, table: pa.Table, metadata: dict[str, str]) -> None:
    write_table(table.replace_schema_metadata(None), file, metadata)


def plain_metadata(table: pa.Table) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in table.schema.metadata.items()}


@pytest.mark.parametrize("key", ["code", "record.points", "record.params"])
def test_metadata_that_is_not_that_of_its_runs_is_found(study: Path, key: str) -> None:
    file = one(study, "runs")
    table = read_table(file)
    changed = {"code": "0123456789abcdef", "record.points": "6", "record.params": "True"}[key]
    rewrite(file, table, plain_metadata(table) | {key: changed})
    assert "2 of 2 ids are not those of their settings\n" in check(study).out


def test_metadata_that_makes_no_sense_is_found(study: Path) -> None:
    file = one(study, "runs")
    table = read_table(file)
    metadata = plain_metadata(table)
    rewrite(file, table, metadata | {"record.points": "many"})
    assert f"bad: runs/{file.name}: makes no sense (ValueError: " in check(study).out
    rewrite(file, table, {})
    assert f"bad: runs/{file.name}: makes no sense (KeyError: " in check(study).out


def test_a_file_under_another_name_is_found(study: Path) -> None:
    for kind in ("runs", "history"):
        file = one(study, kind)
        file.rename(file.with_name(file.name.replace("adam", "sgd")))
    assert "its name is not that of its runs\n" in check(study).out


def changed_history(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Return a function that changes the rows of a history."""

    def write(study: Path) -> None:
        file = one(study, "history")
        table = read_table(file)
        rewrite(file, change(table), plain_metadata(table))

    return write


def with_column(name: str, values: Callable[[list[Any]], list[Any]]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        column = pa.array(values(table[name].to_pylist()))
        return table.set_column(table.column_names.index(name), name, column)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.slice(0, 5), "is not that of its runs"),
        (lambda table: table.slice(0, 9), "has not the steps that were to be recorded"),
        (with_column("run", lambda runs: [run[::-1] for run in runs]), "is not that of its runs"),
        (with_column("step", lambda steps: [0, 0, *steps[2:]]), "has not the steps that were to be recorded"),
        (with_column("loss", lambda loss: [*loss[:-1], 0.5]), "does not end with the loss of its runs"),
        (lambda table: table.drop_columns("step"), "makes no sense (KeyError: "),
    ],
)
def test_a_history_that_is_not_that_of_its_runs_is_found(
    study: Path, change: Callable[[pa.Table], pa.Table], said: str
) -> None:
    changed_history(change)(study)
    ended = check(study)
    assert ended.code == 1
    assert f"bad: history/{one(study, 'history').name}: {said}" in ended.out
    check(study, repair=True)
    assert check(study).code == 0
    assert (rows_on_disk(study), rows_on_disk(study, "history")) == (2, 10)


def test_many_bad_files_are_counted_and_not_all_named(tmp_path: Path) -> None:
    (tmp_path / STUDY / "runs").mkdir(parents=True)
    for i in range(30):
        (tmp_path / STUDY / "runs" / f"sgd-quadratic-{i}.parquet").write_bytes(b"PAR1")
    ended = check(tmp_path / STUDY)
    assert len(ended.out.splitlines()) < 30
    assert ended.out.endswith("bad: and 10 more\n")
    assert ended.err.startswith("error: 30 files are bad; ")


# --- What belongs together and is not ---


def test_a_half_of_a_pair_is_found(study: Path, reference: Path) -> None:
    one(study, "runs", "sgd-rosenbrock").unlink()
    one(study, "history").unlink()
    ended = check(study)
    assert ended.code == 1
    assert f"bad: runs/{one(study, 'runs').name}: has no history\n" in ended.out
    assert "sgd-rosenbrock" not in ended.out  # the history of a block that was not finished
    assert check(study, repair=True).code == 0
    assert check(study).code == 0
    assert run_again(study).startswith("4 runs done, 0 reused")
    same_numbers(study, reference / STUDY)


def test_what_killed_commands_left_is_told_and_can_be_set_aside(study: Path) -> None:
    left = [study / "runs" / ".0123.tmp", study / "history" / ".4567.tmp", study / ".stop-89ab"]
    for file in left:
        file.write_bytes(b"PAR1")
    one(study, "runs", "sgd-rosenbrock").unlink()
    left.append(one(study, "history", "sgd-rosenbrock"))  # the runs file makes it part of the study
    assert "left over" not in check(study).out  # they may be in use
    for file in left:
        os.utime(file, (file.stat().st_mtime - OLD - 1,) * 2)
    ended = check(study)
    assert ended.code == 0
    assert "4 temporary files are left over, older than 1 h\n" in ended.out
    assert "set aside 0 blocks and 4 temporary files" in check(study, repair=True).out
    assert not any(file.exists() for file in left)
    assert "left over" not in check(study).out


# --- Copies ---


@pytest.fixture(params=[audit_module.MOST_IDS, 1], ids=["in one slice", "in many"])
def sliced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many ids the check holds at a time."""
    monkeypatch.setattr(audit_module, "MOST_IDS", request.param)


@pytest.fixture
def cell() -> Cell:
    """Four runs, one of which diverges: its numbers are missing."""
    return cell_of(settings(), {"seed": [0, 1], "optimizer.lr": [1e-3, 1e9]})


@pytest.mark.usefixtures("sliced")
def test_copies_are_told_from_contradictions(tmp_path: Path, cell: Cell) -> None:
    store = Store(tmp_path / STUDY)
    store.write(cell, traced(cell), PROVENANCE)
    part = cell.take(slice(1, 3))
    store.write(part, traced(part), PROVENANCE)  # in other seconds
    ended = check(store.folder)
    assert ended.code == 0
    assert "results/default: 4 runs in 2 files" in ended.out
    assert "2 runs are there once more with the same numbers: counted once in tables\n" in ended.out


@pytest.mark.usefixtures("sliced")
@pytest.mark.parametrize("kind", ["runs", "history"])
def test_copies_that_contradict_each_other_are_all_set_aside(tmp_path: Path, cell: Cell, kind: str) -> None:
    store = Store(tmp_path / STUDY)
    part = cell.take(slice(1, 3))
    other = traced(part)
    if kind == "runs":
        other.best_loss[1] += 1e-9
    else:
        other.grad_norm[0, 1] += 1e-9
    store.write(part, other, PROVENANCE)
    [changed] = (store.folder / "runs").iterdir()
    store.write(cell, traced(cell), PROVENANCE | {"numpy": "1.x"})
    [whole] = set((store.folder / "runs").iterdir()) - {changed}
    ended = check(store.folder)
    assert ended.code == 1
    assert f"bad: runs/{whole.name}: 1 of its runs has other numbers in {changed.name}\n" in ended.out
    assert f"bad: runs/{changed.name}: 1 of its runs has other numbers in {whole.name}\n" in ended.out
    assert "1 run is there once more with the same numbers" in ended.out
    assert "numpy differs: 1.x (4 runs), 2.x (2 runs)\n" in ended.out
    assert "set aside 2 blocks" in check(store.folder, repair=True).out
    assert not Store(store.folder).has(cell).any()


# --- Versions ---


def test_runs_of_older_code_are_checked_by_the_code_that_made_them(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(optimizer: str, *others: str) -> str:
        return "changed" if optimizer == "sgd" else code_fingerprint(optimizer, *others)

    monkeypatch.setattr(store_module, "code_fingerprint", changed)
    ended = check(study)
    assert ended.code == 0
    assert "2 runs are of older code: left out of tables\n" in ended.out


def test_files_without_a_seal_are_told(study: Path) -> None:
    file = one(study, "runs")
    table = read_table(file)
    pq.write_table(table, file)
    ended = check(study)
    assert ended.code == 0
    assert "1 block was written without a seal: a changed footer would not be noticed\n" in ended.out
