"""What a sweep asks for: its requests, one a cell, checked before anything runs."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.lane_sweeper.axes import Job, split, values

log = logging.getLogger(__name__)
MANY = 1000  # jobs; to plan more takes tens of seconds and longer


class Planner:
    """Turns the overrides of a sweep into requests.

    ``config`` is the configuration without the sweeps, as Hydra composes it for a multirun;
    ``expect`` is told how many runs there will be as soon as that is known.
    """

    def __init__(
        self, config: DictConfig, loader: ConfigLoader, expect: Callable[[int], None] = lambda runs: None
    ) -> None:
        self.config = config
        self.loader = loader
        self.expect = expect
        self.parser = OverridesParser.create(config_loader=loader)
        self.parse = cache(self.parser.parse_override)
        self.composed: dict[tuple[str, ...], DictConfig] = {}

    def plan(self, arguments: Sequence[str]) -> list[Any]:
        """Return the requests of these overrides; bad input ends the command."""
        from experiments.app import bad_input_ends_here
        from experiments.configuration import check_one_study
        from experiments.run import request_from

        with bad_input_ends_here():
            jobs, dropped = self.jobs(arguments)
            check_one_study(self.compose(job.overrides) for job in jobs)
        requests = [request_from(self.compose(job.overrides), job.axes) for job in jobs]
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
        overrides = self.parser.parse_overrides([*params, *arguments])
        try:
            jobs, dropped = split(overrides, is_number, self.has_key)
            if len(jobs) > MANY:
                log.info(f"planning {len(jobs):,} cells")
            chosen = {choices(job.overrides): set(job.axes) for job in jobs}
            read = {key for options, axes in chosen.items() for key in self.read(options, axes)}
            if read:  # what another key interpolates must vary between jobs
                jobs, dropped = split(overrides, lambda key: is_number(key) and key not in read, self.has_key)
        except KeyError as error:
            raise ValueError(unknown_key(error.args[0], "config")) from None
        counts = {text: len(values(*text)) for text in {axis for job in jobs for axis in job.axes.items()}}
        self.expect(sum(math.prod(counts[axis] for axis in job.axes.items()) for job in jobs))
        return jobs, dropped

    def read(self, options: Sequence[str], axes: Iterable[str]) -> list[str]:
        """Return those axes that an interpolation anywhere in the config of these options may read."""
        app = self.composed_by_hydra(tuple(options))
        text = OmegaConf.to_yaml(app, resolve=False)
        return [k for k in axes if re.search(rf"\$\{{[^}}]*\b{re.escape(k.rpartition('.')[2])}\}}", text)]

    def has_key(self, chosen: list[str], key: str) -> bool:
        """Tell whether a job with these choices has the key."""
        found: object = OmegaConf.select(self.compose(chosen), key, default="missing")
        return found != "missing"

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the config of a job with these overrides, without Hydra's own part.

        Hydra takes a tenth of a second to compose one. It does so once for each choice of
        options; plain values are then set in a copy, as Hydra itself sets them.
        """
        first = choices(overrides)
        config = deepcopy(self.composed_by_hydra(first))
        try:
            for text in overrides[len(first) :]:
                override = self.parse(text)
                OmegaConf.update(config, str(override.key_or_group), override.value(), merge=True)
        except OmegaConfBaseException:  # it does not fit; Hydra says why
            return self.composed_by_hydra(tuple(overrides))
        return config

    def composed_by_hydra(self, overrides: tuple[str, ...]) -> DictConfig:
        """Return what Hydra composes of these overrides, without its own part."""
        if overrides not in self.composed:
            whole = self.loader.load_sweep_config(self.config, list(overrides))
            own = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
            OmegaConf.set_struct(own, True)  # a key that is not there cannot be set
            self.composed[overrides] = own
        return self.composed[overrides]


def choices(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides that Hydra must apply itself: those up to the last that is not plain."""
    last = max((i for i, override in enumerate(overrides) if not is_plain(override)), default=-1)
    return tuple(overrides[: last + 1])


def is_plain(override: str) -> bool:
    """Tell whether an override gives a value to a nested key, and no interpolation."""
    return bool(re.match(r"(?!hydra\.)\w+(\.\w+)+=", override)) and "$" not in override


def is_number(key: str) -> bool:
    """Tell whether a key can vary between the lanes of a job."""
    from optim import OPTIMIZERS

    names = {f"optimizer.{name}" for cls in OPTIMIZERS.values() for name in cls.hyperparameters()}
    return key in {"seed", *names}
