"""The launcher: jobs in worker processes, as many at once as there are cores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

Overrides = Sequence[str]


class ProcessLauncher(Launcher):
    """Run jobs in worker processes; a sweep of one job runs in this process.

    Unlike Hydra's own launchers it gives a job no folder and no log of its own, and starts
    processes once, not once a job.

    Args:
        workers: how many processes; null for as many as there are cores.
    """

    def __init__(self, workers: int | None) -> None:
        if workers is not None and (type(workers) is not int or workers < 1):
            raise ValueError(
                f"hydra.launcher.workers must be an integer in [1, inf) or null, got {workers!r}"
            )
        self.workers = workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def prepare(self) -> None:
        """Start what takes long to start, beside what this process does until it launches."""
        from experiments.grid.pool import IF_NEEDED, cores, start_server

        if (self.workers or cores()) > 1:
            start_server(IF_NEEDED)

    def launch(self, job_overrides: Sequence[Overrides], initial_job_idx: int) -> list[JobReturn]:
        # imported here: Hydra loads every plugin at every start, whatever the command
        from experiments.grid.pool import Pool, cores

        workers = min(self.workers or cores(), len(job_overrides))
        if workers == 1:
            ends = [ended(self.task_function, self.config_of(overrides)) for overrides in job_overrides]
        else:
            configs = [self.config_of(overrides) for overrides in job_overrides]
            ends = Pool(workers, begin, (self.config.hydra,)).run(self.task_function, configs)
        return [returned(overrides, end) for overrides, end in zip(job_overrides, ends, strict=True)]

    def config_of(self, overrides: Overrides) -> DictConfig:
        """Return the configuration of a job."""
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        if any(OmegaConf.is_config(OmegaConf.select(self.config, o.get_key_element())) for o in parsed):
            return self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        config = self.config.copy()  # plain keys only: no need to compose all anew, which takes long
        for override in parsed:
            OmegaConf.update(config, override.get_key_element(), override.value())
        return config


def begin(hydra: DictConfig) -> None:
    """Make a worker process ready: what it has to say goes where it goes here."""
    configure_log(hydra.job_logging, hydra.verbose)


def ended(task: TaskFunction, config: DictConfig) -> Any:
    """Return what a job in this process returned, or the exception that ended it."""
    try:
        return task(config)
    except Exception as error:
        return error


def returned(overrides: Overrides, end: Any) -> JobReturn:
    """Return how a job ended, as Hydra records it."""
    status = JobStatus.FAILED if isinstance(end, BaseException) else JobStatus.COMPLETED
    result = JobReturn(overrides=overrides, status=status)
    result.return_value = end
    return result
