"""A suite: a list of problem instances that a grid is run over, and a report compares over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.grid.axes import as_word
from experiments.plugins.state import PLACES

FILES = Path(__file__).parent.parent.parent / "conf" / "suite"
NOT_CONSTANTS = ("problem", "steps")


def instances_of(config: DictConfig) -> list[tuple[str, ...]]:
    """Return the overrides of each problem of the suite in a configuration; one without any if there is none.

    Raises:
        ValueError: the suite is not a name and a list of problems with their constants.
    """
    if "suite" not in config:
        return [()]
    suite = OmegaConf.to_container(config, resolve=True)["suite"]  # type: ignore[index,call-overload]
    listed = suite.get("instances") if isinstance(suite, Mapping) and "name" in suite else None
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"suite must be a name and a list of instances, got {suite!r}")
    return [overrides_of(instance) for instance in listed]


def overrides_of(instance: Any) -> tuple[str, ...]:
    """Return the overrides of an instance: ``problem``, its constants, and ``steps`` if it has its own."""
    if not isinstance(instance, Mapping) or "problem" not in instance:
        raise ValueError(f"an instance of a suite must be a problem and its constants, got {instance!r}")
    constants = [
        f"problem.{key}={as_word(value)}" for key, value in instance.items() if key not in NOT_CONSTANTS
    ]
    steps = [f"steps={instance['steps']}"] if "steps" in instance else []
    return (f"problem={instance['problem']}", *constants, *steps)


def suites() -> dict[str, list[dict[str, Any]]]:
    """Return the instances of every suite by its name, of conf/ and of parts from outside."""
    found = {}
    folders = [FILES, *(place.folder / "suite" for place in PLACES)]
    for file in sorted(file for folder in folders for file in folder.glob("*.yaml")):
        suite = OmegaConf.to_container(OmegaConf.load(file))
        assert isinstance(suite, dict)
        found[file.stem] = suite["suite"]["instances"]
    return found
