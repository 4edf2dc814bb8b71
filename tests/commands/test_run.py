"""The command line, end to end: one run, grids, bad input, kills."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import Ended, apart, files, here, start

from experiments.engine.minimize import minimize
from experiments.grid import ended as ended_module
from experiments.grid import pool
from experiments.grid import worker as work
from experiments.store import Store
from optim import ADAPTERS, OPTIMIZERS

SHORT = ("steps=30", "record.points=5")
GRID = (
    "-m",
    *SHORT,
    "optimizer=rmsprop,adam",
    "problem=quadratic,rosenbrock",
    "optimizer.lr=0.01,0.1",
    "optimizer.beta1=0.5,0.9",
    "seed=range(0,3)",
)


@dataclass(frozen=True)
class Study:
    """A folder in which a command was run, and how that ended."""

    folder: Path
    ended: Ended

    @property
    def store(self) -> Store:
        return Store(self.folder / "results" / "default")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One run, in a process of its own."""
    folder = tmp_path_factory.mktemp("single")
    arguments = ("optimizer=adam", "problem=rosenbrock", "optimizer.lr=0.1", "optimizer.beta1=0.5", "seed=2")
    return Study(folder, apart(folder, "run", *SHORT, *arguments))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A grid that holds that run among 36, in another process of its own."""
    folder = tmp_path_factory.mktemp("grid")
    return Study(folder, apart(folder, "run", *GRID))


# --- One run ---


def test_a_run_says_its_outcome_and_where_it_is_stored(single: Study) -> None:
    [row] = single.store.runs().to_dict("records")
    outcome, place = single.ended.out.splitlines()
    assert outcome == (
        f"adam on rosenbrock, seed 2: loss {row['loss']:.6g} after 30 steps, suboptimality "
        f"{row['suboptimality']:.3g}, {row['distance']:.3g} from the minimiser"
    )
    assert place == f"run {row['run']}, stored in results/default"
    assert (single.ended.code, single.ended.err) == (0, "")


def test_a_run_leaves_its_two_files_and_nothing_else(single: Study) -> None:
    kinds = [name.split("/") for name in files(single.folder)]
    assert [parts[:3] for parts in kinds] == [["results", "default", kind] for kind in ("history", "runs")]
    assert {parts[3].rpartition("-")[0] for parts in kinds} == {"adam-rosenbrock"}


def test_a_run_keeps_its_settings_and_where_it_comes_from(single: Study) -> None:
    [row] = single.store.runs().to_dict("records")
    assert (row["optimizer.lr"], row["optimizer.beta1"], row["seed"], row["steps"]) == (0.1, 0.5, 2, 30)
    [file] = (single.store.folder / "runs").iterdir()
    metadata = pq.read_schema(file).metadata
    assert metadata[b"command"].decode().startswith("steps=30 record.points=5 optimizer=adam")
    assert {b"python", b"numpy", b"machine", b"commit"} <= metadata.keys()


def test_the_articles_run_is_the_default(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", "record.points=2")
    assert ended.out.startswith("rmsprop on quadratic, seed 0: loss 0.106989 after 1000 steps, mse 0.213977,")


def test_a_run_that_diverges_says_when(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", *SHORT, "optimizer=sgd", "optimizer.lr=1e80")
    [row] = Store(tmp_path / "results" / "default").runs().to_dict("records")
    expected = f"sgd on quadratic, seed 0: diverged at step {row['diverged_at']:.0f} of 30; best loss"
    assert ended.out.startswith(expected)
    assert ended.code == 0


STEEP = ("problem=quadratic_bowl", "problem.condition=1e200")


def test_a_run_that_stalls_says_so_and_keeps_its_loss(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", *SHORT, *STEEP)
    [row] = Store(tmp_path / "results" / "default").runs().to_dict("records")
    assert (row["status"], row["loss"] > 1e198, pd.isna(row["diverged_at"])) == ("stalled", True, True)
    first = ended.out.splitlines()[0]
    assert first.startswith("rmsprop on quadratic_bowl, seed 0: loss ")
    assert first.endswith("; stalled, as the optimizer's state has overflowed")
    assert ended.code == 0


def test_a_grid_tells_the_share_that_stalled_if_any_did(tmp_path: Path, grid: Study) -> None:
    ended = here(tmp_path, "run", "-m", *SHORT, *STEEP, "optimizer=adam,sgd", "seed=0,1")
    rows = {line.split()[3]: line.split("│") for line in ended.out.splitlines() if "_bowl" in line}
    assert [cell.strip() for cell in rows["adam"][-4:-1]] == ["0%", "100%", "2"]
    assert [cell.strip() for cell in rows["sgd"][-4:-1]] == ["100%", "0%", "2"]
    assert "stalled" in ended.out
    assert "stalled" not in grid.ended.out


def test_study_and_results_name_the_folder(tmp_path: Path) -> None:
    here(tmp_path, "run", *SHORT, "study=a/b", f"results={tmp_path / 'elsewhere'}")
    assert {name.rpartition("/")[0] for name in files(tmp_path)} == {
        "elsewhere/a/b/runs",
        "elsewhere/a/b/history",
    }


# --- A grid ---


def test_a_grid_runs_every_setting_once(grid: Study) -> None:
    runs = grid.store.runs()
    assert runs["run"].is_unique
    counts = runs.groupby(["optimizer", "problem"], observed=True).size().to_dict()
    assert counts == {
        ("adam", "quadratic"): 12,
        ("adam", "rosenbrock"): 12,
        ("rmsprop", "quadratic"): 6,
        ("rmsprop", "rosenbrock"): 6,
    }
    settings = ["optimizer", "problem", "optimizer.lr", "optimizer.beta1", "seed"]
    assert not runs.duplicated(settings).any()
    assert len(files(grid.folder)) == 2 * 4  # a job is a cell, whatever the number of lanes


def test_a_grid_says_what_it_runs_and_what_was_best(grid: Study) -> None:
    assert grid.ended.code == 0
    said = grid.ended.err.splitlines()
    assert "optimizer.beta1 does not apply to 2 of 4 cells: dropped there" in said
    assert "36 runs in 4 cells, study results/default" in said
    assert "Best settings by median suboptimality" in grid.ended.out
    rows = [line for line in grid.ended.out.splitlines() if "rosenbrock" in line and "adam" in line]
    best = grid.store.runs().query("optimizer == 'adam' and problem == 'rosenbrock'")
    medians = best.groupby(["optimizer.lr", "optimizer.beta1"])["suboptimality"].median()
    assert len(rows) == 1
    assert f"{medians.min():.4g}" in rows[0]
    assert grid.ended.out.splitlines()[-1] == "36 runs done, 0 reused; stored in results/default"


def test_a_single_run_is_the_same_run_inside_a_sweep_bit_for_bit(single: Study, grid: Study) -> None:
    for read in (Store.runs, Store.history):
        alone = read(single.store)
        assert len(alone) > 0
        company = read(grid.store, alone["run"].unique())
        pd.testing.assert_frame_equal(
            plain(alone), plain(company)[plain(alone).columns], check_exact=True, obj=read.__name__
        )


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without what differs between equal runs, and without categories."""
    words = {name: str for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    return frame.drop(columns="seconds", errors="ignore").astype(words)


def test_a_second_time_everything_is_reused(grid: Study) -> None:
    before = {name: (grid.folder / name).read_bytes() for name in files(grid.folder)}
    ended = here(grid.folder, "run", *GRID)
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "0 runs done, 36 reused; stored in results/default",
    )
    assert {name: (grid.folder / name).read_bytes() for name in files(grid.folder)} == before


def test_a_larger_grid_runs_only_what_is_missing(tmp_path: Path) -> None:
    small = ("-m", *SHORT, "optimizer.lr=0.01,0.1", "seed=0,1")
    large = ("-m", *SHORT, "optimizer.lr=0.1,0.5,0.01", "seed=range(0,3)")
    assert "4 runs done, 0 reused" in here(tmp_path, "run", *small).out
    assert "5 runs done, 4 reused" in here(tmp_path, "run", *large).out
    assert "9 reused" in here(tmp_path, "run", *large).out
    assert Store(tmp_path / "results" / "default").runs()["run"].is_unique


def test_a_grid_too_large_for_a_table_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_module, "MOST_SHOWN", 3)
    ended = here(tmp_path, "run", "-m", *SHORT, "seed=range(0,4)")
    first, last = ended.out.splitlines()
    assert (ended.code, first) == (
        0,
        "4 runs are too many to compare here",
    )
    assert last == "4 runs done, 0 reused; stored in results/default"


def test_constants_that_differ_in_the_last_digit_are_told_apart(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", "-m", "problem.a=2.0000000000000004,2", "steps=5", "record.points=3")
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert "a=2.0000000000000004" in ended.out.replace("│", "").replace("\n", "").replace(" ", "")


def test_a_small_grid_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "start_server", lambda more: pytest.fail("a server was started"))
    assert here(tmp_path, "run", "-m", *SHORT, "seed=0,1").code == 0


def test_every_optimizer_by_glob(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", "-m", "optimizer=glob(*)", "optimizer.lr=logspace:1e-3:0.1:3", *SHORT)
    runs = Store(tmp_path / "results" / "default").runs()
    assert ended.code == 0
    assert "optimizer=muon works on matrices; left out on quadratic, 1 cell" in ended.err
    there = [cls for cls in OPTIMIZERS.values() if not getattr(cls, "needs_matrices", False)]
    assert set(runs["optimizer"]) == {cls.full_name() for cls in there}
    assert sorted(runs["optimizer.lr"].dropna().unique()) == [0.001, 0.01, 0.1]
    assert len(runs) == sum(3 if "lr" in cls.hyperparameters() else 1 for cls in there)


def test_a_rule_without_a_learning_rate_is_left_out_under_a_schedule(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", "-m", "optimizer=rprop,sgd", "schedule=constant,cosine", "steps=5")
    assert ended.code == 0, ended.err
    assert "optimizer=rprop has none after its first step; left out on quadratic, 1 cell" in ended.err
    assert len(Store(tmp_path / "results" / "default").runs()) == 3
    alone = here(tmp_path, "run", "optimizer=rprop", "schedule=cosine", "steps=5")
    assert alone.code == 2
    assert alone.err.startswith("error: schedule=cosine changes the learning rate")


# --- Interpolations: the runs are those of single commands with the same words ---


@pytest.mark.parametrize(
    ("same", "swept"),
    [
        ("problem.b=${.a}", "problem.a=2,3"),
        ("problem.b=${.a}", "seed=1,2"),
        ("optimizer.eps=${optimizer.lr}", "optimizer.lr=0.1,0.2"),
        ("optimizer.eps='${oc.select:optimizer.nothing,${.lr}}'", "optimizer.lr=0.1,0.2"),
        ("optimizer.beta='${oc.decode:${oc.env:LANES_BETA}}'", "optimizer.lr=0.1,${problem.c},${.eps}"),
        ("optimizer.lr=${oc.select:optimizer.nothing,0.3}", "steps=5,${record.points}"),
        ("results=${hydra:runtime.output_dir}/results", "problem=quadratic,rosenbrock"),
        ("steps=${problem.dim}", "problem=rosenbrock,quadratic_bowl"),  # the default problem has no dim
    ],
)
def test_an_interpolation_in_a_grid_reads_what_it_reads_in_a_single_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: str, swept: str
) -> None:
    monkeypatch.setenv("LANES_BETA", "0.5")
    key, _, texts = swept.partition("=")
    for text in texts.split(","):
        alone = here(tmp_path, "run", "record.points=4", f"{key}={text}", same, "study=alone")
        assert alone.code == 0, alone.err
    assert here(tmp_path, "run", "-m", "record.points=4", swept, same, "study=together").code == 0
    runs = [Store(tmp_path / "results" / study).runs()["run"] for study in ("alone", "together")]
    assert len(runs[0]) == texts.count(",") + 1
    assert set(runs[0]) == set(runs[1])


def test_what_was_typed_is_kept_as_it_was_typed(tmp_path: Path) -> None:
    here(tmp_path, "run", "-m", *SHORT, "problem.b=${.a}", "seed=0,1")
    [file] = (tmp_path / "results" / "default" / "runs").iterdir()
    assert pq.read_schema(file).metadata[b"command"].decode().endswith("'problem.b=${.a}' seed=0,1")


def test_a_study_named_by_the_time_is_one_study(tmp_path: Path) -> None:
    ended = here(
        tmp_path, "run", "-m", *SHORT, "study=${now:%S%f}", "problem=quadratic,rosenbrock", "seed=0,1"
    )
    assert ended.code == 0
    assert len({name.split("/")[1] for name in files(tmp_path)}) == 1


# --- Bad input: one line, exit code 2, nothing written ---

OPTIMIZER_NAMES = ", ".join(sorted({**OPTIMIZERS, **ADAPTERS}))
BAD: list[tuple[list[str], str]] = [
    (["optimizer=nope"], f"optimizer must be one of {OPTIMIZER_NAMES}, got 'nope'"),
    (["-m", "optimizer=sgd,nope"], f"optimizer must be one of {OPTIMIZER_NAMES}, got 'nope'"),
    (["optimizer=3"], f"optimizer must be one of {OPTIMIZER_NAMES}, got '3'"),
    (["optimizer.foo=1"], "optimizer.foo=1: no optimizer has foo; there are adam, adam_beta1, "),
    (["-m", "optimizer.foo=1,2"], "optimizer.foo=1,2: no optimizer has foo; there are adam, adam_beta1, "),
    (["optimizer.clip_nrm=1"], "optimizer.clip_nrm=1: no optimizer has clip_nrm; near it are clip_norm"),
    (["problem.foo=1"], "problem.foo=1: no problem has foo; there are a, activation, b, batch_size, c, "),
    (
        ["foo=1"],
        "foo=1: there is no such key; there are optimizer, schedule, problem, +experiment, +suite, "
        "+contenders, seed, ",
    ),
    (["-m", "foo=1,2"], "foo=1: there is no such key; there are optimizer, schedule, problem, +experiment, "),
    (
        ["experiment=fit"],
        "experiment=fit: there is no such key; there are optimizer, schedule, problem, +exp",
    ),
    (
        ["optimizer.lr_decay=0.5"],
        "optimizer.lr_decay=0.5: only adagrad has lr_decay; choose it with optimizer=adagrad",
    ),
    (
        ["-m", "optimizer.lr_decay=0.5"],
        "optimizer.lr_decay=0.5: only adagrad has lr_decay; choose it with optimizer=adagrad",
    ),
    (["optimizer.beta=1"], "RMSprop: beta must be in [0, 1), got 1.0"),
    (["-m", "optimizer=rmsprop,sgd", "optimizer.lr=0.1,-1"], "RMSprop: lr must be in (0, inf), got -1.0"),
    (["optimizer.lr=big"], "RMSprop: lr must be a number in (0, inf), got 'big'"),
    (["-m", "optimizer.lr=0.1,big"], "RMSprop: lr must be a number in (0, inf), got 'big'"),
    (["-m", "optimizer.lr="], "RMSprop: lr must be a number in (0, inf), got ''"),
    (["-m", "optimizer.lr=[0.1,0.2]"], "optimizer.lr must be one value, got [0.1, 0.2]; with -m, write "),
    (["-m", "optimizer.lr=[0.1"], "optimizer.lr=[0.1: "),
    (
        ["-m", "optimizer.lr=logspace:0:1:3"],
        "optimizer.lr=logspace:0:1:3: logspace:low:high:count needs 0 < ",
    ),
    (
        ["-m", "optimizer.lr=interval(0,1)"],
        "optimizer.lr=interval(0,1): how many values? Write logspace:low:",
    ),
    (
        ["problem=logistic", "problem.data=irsi"],
        "LogisticRegression: data must be one of breast_cancer, digi",
    ),
    (
        ["-m", "problem=quadratic,logistic", "problem.data=wine,irsi"],
        "LogisticRegression: data must be one of breast_cancer, digits, iris, wine, keel/NAME, or a file",
    ),
    (["problem=rosenbrock", "problem.dim=1"], "Rosenbrock: dim must be an integer in [2, 100000], got 1"),
    (["seed=-1"], "seed must be an integer in [0, 4294967295], got -1"),
    (["-m", "seed=0,-1"], "seed must be an integer in [0, 4294967295], got -1"),
    (["-m", "seed=range(3,3)"], "seed=range(3,3): there must be at least one value, got none"),
    (["steps=0"], "steps must be an integer in [1, 100000000], got 0"),
    (["-m", "steps=10,0"], "steps must be an integer in [1, 100000000], got 0"),
    (["record.points=1"], "record.points must be an integer in [2, 1000000], got 1"),
    (["record=3"], "record must be points and params (record.points=100), got 3"),
    (["study=../x"], "study must be letters, digits, '_', '-', '.' and at most three '/', got '../x'"),
    (
        ["-m", "study=a,../x"],
        "study must be letters, digits, '_', '-', '.' and at most three '/', got '../x'",
    ),
    (["optimizer.lr=0.1,0.2"], "optimizer.lr=0.1,0.2: several values make a grid; add -m"),
    (["seed=range(0,3)"], "seed=range(0,3): several values make a grid; add -m"),
    (["optimizer=sgd,adam"], "optimizer=sgd,adam: several values make a grid; add -m"),
]


@pytest.mark.parametrize(("arguments", "line"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_ends_with_one_line_before_anything_is_written(
    tmp_path: Path, arguments: list[str], line: str
) -> None:
    ended = here(tmp_path, "run", *arguments)
    assert ended.err.startswith(f"error: {line}")
    assert ended.err.count("\n") == 1
    assert ended.code == 2
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group", ["problem", "experiment"])
def test_an_unknown_choice_is_answered_with_those_there_are(tmp_path: Path, group: str) -> None:
    ended = here(tmp_path, "run", f"{'+' * (group == 'experiment')}{group}=nope")
    known = {"problem": "quadratic", "experiment": "lr_choice"}[group]
    assert ended.err.startswith(f"error: {group} must be one of ")
    assert f" {known}, " in ended.err
    assert ended.err.endswith(", got 'nope'\n")
    assert (ended.code, files(tmp_path)) == (2, [])


def test_bad_input_looks_the_same_from_outside(tmp_path: Path) -> None:
    ended = apart(tmp_path, "run", "-m", "optimizer=sgd,adam", "optimizer.lr=0.1,0", "seed=range(0,3)")
    assert ended == Ended(2, "", "error: SGD: lr must be in (0, inf), got 0.0\n")
    assert list(tmp_path.iterdir()) == []


# --- A cell that fails ---


def failing_for(name: str) -> Callable[..., Any]:
    """Return minimize(), but broken for one optimizer."""

    def broken(problem: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        if optimizer.name == name:
            raise RuntimeError(f"{name} broke")
        return minimize(problem, optimizer, *args, **kwargs)

    return broken


def test_a_cell_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("-m", *SHORT, "optimizer=rmsprop,sgd,adam", "seed=0,1")
    with monkeypatch.context() as patched:
        patched.setattr(work, "minimize", failing_for("sgd"))
        ended = here(tmp_path, "run", *arguments)
    assert ended.code != 0
    assert "2 runs of sgd on quadratic failed with RuntimeError: sgd broke" in ended.err
    assert "in broken\n" in ended.err  # where
    last = "error: 2 runs failed; the same command runs what is missing"
    assert ended.err.splitlines()[-1] == last
    assert "4 runs done, 0 reused" in ended.out
    store = Store(tmp_path / "results" / "default")
    assert sorted(store.runs()["optimizer"].unique()) == ["adam", "rmsprop"]
    again = here(tmp_path, "run", *arguments)
    assert (again.code, again.out.splitlines()[-1]) == (0, "2 runs done, 4 reused; stored in results/default")


def test_failures_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "minimize", failing_for("sgd"))
    arguments = ("-m", *SHORT, "optimizer=sgd", "seed=0,1")
    ended = here(tmp_path, "run", *arguments)
    assert ended.code == 2
    assert files(tmp_path) == ["results/default/failures.jsonl"]
    lines = (tmp_path / "results/default/failures.jsonl").read_text().splitlines()
    written = [json.loads(line) for line in lines]
    assert [failure["settings"]["seed"] for failure in written] == [0, 1]
    for failure in written:
        assert failure["kind"] == "RuntimeError"
        assert failure["message"] == "sgd broke"
        assert (failure["optimizer"], failure["problem"], failure["count"]) == ("sgd", "quadratic", 1)
        assert len(failure["runs"]) == 1
        assert failure["command"] == " ".join(arguments)
        assert "in broken" in "\n".join(failure["where"])


def test_a_single_run_that_fails_shows_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "minimize", failing_for("sgd"))
    ended = here(tmp_path, "run", *SHORT, "optimizer=sgd")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("1 run of sgd on quadratic failed with RuntimeError: sgd broke\n")
    assert ended.err.splitlines()[-1] == "error: 1 run failed; the same command runs what is missing"


# --- A kill in the middle ---

LARGE = (
    *("-m", "optimizer=sgd,rmsprop,adagrad,adam", "problem=rosenbrock,quadratic", "seed=range(0,200)"),
    "record.points=9",
    *("jobs=8", "hydra.launcher.workers=1"),  # one after another in the one process that is killed
)
PATIENCE = 60.0  # seconds until the first file


def kill_after_the_first_block(folder: Path) -> set[str]:
    """Start the large grid, kill it when its first block is stored, return what is stored then."""
    process = start(folder, "run", *LARGE)
    runs = folder / "results" / "default" / "runs"
    deadline = time.monotonic() + PATIENCE
    with process:
        while not list(runs.glob("*.parquet")):
            assert time.monotonic() < deadline
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.005)
                pytest.fail(f"ended before it was killed: {process.communicate()}")
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return set(Store(runs.parent).runs()["run"])


def test_a_killed_grid_carries_on_where_it_was(tmp_path: Path) -> None:
    stored = kill_after_the_first_block(tmp_path)
    total = 2 * 200 * 4
    assert 200 <= len(stored) < total  # whole blocks, and not all of them
    ended = here(tmp_path, "run", *LARGE)
    last = f"{total - len(stored):,} runs done, {len(stored):,} reused; stored in results/default"
    assert (ended.code, ended.out.splitlines()[-1]) == (0, last)
    store = Store(tmp_path / "results" / "default")
    runs, history = store.runs(), store.history()
    assert (len(runs), runs["run"].nunique()) == (total, total)
    assert set(history["run"]) == set(runs["run"])
    assert (history.groupby("run", observed=True).size() == 9).all()
    for file in store.folder.rglob("*.parquet"):
        assert pq.read_table(file).num_rows > 0
