"""How one gets in: the list of commands, their help, tab completion, and the names that one imports."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, Ended, apart, environment, here

from experiments import __main__ as front
from experiments.__main__ import COMMANDS, FOLDERS
from experiments.command_line import closing
from experiments.grid import running
from experiments.store import Store
from optim import ADAPTERS, OPTIMIZERS
from problems import PROBLEMS

CONFIGS = {"run": "config", "benchmark": "benchmark"}
MODULES = {name: f"{name}.__main__" for name in FOLDERS}


def entered(folder: Path, *words: str, env: dict[str, str] | None = None) -> Ended:
    """Run ``python -m experiments WORDS`` in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "experiments", *words],
        cwd=folder,
        env=os.environ | environment() | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_without_a_command_there_is_a_list_of_them(tmp_path: Path) -> None:
    ended = entered(tmp_path)
    assert ended.code == 0
    for name, (what, form) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", ended.out, re.MULTILINE)
        assert f"python -m experiments {name} {form}".rstrip() in ended.out


def test_the_commands_are_the_files_that_have_a_main() -> None:
    files = {path.stem for path in (ROOT / "experiments").glob("*.py")} - {
        "__init__",
        "__main__",
        "declared",
        "wording",
    }
    assert files | {*FOLDERS} == set(COMMANDS)
    for name in COMMANDS:
        assert callable(import_module(f"experiments.{MODULES.get(name, name)}").main)


def test_an_unknown_command_is_answered_with_a_near_one(tmp_path: Path) -> None:
    ended = entered(tmp_path, "reprot")
    line = f"error: the command must be one of {', '.join(COMMANDS)}, got 'reprot'; did you mean report?\n"
    assert (ended.code, ended.out, ended.err) == (2, "", line)


def test_both_doors_lead_to_the_same_runs(tmp_path: Path) -> None:
    grid = ("-m", "optimizer=sgd,adam", "problem=quadratic,rosenbrock", "seed=0,1", "steps=10", "jobs=4")
    workers = "hydra.launcher.workers=2"
    assert entered(tmp_path, "run", *grid, workers, "study=a").code == 0
    assert apart(tmp_path, "run", *grid, workers, "study=b").code == 0
    one, other = (set(Store(tmp_path / "results" / name).runs()["run"].astype(str)) for name in "ab")
    assert one == other
    assert len(one) == 8


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_names_its_keys_and_shows_three_examples(name: str, tmp_path: Path) -> None:
    ended = here(tmp_path, MODULES.get(name, name), "--help")
    assert ended.code == 0
    declared = yaml.safe_load((ROOT / "conf" / f"{CONFIGS.get(name, name)}.yaml").read_text(encoding="utf-8"))
    keys = set(declared) - {"defaults", "hydra", "batch"}
    assert keys
    assert [key for key in keys if not re.search(rf"^  {key}[. ]", ended.out, re.MULTILINE)] == []
    examples = ended.out.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    assert len(examples) == 3
    assert all(f"experiments.{name}" in line for line in examples)


@pytest.mark.parametrize("name", ["run", "tune"])
def test_the_help_of_a_grid_says_what_there_is(name: str, tmp_path: Path) -> None:
    said = here(tmp_path, name, "--help").out
    assert f"optimizer={', '.join(sorted({**OPTIMIZERS, **ADAPTERS}))}" in said
    assert f"problem={', '.join(sorted(PROBLEMS))}" in said


def test_the_examples_of_the_help_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of grids at least, as far as to a forecast."""
    foretold: list[int] = []
    monkeypatch.setattr(running, "foretold", lambda requests, *_: foretold.append(len(requests)))
    for module in (closing, import_module("experiments.run")):
        monkeypatch.setattr(module, "tell", lambda end: None)
    for name in ("run", "tune"):
        examples = here(tmp_path, name, "--help").out.split("Examples:\n")[1].split("\n\n")[0].splitlines()
        for line in examples:
            words = [word.strip("'") for word in line.split(f"experiments.{name} ")[1].split()]
            assert here(tmp_path, name, *words, "dry_run=true").code == 0, line
    assert len(foretold) == 6


def test_hydras_own_help_is_behind_its_own_option(tmp_path: Path) -> None:
    assert "Hydra" in here(tmp_path, "run", "--hydra-help").out


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "lanes ",
            "run tune report watch check judge merge diff prune export reproduce new contracts benchmark",
        ),
        ("lanes run problem=", " ".join(f"problem={name}" for name in sorted(PROBLEMS))),
        ("lanes run optimizer=sgd optimizer.mom", "optimizer.momentum="),
        ("lanes report meas", "measure="),
    ],
)
def test_tab_completes_commands_keys_and_names(tmp_path: Path, line: str, found: str) -> None:
    ended = entered(tmp_path, "-sc", "query=bash", env={"COMP_LINE": line, "COMP_POINT": str(len(line))})
    assert (ended.code, ended.out.strip()) == (0, found)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion_is_installed_as_hydra_does(tmp_path: Path, shell: str) -> None:
    ended = entered(tmp_path, "-sc", f"install={shell}")
    assert ended.code == 0
    assert f"hydra_{shell}_completion" in ended.out


def test_the_installed_script_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["lanes"].partition(":")
    assert import_module(module) is front
    assert callable(getattr(front, name))


@pytest.mark.parametrize("package", ["experiments", "optim", "problems"])
def test_public_names_are_there(package: str) -> None:
    module = import_module(package)
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_classes_of_the_registries_can_be_imported_by_name() -> None:
    names = {"optim": OPTIMIZERS, "problems": PROBLEMS}
    for package, registry in names.items():
        module = import_module(package)
        for cls in registry.values():
            assert issubclass(cls, getattr(module, cls.__name__.partition("[")[0]))  # Lookahead[adam]


def test_an_import_loads_nothing_that_it_does_not_need() -> None:
    script = (
        "import sys; from experiments import minimize; from optim import Adam; from problems import MLP\n"
        "late = {'pandas', 'hydra', 'sklearn', 'scipy.stats', 'matplotlib', 'pyarrow'}\n"
        "print(sorted(late & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "[]\n"
