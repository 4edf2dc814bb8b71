"""The report of a study beside theory, and the score that counts tuning: commands, end to end."""

from pathlib import Path

import pandas as pd
import pytest
from command_line import Ended, here

from experiments import Store
from experiments.figures import STYLE
from experiments.reports.sources import runs_behind

GRID = ["optimizer=sgd,rmsprop,signsgd", "problem=quadratic_bowl,rosenbrock", "problem.condition=10"]
GRID += ["optimizer.lr=0.01,0.1", "seed=0,1,2", "steps=300", "engine=numpy"]


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STYLE, "savefig.dpi", 40)


def done(folder: Path, *commands: list[str]) -> str:
    """Run these commands, and return the report."""
    for command in commands:
        ended = here(folder, *command)
        assert ended.code == 0, ended.err
    return (folder / "results" / "mine" / "report" / "report.md").read_text(encoding="utf-8")


def test_a_study_on_bowls_is_shown_beside_theory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    text = done(tmp_path, ["run", "-m", *GRID, "study=mine"], ["report", "study=mine"])
    report = tmp_path / "results" / "mine" / "report"
    assert "rosenbrock (its smallest curvature is not known to be above 0)" in text
    rates = pd.read_csv(report / "tables" / "contractions.csv").set_index("optimizer")
    assert rates.loc["sgd", "ratio"] == pytest.approx(1, rel=0.01)
    cycles = pd.read_csv(report / "tables" / "cycles.csv").set_index(["optimizer", "lr"])
    assert cycles.loc[("rmsprop", 0.1), "observed"] == pytest.approx(0.05, rel=0.01)
    behind = runs_behind("cycles", report, tmp_path / "results")
    assert set(behind["optimizer"].astype(str)) == {"rmsprop", "signsgd"}
    assert set(behind["problem"].astype(str)) == {"quadratic_bowl"}


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer=rmsprop", "problem=rosenbrock", "optimizer.lr=0.01"],
        ["optimizer=sgd", "problem=quadratic_bowl", "optimizer.lr=100"],
        ["optimizer=sgd", "problem=quadratic_bowl", "problem.grad_noise=0.1", "optimizer.lr=0.01"],
    ],
    ids=["no bound", "all diverged", "noise"],
)
def test_what_cannot_be_drawn_beside_theory_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    small(monkeypatch)
    grid = [*words, "seed=0", "steps=200", "engine=numpy", "study=mine"]
    text = done(tmp_path, ["run", "-m", *grid], ["report", "study=mine"])
    assert "- observed rates beside those of theory: run problem=quadratic_bowl or problem=logistic" in text
    assert "- cycles at a constant learning rate: run optimizer=signsgd,rmsprop,adam" in text


def test_a_tuned_study_counts_its_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    tune = ["tune", "-m", "optimizer=sgd,rmsprop", "problem=quadratic_bowl", "seed=0,1,2", "steps=100"]
    tune += ["tune.trials=6", "tune.budgets=[2,6]", "tune.seeds=2", "engine=numpy", "study=mine"]
    text = done(tmp_path, tune, ["report", "study=mine"])
    report = tmp_path / "results" / "mine" / "report"
    assert "Steps with tuning are the steps to the target times the trials" in text
    costs = pd.read_csv(report / "tables" / "tuning_cost.csv")
    assert costs.groupby("optimizer")["trials"].agg(list).to_dict() == {
        "rmsprop": [0, 2, 6],
        "sgd": [0, 2, 6],
    }
    tuned = costs[costs["trials"] > 0]
    pd.testing.assert_series_equal(
        tuned["with tuning"], tuned["steps"] * tuned["trials"], check_names=False, rtol=1e-6
    )
    assert (tuned["search"] == tuned["trials"] * 2 * 100).all()
    assert len(pd.read_csv(report / "tables" / "tuning_cost_ranks.csv")) == 2
    assert set(runs_behind("tuning_cost_ranks", report, tmp_path / "results")["seed"]) == {0, 1, 2}


# --- Settings by ${optimal:...} ---


def refused(folder: Path, word: str) -> Ended:
    return here(folder, "run", "-m", "optimizer=sgd", "problem=quadratic_bowl", word)


def test_settings_come_from_theory_in_every_cell_its_own(tmp_path: Path) -> None:
    words = [
        'optimizer.lr="${optimal:heavy_ball,lr,1,${problem.condition}}"',
        'optimizer.momentum="${optimal:heavy_ball,momentum,1,${problem.condition}}"',
        'steps="${optimal:heavy_ball,steps,1,${problem.condition},1e-6}"',
    ]
    grid = ["optimizer=sgd", "problem=quadratic_bowl", "problem.condition=4,9", "engine=numpy", "study=mine"]
    ended = here(tmp_path, "run", "-m", *grid, *words)
    assert ended.code == 0, ended.err
    runs = Store(tmp_path / "results" / "mine").runs().set_index("problem.condition")
    assert runs["optimizer.lr"].to_dict() == pytest.approx({4.0: 4 / 9, 9.0: 0.25})
    assert runs["optimizer.momentum"].to_dict() == pytest.approx({4.0: 1 / 9, 9.0: 0.25})
    assert runs["steps"].to_dict() == {4.0: 13, 9.0: 20}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("optimizer.lr=${optimal:newton,lr,1,2}", "method must be one of gradient_descent"),
        (
            "optimizer.lr=${optimal:heavy_ball,rate,1,2}",
            "setting must be one of lr, momentum, nesterov, steps",
        ),
        ("optimizer.lr=${optimal:heavy_ball,lr,2,1}", "curvatures must be 0 < smallest <= largest"),
        ("optimizer.lr=${optimal:heavy_ball,lr,1,wide}", "curvatures and share must be numbers"),
        ("steps=${optimal:heavy_ball,steps,1,2}", "take the share of the distance"),
    ],
)
def test_what_theory_does_not_know_is_refused_in_one_line(tmp_path: Path, word: str, said: str) -> None:
    ended = refused(tmp_path, word)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert ended.err.startswith("error: ")
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []
