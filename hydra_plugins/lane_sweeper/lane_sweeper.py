"""The sweeper: a job is a cell, and its lanes stay inside."""

from __future__ import annotations

import time
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LaneSweeper(Sweeper):
    """Take ``seed`` and the optimizer's numbers out of the Cartesian product.

    What is left is the product of jobs, handed to whatever launcher is configured; each
    job gets its axes as the user wrote them. All jobs are checked before any is run.
    ``params`` are sweeps that a configuration file brings; the command line overrides them.
    """

    def __init__(self, params: dict[str, Any] | None) -> None:
        self.params = params
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        # imported here: Hydra loads every plugin at every start, whatever the command
        from experiments.run import closing, most_runs, opening
        from hydra_plugins.lane_sweeper.plan import Planner

        assert self.launcher is not None
        assert self.config is not None
        assert self.hydra_context is not None
        began = time.time()
        planned = Planner(self.config, self.hydra_context.config_loader).plan(arguments)
        cells = [part.cell for part in planned]
        opening(planned[0].config, cells)
        sizes = [most_runs(part.config, part.cell, part.job.axes) for part in planned]
        batch = [
            [*part.job.arguments, f"progress={{before:{sum(sizes[:i])},total:{sum(sizes)},began:{began}}}"]
            for i, part in enumerate(planned)
        ]
        returns = self.launcher.launch(batch, initial_job_idx=0)
        closing(planned[0].config, cells, [outcome(result) for result in returns])
        return [returns]


def outcome(result: JobReturn) -> Any:
    """Return what a job returned, or the exception that ended it."""
    return result.return_value if result.status == JobStatus.COMPLETED else result._return_value
