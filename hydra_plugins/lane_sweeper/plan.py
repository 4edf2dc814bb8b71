"""What a sweep will run: every job with its config and its cell, checked before anything runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lane_sweeper.axes import Job, split, values

log = logging.getLogger(__name__)


class Planned(NamedTuple):
    """A job of a sweep, its config and the cell of runs that it stands for."""

    job: Job
    config: DictConfig
    cell: Any


class Planner:
    """Turns the overrides of a sweep into jobs.

    ``config`` is the configuration without the sweeps, as Hydra composes it for a multirun.
    """

    def __init__(self, config: DictConfig, loader: ConfigLoader) -> None:
        self.config = config
        self.loader = loader
        self.composed: dict[tuple[str, ...], DictConfig] = {}

    def plan(self, arguments: Sequence[str]) -> list[Planned]:
        """Return the jobs of these overrides; bad input ends the command."""
        from experiments.app import bad_input_ends_here
        from experiments.run import cell_from

        with bad_input_ends_here():
            jobs = self.jobs(arguments)
            configs = [self.compose(job.overrides) for job in jobs]
        return [Planned(j, c, cell_from(c, j.axes)) for j, c in zip(jobs, configs, strict=True)]

    def jobs(self, arguments: Sequence[str]) -> list[Job]:
        """Return the jobs; keys that only some of them have are dropped in the others."""
        from experiments.app import unknown_key

        params = [f"{key}={text}" for key, text in (self.config.hydra.sweeper.params or {}).items()]
        parser = OverridesParser.create(config_loader=self.loader)
        overrides = parser.parse_overrides([*params, *arguments])
        try:
            jobs, dropped = split(overrides, self.is_axis, self.has_key)
        except KeyError as error:
            raise ValueError(unknown_key(error.args[0], "config")) from None
        for line in dropped:
            log.info(line)
        for key, text in {(key, text) for job in jobs for key, text in job.axes.items()}:
            values(key, text)
        return jobs

    def is_axis(self, key: str) -> bool:
        """Tell whether a swept key is a lane: a number that nothing else in the config reads."""
        from optim import OPTIMIZERS

        names = {f"optimizer.{name}" for cls in OPTIMIZERS.values() for name in cls.hyperparameters()}
        return key in {"seed", *names} and not self.is_read(key)

    def is_read(self, key: str) -> bool:
        """Tell whether an interpolation anywhere in the config may read this key."""
        app = OmegaConf.masked_copy(self.config, [str(name) for name in self.config if name != "hydra"])
        text = OmegaConf.to_yaml(app, resolve=False)
        return bool(re.search(rf"\$\{{[^}}]*\b{re.escape(key.rpartition('.')[2])}\}}", text))

    def has_key(self, chosen: list[str], key: str) -> bool:
        """Tell whether a job with these choices has the key."""
        found: object = OmegaConf.select(self.compose(chosen), key, default="missing")
        return found != "missing"

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the config of a job with these overrides."""
        key = tuple(overrides)
        if key not in self.composed:
            self.composed[key] = self.loader.load_sweep_config(self.config, list(overrides))
        return self.composed[key]
