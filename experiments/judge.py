"""Decide a claim by the rule in its file, running what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from experiments.claims.rules import read
from experiments.claims.rules.reading import RULE_KEYS
from experiments.command_line.arguments import ready
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.configuration import study_folder
from experiments.grid.experiment import swept_config
from experiments.reports.experiments import ExperimentFailed
from experiments.reports.judging import Task, judged
from experiments.request.checks import checked_integer, checked_switch
from experiments.request.limits import MOST_RUNS


@disk_errors_end_here()
def judge(config: DictConfig) -> Path:
    """Decide a claim, write its page into its study, and say the verdict."""
    try:
        with bad_input_ends_here("judge"):
            task = task_of(config)
        with bad_input_ends_here():
            found = judged(task, prepared)
    except ExperimentFailed as error:
        fail(f"{error}")
    finding = found.finding
    print(f"{task.stated.name}: {finding.verdict}, {finding.effect} ({finding.unit})")
    print(finding.said)
    paper = f" and, for LaTeX, {found.paper}" if found.paper else ""
    print(f"report written to {found.page} and, to send, {found.page.with_suffix('.html')}{paper}")
    return found.page


def task_of(config: DictConfig) -> Task:
    """Return what a configuration asks to decide.

    Raises:
        ValueError: it cannot be.
    """
    if "claim" not in config:
        raise ValueError(
            "claim: which one? Write +claim=NAME for a file of conf/claim, or claim=path/to/claim.yaml"
        )
    given = OmegaConf.to_container(config.claim, resolve=True)
    assert isinstance(given, dict)
    name = str(HydraConfig.get().runtime.choices["claim"]).rpartition("/")[2]
    stated = read(given, name, study_of(given))
    study_folder(OmegaConf.create({"results": config.results, "study": stated.study}))
    most = checked_integer("judge.most_runs", config.judge.most_runs, 1, MOST_RUNS)
    grows = most if checked_switch("judge.until_decided", config.judge.until_decided) else None
    as_latex = checked_switch("latex", config.latex)
    return Task(stated, Path(str(config.results)), text_of(given, grows), grows, as_latex)


def study_of(given: dict[Any, Any]) -> str:
    """Return the study of the experiment that makes a claim's runs; empty if it is no experiment."""
    runs = given.get("runs")
    experiment = runs.get("experiment") if isinstance(runs, dict) else None
    return str(swept_config(prepared([f"+experiment={experiment}"])).study) if experiment else ""


def text_of(given: dict[Any, Any], most_runs: int | None) -> str:
    """Return what is written down of a claim: all that its verdict hangs on, in a fixed order."""
    rule = {key: given["rule"][key] for key in RULE_KEYS if key in given["rule"]}
    parts = {"statement": given["statement"], "runs": given.get("runs"), "rule": rule}
    parts["judge"] = {"until_decided": True, "most_runs": most_runs} if most_runs is not None else None
    return OmegaConf.to_yaml(
        OmegaConf.create({key: value for key, value in parts.items() if value is not None})
    )


def prepared(words: Sequence[str]) -> list[str]:
    """Return words of the run command as Hydra is to have them."""
    return [word for word in ready(["-m", *words], "config") if word != "-m"]


main = command("judge", judge)

if __name__ == "__main__":
    main()
