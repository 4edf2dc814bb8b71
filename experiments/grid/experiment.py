"""An experiment of conf/: its configuration, and what its sweep asks for."""

from __future__ import annotations

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.grid.plan import Planner
from experiments.grid.request import Request

FILES = Path(__file__).parent.parent.parent / "conf" / "experiment"


def question_of(experiment: str) -> str:
    """Return what an experiment asks, which the second line of its file says."""
    return (FILES / f"{experiment}.yaml").read_text(encoding="utf-8").splitlines()[1].removeprefix("# ")


def config_of(experiment: str) -> DictConfig:
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration("config", [f"+experiment={experiment}"], RunMode.MULTIRUN)


def requests_of(experiment: str) -> list[Request]:
    """Return what the sweep of an experiment's file asks for."""
    loader = GlobalHydra.instance().config_loader()
    requests: list[Request] = Planner(config_of(experiment), loader).plan([f"+experiment={experiment}"])
    return requests
