"""What the pages say of the code is so."""

import re
import shlex
import sys
from contextlib import redirect_stderr
from dataclasses import fields
from fractions import Fraction
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest
from command_line import ROOT, here
from omegaconf import OmegaConf

from experiments.grid import forecast
from experiments.grid.suite import suites
from optim import ADAPTERS, OPTIMIZERS
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper
from problems import PROBLEMS

ROW = r"^\| `([\w.]+)\.([A-Z_]+)` \| ([\d_.]+) \| .+ \|$"
LIMITS = re.findall(ROW, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("module", "name", "value"), LIMITS, ids=lambda value: str(value))
def test_a_limit_is_what_the_table_says(module: str, name: str, value: str) -> None:
    there = getattr(import_module(f"experiments.{module}"), name)
    assert float(value) == pytest.approx(there, rel=1e-3)


def test_the_table_holds_every_limit_on_what_can_be_asked_for() -> None:
    limits = import_module("experiments.request.limits")
    named = {name for module, name, _ in LIMITS if module == "request.limits"}
    assert named == {name for name in vars(limits) if name.isupper()}


# --- What the tables of the README name is what there is ---

WITHOUT_DECAY = ("rprop", "shampoo")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:1] == "|"
]


BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = "".join(block for language, block in BLOCKS if not language).replace("\\\n", "").splitlines()
COMMANDS = [
    line
    for line in LINES
    if re.match(r"python -m experiments\.(run|tune) ", line) and "people.csv" not in line
]  # a file of one's own is tested in parts/test_data.py


def table(subject: str) -> dict[str, list[str]]:
    """Return the rows of the table whose first column is called so, by each of the names in it."""
    first = next(number for number, row in enumerate(ROWS) if row[0] == subject) + 2  # after the rule
    rows = list(takewhile(lambda row: row[0].startswith("`"), ROWS[first:]))
    named = [(name, row[1:]) for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
    assert len(named) == len(dict(named))
    return dict(named)


def words(cell: str) -> list[str]:
    """Return the words of a list in a cell, without what stands in brackets."""
    return [word for word in re.sub(r" \([^)]*\)", "", cell).split(", ") if word != "-"]


def files(group: str) -> set[str]:
    return {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}


@pytest.mark.parametrize("group", ["optimizer", "schedule", "problem", "suite"])
def test_the_readme_names_all_that_there_is(group: str) -> None:
    assert set(table(group)) == files(group)


@pytest.mark.parametrize("name", sorted(files("optimizer") & OPTIMIZERS.keys() - {"lookahead"}))
def test_the_readme_names_the_hyperparameters_of_each_optimizer(name: str) -> None:
    own = {spec.name for spec in fields(OPTIMIZERS[name])}
    assert set(words(table("optimizer")[name][-1])) == own - {"weight_decay"}
    assert ("weight_decay" in own) == (name not in WITHOUT_DECAY)


def test_the_readme_says_which_optimizers_have_no_weight_decay() -> None:
    named = ", ".join(f"`{name}`" for name in WITHOUT_DECAY)
    assert f"take `weight_decay` as well, but for {named} and the last three" in " ".join(README.split())
    assert list(table("optimizer"))[-3:] == ["lookahead", *sorted(ADAPTERS)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_readme_names_the_parameters_of_each_schedule(name: str) -> None:
    told = dict(word.split("=") for word in words(table("schedule")[name][-1]))
    own = {spec.name: spec.default for spec in fields(SCHEDULES[name]) if spec.name != "warmup"}
    assert {key: float(Fraction(value)) for key, value in told.items()} == pytest.approx(own)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_readme_names_the_constants_of_each_problem(name: str) -> None:
    own = {spec.name for spec in fields(PROBLEMS[name])} - {"digest"}  # which is found, not set
    assert set(words(table("problem")[name][-1])) == own


def test_the_readme_counts_the_instances_of_each_suite() -> None:
    assert {name: int(row[0]) for name, row in table("suite").items()} == {
        name: len(instances) for name, instances in suites().items()
    }


def test_the_readme_names_all_that_goes_around_an_optimizer() -> None:
    assert list(table("key")) == [f"optimizer.{spec.name}" for spec in fields(Wrapper)]


def test_the_readme_tells_the_defaults_of_the_settings() -> None:
    config = OmegaConf.load(ROOT / "conf" / "config.yaml")
    told = table("setting")
    for name, (defaults, _) in told.items():
        values = defaults.split(", ")
        default = values[["study", "results"].index(name)] if len(values) > 1 else values[0]
        assert OmegaConf.select(config, name, throw_on_missing=True) == OmegaConf.create(f"x: {default}").x


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for library in ADAPTERS:
        if f",{library} " in command:
            with redirect_stderr(sys.__stderr__):  # absl closes the stream that it finds
                pytest.importorskip(library)
    monkeypatch.setattr(forecast, "calibrated", lambda _: forecast.Rate(0.0, 0.0, 0.0))  # runs nothing
    _, _, module, *typed = shlex.split(command)
    if any(word.startswith("+experiment=crowded_valley") for word in typed):
        typed.append("suite.instances=[{problem: mlp}]")  # of 240 cells to plan, 30
    ended = here(tmp_path, module.removeprefix("experiments."), *typed, "dry_run=true")
    assert ended.code == 0, ended.err
    assert list(tmp_path.iterdir()) == []
