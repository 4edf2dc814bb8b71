"""What a sweep asks for: its requests, one a cell, checked before anything runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lane_sweeper.axes import Job, split, values

log = logging.getLogger(__name__)
MANY = 100  # jobs; to plan more takes ten seconds and longer


class Planner:
    """Turns the overrides of a sweep into requests.

    ``config`` is the configuration without the sweeps, as Hydra composes it for a multirun.
    """

    def __init__(self, config: DictConfig, loader: ConfigLoader) -> None:
        self.config = config
        self.loader = loader
        self.composed: dict[tuple[str, ...], DictConfig] = {}

    def plan(self, arguments: Sequence[str]) -> list[Any]:
        """Return the requests of these overrides; bad input ends the command."""
        from experiments.app import bad_input_ends_here
        from experiments.configuration import check_one_study
        from experiments.run import request_from

        with bad_input_ends_here():
            jobs, dropped = self.jobs(arguments)
            configs = [self.compose(job.overrides) for job in jobs]
            check_one_study(configs)
        requests = [request_from(config, job.axes) for job, config in zip(jobs, configs, strict=True)]
        for line in dropped:
            log.info(line)
        return requests

    def jobs(self, arguments: Sequence[str]) -> tuple[list[Job], list[str]]:
        """Return the jobs, and a line for each key that is dropped where it does not apply."""
        from experiments.arguments import unknown_key

        brought = self.config.hydra.sweeper.params or {}
        if not isinstance(brought, Mapping):
            raise ValueError(f"hydra.sweeper.params must be keys and their sweeps, got {brought!r}")
        params = [f"{key}={text}" for key, text in brought.items()]
        parser = OverridesParser.create(config_loader=self.loader)
        overrides = parser.parse_overrides([*params, *arguments])
        try:
            jobs, dropped = split(overrides, is_number, self.has_key)
            if len(jobs) > MANY:
                log.info(f"planning {len(jobs):,} cells")
            read = {key for job in jobs for key in self.read(job)}
            if read:  # what another key interpolates must vary between jobs
                jobs, dropped = split(overrides, lambda key: is_number(key) and key not in read, self.has_key)
        except KeyError as error:
            raise ValueError(unknown_key(error.args[0], "config")) from None
        for key, text in {(key, text) for job in jobs for key, text in job.axes.items()}:
            values(key, text)
        return jobs, dropped

    def read(self, job: Job) -> list[str]:
        """Return those axes of a job that an interpolation anywhere in its config may read."""
        config = self.compose(job.overrides)
        app = OmegaConf.masked_copy(config, [str(name) for name in config if name != "hydra"])
        text = OmegaConf.to_yaml(app, resolve=False)
        return [k for k in job.axes if re.search(rf"\$\{{[^}}]*\b{re.escape(k.rpartition('.')[2])}\}}", text)]

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


def is_number(key: str) -> bool:
    """Tell whether a key can vary between the lanes of a job."""
    from optim import OPTIMIZERS

    names = {f"optimizer.{name}" for cls in OPTIMIZERS.values() for name in cls.hyperparameters()}
    return key in {"seed", *names}
