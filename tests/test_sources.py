"""From a number to its runs: what a report says of the runs behind its tables."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
from command_line import here
from matplotlib.figure import Figure

from experiments import page, report
from experiments.page import Table, Text
from experiments.sources import Section, digest, groups_of, runs_behind, spans, unspanned, write_sources
from experiments.store import Store

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


def without_pictures(patched: pytest.MonkeyPatch) -> None:
    def touch(figure: Figure, stem: Path) -> None:
        for ending in (".png", ".svg"):
            stem.with_name(f"{stem.name}{ending}").touch()

    patched.setattr(page, "save_figure", touch)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of 72 runs, and the report on it."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        without_pictures(patched)
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


def test_a_report_on_too_many_runs_is_on_their_first_seeds(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(study, tmp_path / "results")
    without_pictures(monkeypatch)
    monkeypatch.setattr(report, "MOST_RUNS", 65)
    assert here(tmp_path, "report", "study=some").code == 0
    folder = tmp_path / "results" / "some" / "report"
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "60 runs: " in text
    assert "Of 72 runs, those of seeds below 5 are shown." in text
    found = runs_behind("best_settings", folder, tmp_path / "results")
    assert (len(found), set(found["seed"])) == (60, {0, 1, 2, 3, 4})
    early = Store(tmp_path / "results" / "some", below=2)
    assert set(early.history()["run"]) == set(early.runs()["run"])
    assert len(early.runs()) == 24


def test_what_a_report_on_the_first_seeds_leaves_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ("steps=5", "record.points=3", "study=some")
    search = ("tune.trials=3", "tune.budgets=[1]", "seed=0,1")
    assert here(tmp_path, "tune", "-m", "optimizer=sgd", "problem=rosenbrock", *search, *short).code == 0
    assert here(tmp_path, "run", "-m", "optimizer=adam", "problem=quadratic", "seed=5,6", *short).code == 0
    without_pictures(monkeypatch)
    monkeypatch.setattr(report, "MOST_RUNS", 6)
    assert here(tmp_path, "report", "study=some").code == 0
    text = (tmp_path / "results" / "some" / "report" / "report.md").read_text(encoding="utf-8")
    below = Store(tmp_path / "results" / "some").within(6).below
    assert below == 2
    assert "The tuning seeds are not among them. There is none of adam on quadratic." in text


def test_of_too_many_recorded_steps_those_of_the_first_seeds_are_read(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(study, tmp_path / "results")
    without_pictures(monkeypatch)
    steps = Store(study / "some").steps_a_run()
    pairs = 6  # of an optimizer and a problem: each has one best setting
    monkeypatch.setattr(report, "MOST_STEPS", int(2 * pairs * steps))
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
    assert f"What is drawn or computed from histories is of seeds {first[0]} to {first[1]}." in text


def test_a_report_on_a_seed_with_too_many_runs_is_refused(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_RUNS", 11)
    ended = here(study.parent, "report", "study=some")
    line = "error: study=some: seed 0 alone has 12 runs, at most 11 fit into memory\n"
    assert (ended.err, ended.out, ended.code) == (line, "", 2)


def test_a_digest_is_of_the_ids_in_any_order() -> None:
    assert digest(["b", "a"]) == digest(["a", "b"]) != digest(["a", "c"])


@pytest.mark.parametrize(("seeds", "words"), [([0, 1, 2], "0-2"), ([5], "5"), ([7, 0, 1, 9, 8], "0-1 7-9")])
def test_seeds_as_ranges(seeds: list[int], words: str) -> None:
    assert spans(np.array(seeds)) == words
    assert unspanned(words) == sorted(seeds)
