"""Every experiment file end to end, on a reduced budget, and the report on its study."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from command_line import ROOT, files, here
from drawn import without_rendering

from experiments.grid.axes import values
from experiments.grid.contenders import as_words
from experiments.store import Store
from optim import OPTIMIZERS

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))
TABLES = ["best_settings", "divergence", "lr_robustness", "ranks", "settings", "steps_to_targets"]


def config_of(path: Path) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    return config


NUMBERS = {f"optimizer.{name}" for cls in OPTIMIZERS.values() for name in cls.hyperparameters()}


def reduced(path: Path) -> list[str]:
    """Return what makes an experiment small: two values of each axis, on every problem.

    Of the problem's constants only the first keeps two values, of a suite the first instance is left, of
    contenders the first two.
    """
    config = config_of(path)
    params = {key: str(text) for key, text in config["hydra"]["sweeper"]["params"].items()}
    constants = [key for key in params if key.startswith("problem.")]
    arguments = ["steps=20", "record.points=6", "seed=0,1"]
    for key, text in params.items():
        if key in constants:
            arguments.append(f"{key}={','.join(text.split(',')[: 2 if key == constants[0] else 1])}")
        elif key == "optimizer":
            arguments.append(f"{key}={','.join(text.split(',')[:2])}")
        elif key in NUMBERS:
            arguments.append(f"{key}={','.join(str(value) for value in values(key, text)[:2])}")
    for group, (members, kept) in LISTS.items():
        if listed := members_of(config, group, members):
            arguments.append(f"{group}.{members}={as_words(listed[:kept])}")
    return arguments + (["tune.trials=2", "tune.budgets=[1,2]", "tune.seeds=1"] if "tune" in config else [])


LISTS = {"suite": ("instances", 1), "contenders": ("optimizers", 2)}


def members_of(config: dict[str, Any], group: str, members: str) -> list[Any]:
    """Return what the suite or the contenders of an experiment list, nothing if it has none."""
    named = [entry[f"/{group}"] for entry in config.get("defaults", []) if f"/{group}" in entry]
    return [
        member
        for name in named
        for member in config_of(ROOT / "conf" / group / f"{name}.yaml")[group][members]
    ]


STUDIES = {
    study: [path for path in EXPERIMENTS if config_of(path)["study"] == study]
    for study in dict.fromkeys(str(config_of(path)["study"]) for path in EXPERIMENTS)
}


@pytest.mark.parametrize("study", STUDIES)
def test_experiments_run_and_their_study_is_reported(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    store = Store(tmp_path / "results" / study)
    for path in STUDIES[study]:
        ended = here(tmp_path, "run", "-m", f"+experiment={path.stem}", *reduced(path))
        assert ended.code == 0, ended.err
        check_runs(store.runs(), path)
    if study != next(iter(STUDIES)) and not request.config.getoption("--everything"):
        return  # one report is like another, and takes longest
    without_rendering(monkeypatch)
    ended = here(tmp_path, "report", f"study={study}")
    assert ended.code == 0, ended.err
    check_report(store)


def check_runs(runs: pd.DataFrame, path: Path) -> None:
    """Assert that the reduced experiment ran, on all of its problems."""
    assert set(runs["steps"]) == {20}
    assert runs["loss"].notna().any()
    config = config_of(path)
    swept = str(config["hydra"]["sweeper"]["params"].get("problem", "quadratic")).split(",")
    instances = members_of(config, "suite", "instances")[:1]
    assert set(runs["problem"]) == ({instance["problem"] for instance in instances} or set(swept))
    if contenders := members_of(config, "contenders", "optimizers")[:2]:
        assert runs["optimizer"].nunique() == len(contenders)


def check_report(store: Store) -> None:
    """Assert that the report counts the runs and links every table and figure."""
    folder = store.folder / "report"
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {store.folder.name}\n\n## In short\n\n")
    assert f"\n\n{len(distinct(store.runs())):,} runs: " in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {f"tables/{name}.csv" for name in TABLES} <= set(links)
    assert "figures/learning_curves.png" in links
    assert [link for link in links if not (folder / link).is_file()] == []
    beside = {name.rsplit(".", 1)[0] for name in files(folder) if name != "report.md"}
    assert beside == {link.rsplit(".", 1)[0] for link in links}


def distinct(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each setting and seed once, as the report counts them."""
    keys = [
        name for name in runs if name.split(".")[0] in ("optimizer", "schedule", "problem", "seed", "steps")
    ]
    return runs.drop_duplicates(keys)
