"""The sweeper: a job is a cell, and its lanes stay inside."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lane_sweeper.axes import Job, split, values

log = logging.getLogger(__name__)


class LaneSweeper(BasicSweeper):
    """Take ``seed`` and the optimizer's numbers out of the Cartesian product.

    What is left is the product of jobs, handed to whatever launcher is configured; each
    job gets its axes as the user wrote them. All jobs are checked before any is run.
    """

    def sweep(self, arguments: list[str]) -> Any:
        assert self.config is not None
        assert self.launcher is not None
        from experiments.app import bad_input_ends_here
        from experiments.run import cell_from, closing, opening

        began = time.time()
        with bad_input_ends_here():
            jobs = self.jobs(arguments)
            configs = [self.compose(job.arguments) for job in jobs]
        cells = [cell_from(config) for config in configs]
        opening(configs[0], cells)
        sizes = [len(cell.runs) for cell in cells]
        batch = [
            [*job.arguments, f"progress={{before:{sum(sizes[:i])},total:{sum(sizes)},began:{began}}}"]
            for i, job in enumerate(jobs)
        ]
        returns = self.launcher.launch(batch, initial_job_idx=0)
        closing(configs[0], cells, [outcome(result) for result in returns])
        return [returns]

    def jobs(self, arguments: list[str]) -> list[Job]:
        """Return the jobs; keys that only some of them have are dropped in the others."""
        params = [f"{key}={text}" for key, text in (self.params or {}).items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)  # type: ignore[union-attr]
        overrides = parser.parse_overrides([*params, *arguments])
        try:
            jobs, dropped = split(overrides, self.is_axis, self.has_key)
        except KeyError as error:
            from experiments.app import unknown_key

            raise ValueError(unknown_key(error.args[0], "config")) from None
        for line in dropped:
            log.info(line)
        for job in jobs:
            for key, text in job.axes.items():
                values(key, text)
        return jobs

    def is_axis(self, key: str) -> bool:
        """Tell whether a swept key is a lane: a number that nothing else in the config reads."""
        from optim import OPTIMIZERS

        names = {f"optimizer.{name}" for cls in OPTIMIZERS.values() for name in cls.hyperparameters()}
        return key in {"seed", *names} and not self.is_read(key)

    def is_read(self, key: str) -> bool:
        """Tell whether an interpolation anywhere in the config may read this key."""
        assert self.config is not None
        app = OmegaConf.masked_copy(self.config, [str(name) for name in self.config if name != "hydra"])
        text = OmegaConf.to_yaml(app, resolve=False)
        return bool(re.search(rf"\$\{{[^}}]*\b{re.escape(key.rpartition('.')[2])}\}}", text))

    def has_key(self, chosen: list[str], key: str) -> bool:
        """Tell whether a job with these choices has the key."""
        found: object = OmegaConf.select(self.compose(chosen), key, default="missing")
        return found != "missing"

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the config of a job with these overrides."""
        return self.composed(tuple(overrides))

    @cache  # noqa: B019 - a sweeper lives as long as its process
    def composed(self, overrides: tuple[str, ...]) -> DictConfig:
        assert self.hydra_context is not None
        assert self.config is not None
        return self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))


def outcome(result: JobReturn) -> Any:
    """Return what a job returned, or the exception that ended it."""
    return result.return_value if result.status == JobStatus.COMPLETED else result._return_value
