"""The report on a study: its files, what it says of missing data, and what it refuses."""

import math
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Ended, files, here
from drawn import without_rendering
from frames import frames, stacked
from matplotlib.figure import Figure

from experiments import tables
from experiments.command_line.terminal import closing_table
from experiments.figures import STYLE
from experiments.figures.parts import Picture, Table, Text
from experiments.reports.page import bullet_list, cell, file_name, table_text, write_page
from experiments.store import Store
from experiments.store import store as store_module
from experiments.tables.distinct import distinct

FIGURES = ["effective_rates", "fit", "heat_map", "learning_curves", "lr_sensitivity", "paths", "schedules"]
TABLES = ["best_settings", "divergence", "log_area", "lr_robustness", "ranks", "settings", "steps_to_targets"]
GRID = (
    "-m",
    "steps=30",
    "record.points=6",
    "record.params=true",
    "optimizer=rmsprop,sgd",
    "schedule=cosine",
    "problem=quadratic,rosenbrock",
    "optimizer.lr=0.003,0.03",
    "optimizer.momentum=0,0.5",
    "seed=0,1",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study that has data for every table and figure but those beside theory."""
    folder = tmp_path_factory.mktemp("study")
    assert here(folder, "run", *GRID, "study=full").code == 0
    return folder


@pytest.fixture(scope="module")
def ended(study: Path) -> Ended:
    """How the report on it ended."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(STYLE, "savefig.dpi", 40)  # quicker
        return here(study, "report", "study=full")


@pytest.fixture
def rendered_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, but their files are left empty."""
    without_rendering(monkeypatch)


def report_of(folder: Path, study: str) -> str:
    return (folder / "results" / study / "report" / "report.md").read_text(encoding="utf-8")


# --- A study that has everything ---


def test_a_full_study_gives_every_table_and_figure(study: Path, ended: Ended) -> None:
    assert (ended.code, ended.err) == (0, "")
    assert set(files(study / "results" / "full" / "report")) >= {
        "report.md",
        *(f"figures/{name}.{ending}" for name in FIGURES for ending in ("png", "svg")),
        *(f"tables/{name}.{ending}" for name in TABLES for ending in ("csv", "md")),
    }
    lacking = report_of(study, "full").partition("Not drawn, for want of data:")[2]
    theory = ["observed rates beside those of theory", "cycles at a constant learning rate"]
    assert (
        re.findall(r"^- ([^:]+):", lacking, re.MULTILINE) == theory
    )  # which takes other problems, and longer runs


def test_the_command_says_the_best_and_where_the_report_is(ended: Ended) -> None:
    assert "Best settings by median suboptimality" in ended.out
    page = "results/full/report/report.html"
    said = f"report written to results/full/report/report.md and, to send, {page}"
    assert ended.out.splitlines()[-1] == said


def test_every_link_of_the_report_resolves_and_every_file_is_linked(study: Path, ended: Ended) -> None:
    folder = study / "results" / "full" / "report"
    links = re.findall(r"\]\(([^)]+)\)", report_of(study, "full"))
    assert [link for link in links if not (folder / link).is_file()] == []
    copies = {name for name in files(folder) if name.startswith("tables/") and name.endswith(".md")}
    assert sorted(links) == sorted(set(files(folder)) - copies - {"report.md"})


def test_figures_are_pictures(study: Path, ended: Ended) -> None:
    folder = study / "results" / "full" / "report" / "figures"
    assert list(folder.iterdir())
    for file in folder.glob("*.png"):
        assert file.read_bytes().startswith(b"\x89PNG")
    for file in folder.glob("*.svg"):
        assert "<svg" in file.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_runs(study: Path, ended: Ended) -> None:
    runs = Store(study / "results" / "full").runs()
    folder = study / "results" / "full" / "report" / "tables"
    for name, expected in {
        "best_settings": tables.best_settings(runs),
        "divergence": tables.divergence(runs),
        "ranks": tables.ranks(runs),
    }.items():
        found = pd.read_csv(folder / f"{name}.csv")
        assert list(found) == list(expected)
        for column in expected.select_dtypes("number"):
            assert found[column].to_numpy() == pytest.approx(expected[column].to_numpy(), nan_ok=True)
        assert (folder / f"{name}.md").read_text(encoding="utf-8") == f"{table_text(expected)}\n"


def test_a_report_carries_no_date_time_or_path(study: Path, ended: Ended) -> None:
    folder = study / "results" / "full" / "report"
    for name in files(folder):
        data = (folder / name).read_bytes()
        assert str(study).encode() not in data
        own = re.sub(rb'<script type="module">.*?</script>', b"", data, flags=re.DOTALL)  # not of libraries
        assert re.search(rb"\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", own) is None


@pytest.mark.usefixtures("rendered_blank")
def test_settings_recorded_twice_count_once(tmp_path: Path) -> None:
    for points in (3, 5):
        here(tmp_path, "run", "-m", "steps=20", f"record.points={points}", "optimizer.lr=0.01,0.1")
    assert len(Store(tmp_path / "results" / "default").runs()) == 4
    here(tmp_path, "report")
    assert report_of(tmp_path, "default").count("\n2 runs: rmsprop on quadratic, 1 seed,") == 1


# --- Schedules ---


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of four schedules, two of them of one name, and its report."""
    folder = tmp_path_factory.mktemp("scheduled")
    words = ("schedule=constant,cosine,step", "schedule.final=0,0.5", "optimizer=sgd,adam", "seed=0,1")
    assert here(folder, "run", "-m", "steps=20", "record.points=5", *words).code == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(STYLE, "savefig.dpi", 40)
        assert here(folder, "report").code == 0
    return folder


def test_runs_that_differ_by_their_schedule_alone_are_all_reported(scheduled: Path) -> None:
    text = report_of(scheduled, "default")
    assert "\n16 runs: adam, sgd on quadratic, 2 seeds, 20 steps;" in text
    varied = pd.read_csv(scheduled / "results" / "default" / "report" / "tables" / "settings.csv")
    told = varied.set_index("key")["values"]
    assert told["schedule"].tolist() == ["constant, cosine, step"] * 2
    assert told["schedule.final"].tolist() == ["null, 0, 0.5"] * 2
    assert set(told.index) == {"schedule", "schedule.final"}  # the others are those of their schedule
    best = pd.read_csv(scheduled / "results" / "default" / "report" / "tables" / "best_settings.csv")
    assert [key for key in best if key.startswith("schedule")] == ["schedule", "schedule.final"]


def test_a_study_of_schedules_draws_the_rate_of_each(scheduled: Path) -> None:
    folder = scheduled / "results" / "default" / "report"
    table = pd.read_csv(folder / "tables" / "schedules.csv").set_index("step")
    rates = {str(name): part["rate"] for name, part in table.groupby("schedule", sort=False)}
    assert list(rates) == ["constant", "cosine final=0", "cosine final=0.5", "step"]
    assert all(part.index.tolist() == list(range(20)) for part in rates.values())
    assert set(rates["constant"]) == {1}
    assert rates["cosine final=0.5"].to_numpy() == pytest.approx(0.5 + 0.5 * rates["cosine final=0"])
    assert rates["cosine final=0"][10] == pytest.approx(0.5)
    assert rates["step"].unique() == pytest.approx([1, 0.1, 0.01])
    text = report_of(scheduled, "default")
    assert "(figures/schedules.png)" in text
    assert "- a map over two hyperparameters: sweep two" in text  # final varies, the gamma of step does not


def test_runs_count_once_unless_a_setting_differs() -> None:
    columns = {"run": ["a", "b", "c"], "optimizer": "sgd", "problem": "sphere", "seed": 0, "steps": 5}
    runs = pd.DataFrame({**columns, "schedule": "cosine", "schedule.final": [0.0, 0.5, 0.5]})
    assert distinct(runs)["run"].tolist() == ["a", "b"]
    assert distinct(runs, ["c"])["run"].tolist() == ["a", "c"]
    assert distinct(runs.assign(schedule=["cosine", "step", "step"]))["run"].tolist() == ["a", "b"]


# --- A study that lacks data ---


@pytest.mark.usefixtures("rendered_blank")
def test_a_study_of_one_run_is_reported_with_what_is_missing(tmp_path: Path) -> None:
    here(tmp_path, "run", "steps=20", "record.points=5")
    ended = here(tmp_path, "report")
    text = report_of(tmp_path, "default")
    assert ended.code == 0
    assert [name for name in files(tmp_path / "results" / "default" / "report") if ".png" in name] == [
        "figures/learning_curves.png"
    ]
    _, missing = text.split("Not drawn, for want of data:\n\n")
    assert set(missing.splitlines()) >= {
        "- sensitivity to the learning rate: sweep it, optimizer.lr=logspace:1e-5:10:25",
        "- a map over two hyperparameters: sweep two, optimizer.lr=… optimizer.beta=…",
        "- the fitted curve: run problem=quadratic with record.params=true",
        "- paths on the contours: run problem=quadratic,rosenbrock with record.params=true",
        "- effective learning rates: run with record.params=true",
        "- learning rates under schedules: run schedule=constant,cosine",
    }


@pytest.mark.usefixtures("rendered_blank")
def test_a_study_whose_every_run_diverged_is_reported(tmp_path: Path) -> None:
    arguments = ("optimizer=sgd", "optimizer.lr=1e80,1e90", "seed=0,1", "record.params=true")
    here(tmp_path, "run", "-m", "steps=20", "record.points=5", *arguments)
    assert here(tmp_path, "report").code == 0
    assert "100.0% diverged." in report_of(tmp_path, "default")


def test_a_study_of_runs_that_stalled_is_reported_and_drawn(tmp_path: Path) -> None:
    arguments = ("problem=rosenbrock", "optimizer=rmsprop,sgd", "optimizer.lr=0.001,1e60", "seed=0,1")
    here(tmp_path, "run", "-m", "steps=20", "record.points=5", *arguments)
    assert here(tmp_path, "report").code == 0
    text = report_of(tmp_path, "default")
    assert "25.0% diverged. 25.0% stalled: a number in their optimizer's state has overflowed" in text
    table = pd.read_csv(tmp_path / "results" / "default" / "report" / "tables" / "divergence.csv")
    shares = table.set_index("optimizer")[["ok", "diverged", "stalled"]]
    assert shares.to_numpy().tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0]]
    drawn = tmp_path / "results" / "default" / "report" / "figures" / "lr_sensitivity.svg"
    assert "median run stalled" in drawn.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def two_rates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two learning rates."""
    folder = tmp_path_factory.mktemp("two_rates")
    here(folder, "run", "-m", "steps=20", "record.points=5", "optimizer.lr=0.01,0.1", "seed=0,1")
    return folder


@pytest.mark.usefixtures("rendered_blank")
@pytest.mark.parametrize("measure", ["mse", "hit_1e-1"])
def test_settings_can_be_compared_by_another_measure(two_rates: Path, tmp_path: Path, measure: str) -> None:
    shutil.copytree(two_rates, tmp_path, dirs_exist_ok=True)
    ended = here(tmp_path, "report", f"measure={measure}")
    assert ended.code == 0
    assert f"Best settings by median {measure}" in ended.out
    text = report_of(tmp_path, "default")
    assert f"*Best setting by median {measure}*" in text
    recorded = measure in Store(tmp_path / "results" / "default").history()
    assert ("figures/learning_curves.png" in text) == recorded
    assert (f"- learning curves: {measure} is not recorded on the way" in text) != recorded


# --- What is refused ---


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["study=nope"], "study=nope: it holds no runs; make some with python -m experiments.run -m "),
        (
            ["study=../full"],
            "study must be letters, digits, '_', '-', '.' and at most three '/', got '../full'",
        ),
        (["study=full", "measure=speed"], "measure must be one of "),
        (["study=full", "measure=accuracy"], "measure must be one of "),
        (["study=full", "factor=big"], "factor must be a number in [1, inf), got 'big'"),
        (["study=full", "factor=0.5"], "factor must be a number in [1, inf), got 0.5"),
        (["foo=1"], "foo=1: there is no such key; there are study, results, plugins, measure, factor"),
        (
            ["optimizer=sgd"],
            "optimizer=sgd: there is no such key; there are study, results, plugins, measure, factor",
        ),
        (
            ["optimizer.lr=1"],
            "optimizer.lr=1: there is no such key; there are study, results, plugins, measure, factor",
        ),
        (["study=a,b"], "study=a,b: several values make a grid; add -m"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_ends_with_one_line_and_writes_nothing(
    study: Path, ended: Ended, arguments: list[str], line: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    refused = here(study, "report", *arguments)
    assert refused.err.startswith(f"error: {line}")
    assert (refused.err.count("\n"), refused.out, refused.code) == (1, "", 2)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_an_unknown_measure_is_answered_with_those_there_are(study: Path) -> None:
    said = here(study, "report", "study=full", "measure=accuracy").err
    allowed, _, got = said.removeprefix("error: measure must be one of ").partition(", got ")
    assert {"loss", "suboptimality", "hit_1e-8", "mse"} <= set(allowed.split(", "))
    assert "accuracy" not in allowed  # no problem of this study records it
    assert got == "'accuracy'\n"


def test_a_study_of_older_code_only_says_so(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "code_fingerprint", lambda *_: "newer")
    refused = here(study, "report", "study=full")
    assert refused.err.startswith("error: study=full: its 32 runs are of older code; make some with ")
    assert refused.code == 2


# --- Pages ---


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.000123456, "0.0001235"),
        (np.float64(1e-20), "1e-20"),
        (math.inf, "∞"),
        (math.nan, "-"),
        (None, "-"),
        (pd.NA, "-"),
        (True, "yes"),
        (np.False_, "no"),
        (12345, "12345"),
        ("a|b", "a\\|b"),
    ],
)
def test_a_value_as_it_stands_in_a_table(value: Any, text: str) -> None:
    assert cell(value) == text


def test_a_table_in_markdown() -> None:
    frame = pd.DataFrame({"optimizer": ["sgd"], "median_loss": [0.5], "runs": [3]})
    assert table_text(frame).splitlines() == [
        "| optimizer | median loss | runs |",
        "| :--- | ---: | ---: |",
        "| sgd | 0.5 | 3 |",
    ]


def test_a_title_as_a_file_name() -> None:
    assert file_name("The article's numbers, to 1e-9 ") == "the_article_s_numbers_to_1e_9"


def test_a_page_and_its_files_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    frame = pd.DataFrame({"x": [1.0, math.nan], "y": ["a", "b"]})
    parts = [
        Text("# Title"),
        Table("t", "A table", frame),
        Picture("p", "A picture", figure),
        bullet_list(["a"]),
    ]
    path = write_page(tmp_path / "page", parts)
    again = write_page(tmp_path / "again", parts).parent
    assert [(again / name).read_bytes() for name in files(again)] == [
        (path.parent / name).read_bytes() for name in files(path.parent)
    ]
    assert path.read_text(encoding="utf-8").split("\n\n") == [
        "# Title",
        "*A table* ([CSV](tables/t.csv))",
        "| x | y |\n| ---: | :--- |\n| 1 | a |\n| - | b |",
        "![A picture](figures/p.png)",
        "*A picture* ([SVG](figures/p.svg))",
        "- a\n",
    ]
    names = ["figures/p.png", "figures/p.svg", "report.md", "tables/t.csv", "tables/t.md"]
    assert files(tmp_path / "page") == names
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "page" / "tables" / "t.csv"), frame)


# --- A tuned study ---


@pytest.mark.usefixtures("rendered_blank")
def test_a_study_tuned_by_another_measure_is_reported(tmp_path: Path) -> None:
    tuned = ("tune.trials=6", "tune.budgets=[2,6]", "tune.seeds=2", "tune.measure=hit_1e-1")
    grid = ("optimizer=sgd,rmsprop", "seed=range(0,3)", "steps=30", "record.points=5")
    assert here(tmp_path, "run", "-m", *grid, *tuned).code == 0
    ended = here(tmp_path, "report")
    assert (ended.code, ended.err) == (0, "")
    text = report_of(tmp_path, "default")
    assert "on seeds 1,000,000,000 to 1,000,000,001; what is shown of them," in text
    folder = tmp_path / "results" / "default" / "report" / "tables"
    best = pd.read_csv(folder / "best_settings.csv")
    assert set(best["runs"]) == {3}
    assert set(pd.read_csv(folder / "lr_robustness.csv")["optimizer"]) == {"sgd", "rmsprop"}


# --- Studies that grew by bits ---


def test_runs_recorded_again_with_their_parameters_are_drawn(tmp_path: Path) -> None:
    """Recorded without, then one problem with: the report once ended with a KeyError, or drew neither."""
    grid = ("-m", "optimizer=sgd,adam", "seed=range(0,3)", "steps=20", "optimizer.lr=0.01", "study=s")
    assert here(tmp_path, "run", *grid, "problem=quadratic,rosenbrock").code == 0
    assert here(tmp_path, "run", *grid, "problem=rosenbrock", "record.params=true").code == 0
    assert here(tmp_path, "report", "study=s").code == 0
    text = report_of(tmp_path, "s")
    assert "figures/paths.png" in text
    assert "not drawn: adam on quadratic, sgd on quadratic" in text
    assert "adam on rosenbrock" not in text.split("figures/paths.png")[0].split("not drawn")[-1]
    assert "the fitted curve: run problem=quadratic with record.params=true" in text


def test_no_optimizer_of_a_study_that_grew_is_missing(tmp_path: Path) -> None:
    common = ("-m", "steps=20", "optimizer.lr=0.001,0.01", "study=s")
    two = "problem=quadratic,rosenbrock"
    assert here(tmp_path, "run", *common, two, "optimizer=sgd", "seed=range(0,6)").code == 0
    assert here(tmp_path, "run", *common, two, "optimizer=adam,rmsprop", "seed=range(3,12)").code == 0
    assert here(tmp_path, "run", *common, "optimizer=adagrad", "problem=logistic", "seed=0").code == 0
    assert here(tmp_path, "report", "study=s").code == 0
    folder = tmp_path / "results" / "s" / "report" / "tables"
    best = pd.read_csv(folder / "best_settings.csv")
    assert set(zip(best["problem"], best["optimizer"], strict=True)) == {
        *((problem, name) for problem in ("quadratic", "rosenbrock") for name in ("adam", "rmsprop", "sgd")),
        ("logistic", "adagrad"),
    }
    holes = pd.read_csv(folder / "incomplete_instances.csv")
    assert set(holes["problem"]) == {"logistic", "quadratic", "rosenbrock"}
    checked = here(tmp_path, "check", "study=s")
    assert checked.code == 0
    assert checked.out.count("uneven: ") == len(holes)


def test_the_command_that_fills_a_hole_fills_it(tmp_path: Path) -> None:
    common = ("-m", "steps=20", "optimizer.lr=0.001,0.01", "seed=range(0,6)", "study=s")
    bowl = "problem=quadratic_bowl"
    assert here(tmp_path, "run", *common, "optimizer=adam", bowl, "problem.dim=2,3").code == 0
    assert here(tmp_path, "run", *common, "optimizer=sgd", bowl, "problem.dim=2").code == 0
    [line] = [line for line in here(tmp_path, "check", "study=s").out.split("\n") if "uneven" in line]
    words = shlex.split(line.split("python -m experiments.")[1])
    assert here(tmp_path, words[0], *words[1:]).code == 0
    assert "uneven" not in here(tmp_path, "check", "study=s").out


def test_the_closing_table_names_no_learning_rate_where_all_diverged(tmp_path: Path) -> None:
    grid = ("-m", "optimizer=sgd,adam", "problem=quadratic", "seed=0,1", "steps=200", "optimizer.lr=10,100")
    ended = here(tmp_path, "run", *grid, "study=s")
    assert "all diverged" in ended.out
    line = "sgd on quadratic: no best setting, all of 4 runs diverged; the smallest learning rate tried is 10"
    assert line in ended.out
    assert [line for line in ended.out.split("\n") if line != line.rstrip()] == []
    assert here(tmp_path, "report", "study=s").code == 0
    assert "all of 4 runs diverged" in report_of(tmp_path, "s")


def test_the_closing_table_of_many_hyperparameters_says_them_in_one_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = {"beta1": [0.8, 0.9], "beta2": [0.98, 0.99], "eps": [0, 1e-8], "weight_decay": [0, 1]}
    few = {"lr": [0.1, 0.2]}
    runs, _ = stacked(frames("adam", "quadratic", few | both), frames("sgd", "quadratic", few))
    closing_table(runs)
    said = capsys.readouterr().out
    assert "settings" in said
    assert re.search(r"lr=0\.\d+ beta1=0\.\d", said)
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    closing_table(frames("sgd", "quadratic", few)[0])
    assert "settings" not in capsys.readouterr().out.split("\n", 1)[1]
