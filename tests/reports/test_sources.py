"""From a number to its runs: what a report says of the runs behind its tables."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
from command_line import here
from drawn import without_rendering

from experiments import report
from experiments.figures.parts import Table, Text
from experiments.reports import study as study_report
from experiments.reports.sources import (
    Section,
    digest,
    groups_of,
    runs_behind,
    spans,
    unspanned,
    write_sources,
)
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.store import Store, sample

GRID = (
    "-m",
    "steps=10",
    "record.points=4",
    "optimizer=rmsprop,sgd",
    "problem=quadratic,rosenbrock",
    "problem.dim=2,3",
    "optimizer.lr=0.01,0.1",
    "seed=range(0,6)",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of 72 runs, and the report on it."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        without_rendering(patched)
        assert here(folder, "run", *GRID, "study=some").code == 0
        assert here(folder, "report", "study=some").code == 0
    return folder / "results"


def section(study: Path) -> tuple[Section, pd.DataFrame]:
    """Return a section with a table of all runs, one of few, and words; and the few."""
    runs = Store(study / "some").runs()
    few = runs[(runs["optimizer"] == "sgd") & (runs["seed"] >= 4) & (runs["optimizer.lr"] == 0.1)]
    frame = pd.DataFrame({"x": [1.0]})
    parts = [Text("#"), Table("everything", "", frame), Table("few", "", frame, few)]
    return Section("part", "some", "the command", runs, parts), few


def test_the_runs_of_a_table_come_back_with_their_ids(study: Path, tmp_path: Path) -> None:
    written, few = section(study)
    write_sources(tmp_path, [written])
    for name, expected in (("few", few), ("everything", written.runs)):
        found = runs_behind(name, tmp_path, study)
        assert set(found["run"]) == set(expected["run"])
        assert len(found) == len(expected)
    index = pd.read_csv(tmp_path / "runs.csv").set_index("table")
    assert index["runs"].to_dict() == {"everything": len(written.runs), "few": len(few)}
    assert set(index["command"]) == {"the command"}


def test_runs_of_a_group_are_read_by_the_same_tables(study: Path) -> None:
    written, few = section(study)
    groups = groups_of(written)
    assert groups.nunique() == 2
    assert groups[few.index].nunique() == 1


def test_a_listing_has_a_row_a_setting_and_the_id_of_its_first_run(study: Path, tmp_path: Path) -> None:
    written, _ = section(study)
    write_sources(tmp_path, [written])
    table = pd.read_csv(tmp_path / "runs" / "part.csv")
    assert table["runs"].sum() == len(written.runs)
    row = table[(table["optimizer"] == "rmsprop") & (table["settings"] == "problem.dim=3 optimizer.lr=0.01")]
    assert row[["problem", "seeds", "runs"]].to_numpy().tolist() == [["rosenbrock", "0-5", 6]]
    [first] = row["first"]
    assert written.runs.set_index("run").loc[first, "seed"] == 0


def test_a_store_without_the_runs_is_told_from_one_that_has_them(study: Path, tmp_path: Path) -> None:
    written, few = section(study)
    fewer = Section(written.name, written.study, written.command, written.runs.iloc[1:], written.parts)
    write_sources(tmp_path, [fewer])
    assert len(runs_behind("few", tmp_path, study)) == len(few)
    index = pd.read_csv(tmp_path / "runs.csv", dtype=str)
    index.assign(digest="0").to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(
        ValueError, match=r"few: the store does not have its \d+ runs; make them with the command"
    ):
        runs_behind("few", tmp_path, study)
    with pytest.raises(ValueError, match="table must be one of everything, few, got 'nope'"):
        runs_behind("nope", tmp_path, study)


def test_every_table_and_figure_of_a_report_leads_to_its_runs(study: Path) -> None:
    folder = study / "some" / "report"
    index = pd.read_csv(folder / "runs.csv")
    names = {path.stem for path in [*folder.glob("tables/*.csv"), *folder.glob("figures/*.png")]}
    assert names == set(index["table"])
    for name in names:
        found = runs_behind(name, folder, study)
        assert digest(found["run"].astype(str)) == index.set_index("table").loc[name, "digest"]
    best = pd.read_csv(folder / "tables" / "log_area.csv")
    assert best["runs"].sum() == len(runs_behind("log_area", folder, study))


SCHEDULED = ("-m", "schedule=constant,cosine,cosine_restarts", "problem=quadratic", "steps=10", "seed=0,1")
LABELLED = (
    (
        "optimizer=adabound",
        "optimizer.final_lr=0.1,0.2",
        "optimizer.lr=0.01,0.02",
    ),  # keys after those of a schedule
    ("optimizer=sgd", "optimizer.momentum=0,0.5", "optimizer.lr=0.01"),
    ("optimizer=sgd", "optimizer.label=heavy", "optimizer.momentum=0.8,0.9", "optimizer.lr=0.01"),
    ("optimizer=sgd", "optimizer.label=fast", "optimizer.momentum=0.8", "optimizer.lr=0.01,0.1"),
)


def test_runs_under_several_schedules_and_labels_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rendering(monkeypatch)
    for words in LABELLED:
        ended = here(tmp_path, "run", *SCHEDULED, *words, "study=some")
        assert ended.code == 0, ended.err
    assert here(tmp_path, "report", "study=some").code == 0
    results = tmp_path / "results"
    found = runs_behind("settings", results / "some" / "report", results)
    assert len(found) == 3 * 2 * (4 + 2 + 2 + 2)
    assert found.groupby("optimizer", observed=True).size().to_dict() == {
        **{"adabound": 24, "sgd": 12},
        **{"sgd:heavy": 12, "sgd:fast": 12},
    }


def test_a_report_on_too_many_runs_is_on_some_seeds_of_every_setting(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(study, tmp_path / "results")
    without_rendering(monkeypatch)
    monkeypatch.setattr(report, "MOST_READ", 65)
    assert here(tmp_path, "report", "study=some").code == 0
    folder = tmp_path / "results" / "some" / "report"
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "60 runs: " in text
    assert "Of 72 runs, more than fit into memory, they are a sample: of each setting at most 5 seeds" in text
    table = pd.read_csv(folder / "tables" / "sample.csv")
    assert len(table) == 6
    assert (table["shown"] == 10).all()
    assert (table["of"] == 12).all()
    assert (table["seeds"] == "0-4").all()
    for name in pd.read_csv(folder / "runs.csv")["table"]:
        runs_behind(name, folder, tmp_path / "results")
    found = runs_behind("sample", folder, tmp_path / "results")
    assert (len(found), set(found["seed"])) == (60, {0, 1, 2, 3, 4})
    part = Store(tmp_path / "results" / "some").within(30)
    assert set(part.history()["run"]) == set(part.runs()["run"])
    assert len(part.runs()) == 24
    assert len(part.history(part.runs()["run"][:2])) == 8


SHORT = ("steps=5", "record.points=3", "study=uneven")


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study whose optimizers and problems have other seeds, one of them ten times as many."""
    folder = tmp_path_factory.mktemp("uneven")
    search = ("tune.trials=3", "tune.seeds=4", "tune.budgets=[1]", "seed=0,1,2")
    for command in (
        ("run", "-m", "optimizer=sgd", "optimizer.lr=0.01,0.1", "problem=rosenbrock", "seed=range(0,100)"),
        ("run", "-m", "optimizer=adam", "problem=rosenbrock", "seed=range(95,105)"),
        ("run", "-m", "optimizer=adam,sgd", "problem=quadratic", "seed=range(1000,1010)"),
        ("run", "-m", "optimizer=sgd", "problem=rosenbrock", "steps=6", "seed=3"),
        ("run", "-m", "optimizer=sgd", "problem=rosenbrock", "record.points=2", "seed=range(90,100)"),
        ("tune", "-m", "optimizer=rmsprop", "problem=logistic", "problem.data=wine", *search),
    ):
        words = [word for word in SHORT if not any(given.startswith(word.split("=")[0]) for given in command)]
        assert here(folder, *command[:2], *words, *command[2:]).code == 0
    return folder / "results"


def numbers_of_seeds(runs: pd.DataFrame) -> pd.Series:
    """Return how many seeds each setting has, tuning seeds apart."""
    names = [name for name in runs if str(name).startswith(("optimizer", "problem"))]
    keys = runs[[*names, "steps"]].astype(object).fillna("none").astype(str).agg(" ".join, axis=1)
    return runs.groupby([keys, runs["seed"] >= FIRST_TUNING_SEED])["seed"].nunique()


@pytest.mark.parametrize("most", [20, 60, 100, 200, 240])
@pytest.mark.parametrize("at_once", [sample.AT_ONCE, 1])
def test_nothing_vanishes_from_a_sample(
    uneven: Path, monkeypatch: pytest.MonkeyPatch, most: int, at_once: int
) -> None:
    monkeypatch.setattr(sample, "AT_ONCE", at_once)
    store = Store(uneven / "uneven")
    part = store.within(most)
    assert part.sample is not None
    runs = part.runs()
    assert len(runs) <= most
    assert runs["run"].is_unique
    whole, shown = numbers_of_seeds(store.runs()), numbers_of_seeds(runs)
    pd.testing.assert_series_equal(shown, whole.clip(upper=part.sample.seeds))
    assert part.sample.cells["runs"].sum() == store.count()
    together = runs[(runs["problem"] == "rosenbrock") & (runs["steps"] == 5)]
    shared = together.groupby("seed")["optimizer"].nunique()
    assert (shared == 2).sum() == min(part.sample.seeds, 5)  # of those that both have, 95 to 99


def test_as_many_seeds_are_taken_as_fit() -> None:
    assert [sample.most_seeds(np.array([3, 1, 10]), most) for most in (3, 4, 5, 7, 8, 13, 14, 99)] == [
        *(1, 1, 2, 3, 4, 9, 10, 10)
    ]


def test_scattered_seeds_are_taken_from_the_lowest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for optimizer, seeds in (("sgd", "1,3,5,7,9,11"), ("adam", "9,11,13,15,17,19")):
        grid = (f"optimizer={optimizer}", "problem=rosenbrock", f"seed={seeds}", *SHORT)
        assert here(tmp_path, "run", "-m", *grid).code == 0
    store = Store(tmp_path / "results" / "uneven")
    assert set(store.within(4).runs()["seed"]) == {9, 11}
    monkeypatch.setattr(sample, "MOST_ENDS", 23)  # a range for each seed has two
    assert set(store.within(4).runs()["seed"]) == {1, 3, 9, 11}


def test_a_report_on_an_uneven_sample_names_what_it_shows(
    uneven: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rendering(monkeypatch)
    monkeypatch.setattr(report, "MOST_READ", 60)
    assert here(uneven.parent, "report", "study=uneven").code == 0
    folder = uneven / "uneven" / "report"
    table = pd.read_csv(folder / "tables" / "sample.csv")
    assert table["of"].sum() == Store(uneven / "uneven").count()
    runs = runs_behind("sample", folder, uneven)
    assert table["shown"].sum() == len(runs)
    assert set(table["optimizer"]) == set(runs["optimizer"]) == {"sgd", "adam", "rmsprop"}


def test_of_too_many_recorded_steps_those_of_the_first_seeds_are_read(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(study, tmp_path / "results")
    without_rendering(monkeypatch)
    steps = Store(study / "some").steps_a_run()
    pairs = 6  # of an optimizer and a problem: each has one best setting
    monkeypatch.setattr(study_report, "MOST_STEPS", int(2 * pairs * steps))
    assert here(tmp_path, "report", "study=some").code == 0
    folder = tmp_path / "results" / "some" / "report"
    shown = runs_behind("best_settings", folder, tmp_path / "results")
    first = sorted(set(runs_behind("steps_to_targets", folder, tmp_path / "results")["seed"]))
    for table in ("log_area", "learning_curves"):
        found = runs_behind(table, folder, tmp_path / "results")
        assert (len(found), sorted(set(found["seed"]))) == (2 * pairs, first[:2])
    assert len(first) > 2
    assert len(shown) == 72
    text = (folder / "report.md").read_text(encoding="utf-8")
    said = f"the first of each optimizer on each problem: seeds {first[0]} to {first[1]}."
    assert said in text


def test_a_report_on_too_many_settings_is_refused(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_READ", 11)
    ended = here(study.parent, "report", "study=some")
    line = (
        "error: study=some: a report shows a run of each setting at least, at most 11 fit into memory, and "
        "there are more settings\n"
    )
    assert (ended.err, ended.out, ended.code) == (line, "", 2)


def test_a_digest_is_of_the_ids_in_any_order() -> None:
    assert digest(["b", "a"]) == digest(["a", "b"]) != digest(["a", "c"])


@pytest.mark.parametrize(("seeds", "words"), [([0, 1, 2], "0-2"), ([5], "5"), ([7, 0, 1, 9, 8], "0-1 7-9")])
def test_seeds_as_ranges(seeds: list[int], words: str) -> None:
    assert spans(np.array(seeds)) == words
    assert unspanned(words) == sorted(seeds)
