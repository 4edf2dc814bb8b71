"""The sweeper: a grid is cut into batches, and the lanes stay inside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from experiments.grid.axes import quoted

MANY_RUNS = 10_000  # that surely take longer than worker processes take to start
EXTRAS = {
    "hydra_joblib_launcher": "parallel",
    "hydra_ray_launcher": "ray",
    "hydra_submitit_launcher": "slurm",
}


JOBLIBS_TRACKERS = ("multiprocessing.resource_tracker", "joblib.externals.loky.backend.resource_tracker")


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
        from experiments.command_line.command import fail

        try:
            self.launcher = Plugins.instance().instantiate_launcher(
                hydra_context=hydra_context, task_function=task_function, config=config
            )
        except RuntimeError:  # how Hydra says that it has not found the plugin
            fail(not_installed(str(config.hydra.launcher._target_)))

    def sweep(self, arguments: list[str]) -> None:
        # imported here: Hydra loads every plugin at every start, whatever the command
        from experiments.command_line.closing import tell
        from experiments.command_line.command import TYPED, bad_input_ends_here
        from experiments.grid.plan import Planner
        from experiments.grid.running import Launch, run_grid

        assert self.config is not None
        assert self.hydra_context is not None
        with bad_input_ends_here():
            requests = Planner(self.config, self.hydra_context.config_loader, self.prepare).plan(arguments)
        tell(run_grid(requests, Launch(self.launch, **sizes(self.config)), TYPED.get()))

    def prepare(self, runs: int) -> None:
        """Let the launcher get ready for so many runs while the rest of the grid is planned."""
        assert self.config is not None
        prepare = getattr(self.launcher, "prepare", None)  # only our own launcher has it
        if prepare and runs >= MANY_RUNS and not self.config.dry_run:
            prepare()

    def launch(self, batches: Sequence[Any]) -> list[Any]:
        """Return what each batch came to, or the exception that ended it."""
        from experiments.command_line.progress import following
        from experiments.grid.persistence import Persistence
        from experiments.store import Store

        store = Store(batches[0].folder)
        tells = type(self.launcher).__name__ in ("BasicLauncher", "ProcessLauncher")
        with nullcontext() if tells else following(store.count):
            return Persistence(self.launch_once, store.count).run(batches)

    def launch_once(self, batches: Sequence[Any]) -> list[Any]:
        """Return what each batch came to, or the exception that ended it, unless the launcher raises."""
        from experiments.command_line.signals import deafen_children
        from hydra_plugins.lane_sweeper.awaited import every_job_awaited

        assert self.launcher is not None
        if type(self.launcher).__module__.startswith("hydra_plugins.hydra_joblib_launcher."):
            deafen_children(*map(import_module, JOBLIBS_TRACKERS))
        overrides = [[f"batch={quoted(batch.text())}"] for batch in batches]
        submitit = type(self.launcher).__module__.startswith("hydra_plugins.hydra_submitit_launcher.")
        with every_job_awaited() if submitit else nullcontext():
            returns = self.launcher.launch(overrides, initial_job_idx=0)
        return [ended(result) for result in returns]


def not_installed(target: str) -> str:
    """Return the line for a launcher whose plugin is not there."""
    plugin = target.split(".")[1]
    extra = EXTRAS.get(plugin)
    install = f"pip install -e '.[{extra}]' brings it" if extra else "install it"
    return f"hydra/launcher: its plugin {plugin} is not installed; {install}"


def sizes(config: DictConfig) -> dict[str, Any]:
    """Return for the configured launcher how many jobs a grid makes, of what length, how many at once."""
    from experiments.grid.pool import cores

    launcher = config.hydra.launcher
    name = str(launcher._target_).rpartition(".")[2]
    if name == "BasicLauncher":
        return {}
    at_once = {"ProcessLauncher": launcher.get("workers"), "SlurmLauncher": launcher.get("array_parallelism")}
    workers = int(at_once.get(name) or cores())
    if config.jobs is not None:
        return {"jobs": int(config.jobs), "workers": workers}
    if name == "SlurmLauncher":  # where a job takes long to start
        return {"jobs": workers, "least": 60.0, "workers": workers}
    if name == "ProcessLauncher":  # where it takes next to no time
        return {"jobs": 8 * workers, "least": 1.0, "workers": workers}
    return {"jobs": 4 * workers, "least": 3.0, "workers": workers}


def ended(result: JobReturn) -> Any:
    """Return what a job returned, or the exception that ended it."""
    return result.return_value if result.status == JobStatus.COMPLETED else result._return_value
