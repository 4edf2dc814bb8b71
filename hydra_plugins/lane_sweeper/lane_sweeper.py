"""The sweeper: a grid is cut into batches, and the lanes stay inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.lane_sweeper.axes import quoted


class LaneSweeper(Sweeper):
    """Take ``seed`` and the optimizer's numbers out of the Cartesian product.

    What is left is a product of cells. They are checked before any is run, cut and packed
    into batches of about the same length, and handed to whatever launcher is configured.
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

    def sweep(self, arguments: list[str]) -> None:
        # imported here: Hydra loads every plugin at every start, whatever the command
        from experiments.run import Launch, run_grid
        from hydra_plugins.lane_sweeper.plan import Planner

        assert self.config is not None
        assert self.hydra_context is not None
        requests = Planner(self.config, self.hydra_context.config_loader).plan(arguments)
        run_grid(requests, Launch(self.launch, *jobs_for(self.config)))

    def launch(self, batches: Sequence[Any]) -> list[Any]:
        """Return what each batch came to, or the exception that ended it."""
        assert self.launcher is not None
        overrides = [[f"batch={quoted(batch.text())}"] for batch in batches]
        try:
            returns = self.launcher.launch(overrides, initial_job_idx=0)
        except Exception as error:  # the launcher gave up: no batch is known to have ended
            return [error] * len(batches)
        return [ended(result) for result in returns]


def jobs_for(config: DictConfig) -> tuple[int, float]:
    """Return how many jobs a grid makes at most, and how many seconds of work are worth one."""
    from experiments.pool import cores

    launcher = config.hydra.launcher
    name = str(launcher._target_).rpartition(".")[2]
    if name == "BasicLauncher":
        return 1, 0.0
    if config.jobs is not None:
        return int(config.jobs), 0.0
    if name == "ProcessLauncher":
        return 4 * (launcher.workers or cores()), 2.0
    if name == "SlurmLauncher":
        return int(launcher.array_parallelism), 60.0
    return 4 * cores(), 5.0


def ended(result: JobReturn) -> Any:
    """Return what a job returned, or the exception that ended it."""
    return result.return_value if result.status == JobStatus.COMPLETED else result._return_value
