"""An experiment of conf/: its configuration, and what its sweep asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.grid.plan import Planner
from experiments.grid.request import Request

HYDRAS_OWN = ("hydra.", "hydra/")
FILES = Path(__file__).parent.parent.parent / "conf" / "experiment"


def question_of(experiment: str) -> str:
    """Return what an experiment asks, which the second line of its file says."""
    return (FILES / f"{experiment}.yaml").read_text(encoding="utf-8").splitlines()[1].removeprefix("# ")


def config_of(experiment: str) -> DictConfig:
    """Return the configuration of an experiment's file, without its sweep."""
    return swept_config([f"+experiment={experiment}"])


def requests_of(experiment: str) -> list[Request]:
    """Return what the sweep of an experiment's file asks for."""
    return swept_requests([f"+experiment={experiment}"])


def swept_config(words: Sequence[str]) -> DictConfig:
    """Return the configuration of these words of the run command, without what they sweep."""
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration("config", list(words), RunMode.MULTIRUN)


def swept_requests(words: Sequence[str]) -> list[Request]:
    """Return what these words of the run command ask for.

    Raises:
        ValueError, HydraException, OmegaConfBaseException: it cannot be.
    """
    loader = GlobalHydra.instance().config_loader()
    task = [word for word in words if not word.startswith(HYDRAS_OWN)]
    requests: list[Request] = Planner(swept_config(words), loader).plan(task)
    return requests
