"""The smallest optimizers and problem that there can be keep all contracts, through every command."""

import re
from pathlib import Path

import pytest
from command_line import ROOT, apart, here
from outside import entered, well

from experiments.reports.sources import runs_behind
from experiments.store import Store

FOLDER = ROOT / "tests" / "newcomers"
NEWCOMERS = f"plugins={FOLDER}"
GRID = (
    "-m",
    NEWCOMERS,
    "problem=parabola,quadratic",
    "seed=range(0,6)",
    "steps=30",
    "record.points=5",
    "study=small",
)


def report_names(folder: Path, optimizers: str) -> None:
    """Assert that a report is made, that it names every optimizer, and that its runs are found again."""
    well(here(folder, "check", "study=small", NEWCOMERS))
    well(here(folder, "report", "study=small", NEWCOMERS))
    report = folder / "results" / "small" / "report"
    text = (report / "report.md").read_text()
    assert [name for name in optimizers.split(",") if name not in text] == []
    with entered(FOLDER):
        runs = runs_behind("divergence", report, folder / "results")
    assert set(runs["optimizer"]) == set(optimizers.split(","))


@pytest.mark.parametrize("part", ["optimizer=fixed_step", "optimizer=rolling", "problem=parabola"])
def test_they_keep_every_contract(tmp_path: Path, part: str) -> None:
    out = well(apart(tmp_path, "contracts", part, NEWCOMERS))
    assert re.fullmatch(rf"{part} keeps all of 2\d contracts, \d+ checks", out.splitlines()[-1])
    assert not list(tmp_path.iterdir())


def test_a_run_says_nothing_of_a_minimiser_that_is_not_known(tmp_path: Path) -> None:
    out = well(
        here(tmp_path, "run", NEWCOMERS, "optimizer=fixed_step", "problem=parabola", "record.params=true")
    )
    assert out.startswith("fixed_step on parabola, seed 0: loss ")
    assert "nan" not in out
    assert "minimiser" not in out


@pytest.mark.parametrize("optimizers", ["fixed_step", "fixed_step,rolling"])
def test_a_grid_and_its_report(tmp_path: Path, optimizers: str) -> None:
    well(here(tmp_path, "run", *GRID, f"optimizer={optimizers}", "record.params=true"))
    again = well(here(tmp_path, "run", *GRID, f"optimizer={optimizers}", "record.params=true"))
    runs = 12 * len(optimizers.split(","))
    assert again.splitlines()[-1] == f"0 runs done, {runs} reused; stored in results/small"
    well(here(tmp_path, "run", *GRID, f"optimizer={optimizers}", "dry_run=true"))
    report_names(tmp_path, optimizers)


@pytest.mark.parametrize(
    ("optimizers", "method"),
    [("fixed_step", "sobol"), ("rolling", "random"), ("fixed_step,rolling,sgd", "random")],
)
def test_tuning_runs_what_cannot_be_tuned_as_it_is_and_says_so(
    tmp_path: Path, optimizers: str, method: str
) -> None:
    search = ("tune.trials=4", "tune.budgets=[2]", "tune.extend=1", f"tune.method={method}")
    ended = here(tmp_path, "tune", *GRID, f"optimizer={optimizers}", *search)
    table = well(ended)
    said = "fixed_step has no search space: nothing to tune, run as it is"
    assert ended.err.count(said) == ("fixed_step" in optimizers)  # once, whatever the cells
    assert [name for name in optimizers.split(",") if name not in table] == []
    runs = Store(tmp_path / "results" / "small").runs(outdated=True)
    assert set(runs["optimizer"]) == set(optimizers.split(","))
    report_names(tmp_path, optimizers)


def test_a_hyperparameter_where_there_is_none(tmp_path: Path) -> None:
    ended = here(tmp_path, "run", NEWCOMERS, "optimizer=fixed_step", "optimizer.speed=1")
    assert ended.code == 2
    assert "no optimizer has speed; there are " in ended.err
