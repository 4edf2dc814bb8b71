"""A study exported, and opened again by the readers of each format's own tools."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Ended, apart, environment, files, here
from studies import rewritten, unchanged

from experiments.exports import formats
from experiments.exports.trajectories import algorithms, folder_names
from experiments.store import Store
from experiments.tables import MEASURES

GRID = (
    *("-m", "steps=20", "record.points=5", "engine=numpy", "jobs=1", "seed=3,7", "study=S"),
    *("optimizer=sgd,adam", "optimizer.lr=0.1,1000"),  # with which sgd diverges
)
S = Path("results") / "S"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two problems, one in two dimensions, one with its parameters, exported in each format."""
    folder = tmp_path_factory.mktemp("exports")
    assert here(folder, "run", *GRID, "problem=quadratic_bowl", "problem.dim=2,5").code == 0
    assert here(folder, "run", *GRID, "problem=rosenbrock", "record.params=true").code == 0
    for to in formats.FORMATS:
        ended = export(folder, to)
        assert ended.out.startswith(f"24 runs exported to results/S/export/{to}\n")
    assert (runs_of(folder)["status"] == "diverged").any()
    return folder


def export(folder: Path, to: str, *words: str) -> Ended:
    """Export in a process of its own: DuckDB starts threads, after which no test may fork."""
    ended = apart(folder, "export", "study=S", f"to={to}", *words)
    assert (ended.code, ended.err) == (0, "")
    return ended


def runs_of(folder: Path) -> pd.DataFrame:
    return Store(folder / S).runs().set_index("run")


def history_of(folder: Path) -> pd.DataFrame:
    return Store(folder / S).history().astype({"run": str})


def read_by(script: str, folder: Path) -> Any:
    """Return what a script prints as JSON: a reader in a process of its own, without a network."""
    ended = subprocess.run(
        [sys.executable, "-c", NO_NETWORK + dedent(script)],
        cwd=folder / S / "export",
        env=os.environ | environment() | {"HOME": str(folder), "MPLCONFIGDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


NO_NETWORK = """
import json, urllib.error, urllib.request, warnings

def refused(*arguments, **options):
    raise urllib.error.URLError("no network in tests")

urllib.request.urlopen = urllib.request.urlretrieve = refused
"""


# --- Tables ---


def test_csv_holds_every_number_as_it_is_stored(folder: Path) -> None:
    runs = pd.read_csv(folder / S / "export" / "csv" / "runs.csv").set_index("run")
    same_tables(runs, runs_of(folder))
    history = pd.read_csv(folder / S / "export" / "csv" / "history.csv")
    same_tables(history.set_index(["run", "step"]), history_of(folder).set_index(["run", "step"]))


def test_parquet_holds_every_number_as_it_is_stored(folder: Path) -> None:
    runs = pd.read_parquet(folder / S / "export" / "parquet" / "runs.parquet").set_index("run")
    same_tables(runs, runs_of(folder))
    history = pd.read_parquet(folder / S / "export" / "parquet" / "history.parquet")
    same_tables(history.set_index(["run", "step"]), history_of(folder).set_index(["run", "step"]))


def same_tables(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that a table holds another one, and beside its columns nothing but provenance."""
    assert set(found) - set(expected) <= {
        "code",
        "python",
        "numpy",
        "machine",
        "commit",
        "record.points",
        "studies",
    }
    assert len(found) == len(expected)
    for key, column in expected.items():
        there, wanted = found.loc[expected.index, key], column
        if pd.api.types.is_numeric_dtype(column.dtype):
            np.testing.assert_array_equal(there.astype(float), wanted.astype(float), err_msg=str(key))
        else:
            assert there.isna().tolist() == wanted.isna().tolist()
            assert there.dropna().astype(str).tolist() == wanted.dropna().astype(str).tolist(), key


def test_duckdb_answers_a_query(folder: Path) -> None:
    found = read_by(
        """
        import duckdb
        with duckdb.connect("duckdb/study.duckdb", read_only=True) as database:
            rows = database.execute(
                "select optimizer, count(*), max(best_loss), count(*) filter (where not isnan(loss)) "
                "from runs group by 1 order by 1"
            ).fetchall()
            joined = database.execute(
                "select count(*) from runs join history using (run) "
                "where step = 20 and runs.loss = history.loss and not isnan(history.loss)"
            ).fetchall()
        print(json.dumps([rows, joined]))
        """,
        folder,
    )
    runs = runs_of(folder)
    groups = runs.groupby("optimizer", observed=True)
    expected = [
        [str(name), len(part), part["best_loss"].max(), int(part["loss"].count())] for name, part in groups
    ]
    assert found == [expected, [[int(runs["loss"].count())]]]


# --- Benchmarking suites ---


def expected_trajectories(folder: Path) -> dict[tuple[str, int, int], list[tuple[int, float]]]:
    """Return evaluations and suboptimalities by algorithm, dimension and instance, worked out run by run."""
    runs, history = runs_of(folder), history_of(folder)
    found = {}
    for run, row in runs.iterrows():
        own = history[(history["run"] == run) & history["suboptimality"].notna()]
        dimension = 2 if row["problem"] == "rosenbrock" else int(row["problem.dim"])
        key = (
            f"{row['optimizer']} lr={row['optimizer.lr']:g} {row['problem']}",
            dimension,
            {3: 1, 7: 2}[row["seed"]],
        )
        found[key] = [
            (step + 1, value) for step, value in zip(own["step"], own["suboptimality"], strict=True)
        ]
    return found


def test_iohinspector_opens_it(folder: Path) -> None:
    found = read_by(
        """
        warnings.simplefilter("error")
        from iohinspector import DataManager
        manager = DataManager()
        manager.add_folder("ioh")
        data = manager.load(monotonic=False, include_meta_data=True)
        columns = ["algorithm_name", "function_name", "dimension", "instance", "evaluations", "raw_y"]
        overview = manager.overview.select(["algorithm_name", "optimizer.lr", "evals", "best_y", "suite"])
        print(json.dumps([data.select(columns).rows(), overview.rows()]))
        """,
        folder,
    )
    expected = expected_trajectories(folder)
    read: dict[tuple[str, int, int], list[tuple[int, float]]] = {}
    for algorithm, function, dimension, instance, evaluations, value in found[0]:
        read.setdefault((f"{algorithm} {function}", dimension, instance), []).append((evaluations, value))
    assert read == expected
    assert sorted((evals, best) for _, _, evals, best, _ in found[1]) == sorted(
        (points[-1][0], min(value for _, value in points)) for points in expected.values()
    )
    for algorithm, rate, _, _, suite in found[1]:
        assert algorithm.endswith(f"lr={rate:g}")
        assert suite == "optimizer-lanes"


def test_cocopp_opens_it(folder: Path) -> None:
    found = read_by(
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would like a network, and 15 instances
            import cocopp
            told = []
            for name in ("adam_lr=0.1", "adam_lr=1000", "sgd_lr=0.1", "sgd_lr=1000"):
                for data in cocopp.load(f"coco/{name}"):
                    numbers = [data.maxevals.tolist(), data.finalfunvals.tolist(), data.funvals.tolist()]
                    told.append([name, data.funcId, data.dim, data.instancenumbers, *numbers])
        print(json.dumps(told))
        """,
        folder,
    )
    functions = pd.read_csv(folder / S / "export" / "coco" / "functions.csv").drop_duplicates("function")
    names = functions.set_index("function")["name"].to_dict()
    expected = expected_trajectories(folder)
    assert len(found) == 12
    for algorithm, function, dimension, instances, evaluations, best, values in found:
        assert instances == [1, 2]
        for place, instance in enumerate(instances):
            points = expected.pop((f"{algorithm.replace('_', ' ')} {names[function]}", dimension, instance))
            assert evaluations[place] == points[-1][0]
            assert best[place] == pytest.approx(min(value for _, value in points))
            lowest = np.minimum.accumulate([value for _, value in points])
            read = {row[0]: row[1 + place] for row in values}
            for (evaluation, _), low in zip(points, lowest, strict=True):
                assert read[evaluation] == pytest.approx(low)
    assert expected == {}


def test_cocopp_finds_when_a_target_was_reached(folder: Path) -> None:
    found = read_by(
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cocopp
            [data] = [data for data in cocopp.load("coco/adam_lr=0.1") if data.dim == 5]
            print(json.dumps([[None if n != n else float(n) for n in row] for row in data.evals]))
        """,
        folder,
    )
    assert len(found) > 2
    for instance in (1, 2):
        points = expected_trajectories(folder)["adam lr=0.1 quadratic_bowl", 5, instance]
        for row in found:
            reached = [evaluation for evaluation, value in points if value <= row[0]]
            assert row[instance] == (reached[0] if reached else None)


def test_benchopt_opens_it(folder: Path) -> None:
    found = read_by(
        """
        from benchopt.plotting.default_plots import ObjectiveCurvePlot
        from benchopt.results import read_results
        data = read_results("benchopt/benchopt_run_lanes.parquet")
        curves = ObjectiveCurvePlot().plot(
            data, dataset="rosenbrock", objective="minimise [suboptimality]",
            objective_column="objective_value", X_axis="Iteration",
        )
        names = ["run", "stop_val", "objective_value", "objective_loss", "idx_rep"]
        names += ["solver_name", "dataset_name"]
        told = [[curve["label"], curve["x"], curve["y"]] for curve in curves]
        print(json.dumps([data[names].values.tolist(), told]))
        """,
        folder,
    )
    rows, curves = found
    expected = history_of(folder)
    assert [[row[0], row[1]] for row in rows] == expected[["run", "step"]].values.tolist()
    np.testing.assert_array_equal([row[2] for row in rows], expected["suboptimality"])
    np.testing.assert_array_equal([row[3] for row in rows], expected["loss"])
    assert {row[6] for row in rows} == {"rosenbrock", "quadratic_bowl[dim=2]", "quadratic_bowl[dim=5]"}
    runs = runs_of(folder)
    for label, steps, values in curves:
        name, rate = label[:-1].split("[lr=")
        own = runs[(runs["problem"] == "rosenbrock") & (runs["optimizer"] == name)]
        own = own[own["optimizer.lr"] == float(rate)]
        part = expected[expected["run"].isin(own.index)]
        if name == "adam":  # of curves that end benchopt repeats the last value
            medians = part.groupby("step")["suboptimality"].median()
            assert (steps, values) == (medians.index.tolist(), pytest.approx(medians.tolist()))
    assert len(curves) == 4


def test_the_legend_says_what_each_number_is(folder: Path) -> None:
    for to in ("ioh", "coco"):
        legend = {
            name: pd.read_csv(folder / S / "export" / to / f"{name}.csv")
            for name in ("functions", "instances", "algorithms")
        }
        assert legend["instances"].values.tolist() == [[1, 3], [2, 7]]
        assert set(legend["functions"]["name"]) == {"quadratic_bowl", "rosenbrock"}
        assert sorted(legend["functions"]["problem.dim"].dropna()) == [2, 2, 5]
        assert legend["algorithms"].groupby("algorithm")["optimizer.lr"].nunique().tolist() == [1, 1, 1, 1]


# --- What is left out is told ---


def test_an_export_again_takes_the_place_of_the_first(folder: Path) -> None:
    before = files(folder / S / "export" / "ioh")
    numbers = {name: (folder / S / "export" / "ioh" / name).read_bytes() for name in before}
    export(folder, "ioh")
    assert files(folder / S / "export" / "ioh") == before
    assert {name: (folder / S / "export" / "ioh" / name).read_bytes() for name in before} == numbers
    assert not [name for name in os.listdir(folder / S / "export") if name.startswith(".")]


def test_runs_without_histories_and_of_older_code_are_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / S, tmp_path / S)
    grid = [word for word in GRID if not word.startswith(("study", "optimizer="))]
    assert here(tmp_path, "run", *grid, "optimizer=adagrad", "problem=rosenbrock", "study=old").code == 0
    rewritten(tmp_path / "results" / "old", unchanged, code="0123456789abcdef")
    assert here(tmp_path, "merge", "study=old", "into=S").code == 0
    out = export(tmp_path, "csv").out
    assert "left out: 4 runs of older code; outdated=true takes them in\n" in out
    assert export(tmp_path, "csv", "outdated=true").out.startswith("28 runs exported")
    runs = pd.read_csv(tmp_path / S / "export" / "csv" / "runs.csv")
    assert runs.loc[runs["optimizer"] == "adagrad", "code"].unique() == ["0123456789abcdef"]
    assert runs.loc[runs["optimizer"] == "adagrad", "studies"].unique() == ["old"]
    assert here(tmp_path, "prune", "study=S", "what=[outdated,histories]", "dry_run=false").code == 0
    out = export(tmp_path, "ioh").out
    assert out.startswith("0 runs exported to ")
    assert "24 runs have no history any more: it was pruned\n" in out
    assert export(tmp_path, "csv").out.startswith("24 runs exported")


def test_copies_of_a_run_are_exported_once(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / S, tmp_path / S)
    grid = [*(word for word in GRID if not word.startswith(("seed", "study"))), "study=more"]
    assert here(tmp_path, "run", *grid, "problem=rosenbrock", "seed=7,8", "record.params=true").code == 0
    for kind in ("runs", "history"):
        for file in (tmp_path / "results" / "more" / kind).iterdir():
            shutil.copy(file, tmp_path / S / kind)
    assert export(tmp_path, "parquet").out.startswith("28 runs exported")
    history = pd.read_parquet(tmp_path / S / "export" / "parquet" / "history.parquet")
    assert len(history) == 28 * 5
    assert not history.duplicated(["run", "step"]).any()


def test_an_export_that_fails_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(store: Store, into: Path, outdated: bool) -> int:
        (into / "runs.csv").write_text("run\n")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats.TABLES, "csv", full)
    ended = here(folder, "export", "study=S", "to=csv", f"into={tmp_path / 'new'}")
    assert ended == Ended(2, "", f"error: {tmp_path / 'new'} cannot be written: No space left on device\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study=nope"], "study=nope: there is no such study in results"),
        (["to=xls"], "to must be one of csv, parquet, duckdb, ioh, coco, benchopt, got 'xls'"),
        (["to=ioh", "measure=nope"], f"measure must be one of {', '.join(MEASURES)}, got 'nope'"),
        (["to=coco", "measure=accuracy"], "to=coco takes what is minimised, got measure=accuracy"),
        (["into=results/S"], "into=results/S is there and is no export; name a new folder"),
        (["into=results/S/runs"], "into=results/S/runs is there and is no export; name a new folder"),
    ],
)
def test_bad_input_is_one_line(folder: Path, words: list[str], line: str) -> None:
    before = files(folder)
    study = [] if words[0].startswith("study") else ["study=S"]
    assert here(folder, "export", *study, *words) == Ended(2, "", f"error: {line}\n")
    assert files(folder) == before


@pytest.mark.parametrize("to", ["csv", "ioh", "benchopt"])
def test_an_empty_study_is_one_line(tmp_path: Path, to: str) -> None:
    (tmp_path / S).mkdir(parents=True)
    assert here(tmp_path, "export", "study=S", f"to={to}") == Ended(
        2, "", "error: study=S: it holds no runs\n"
    )


def test_settings_that_differ_in_the_last_digit_are_two_algorithms() -> None:
    runs = pd.DataFrame({"optimizer": "sgd", "steps": 5, "optimizer.lr": [0.1, 0.1 + 1e-12, 0.1]})
    names = algorithms(runs)
    assert names[0] == names[2] != names[1]
    folders = folder_names(["A b", "a b", "a_b", "x" * 300, "x" * 300 + "y"])
    assert len({folder.lower() for folder in folders.values()}) == 5
    assert max(map(len, folders.values())) < 255
