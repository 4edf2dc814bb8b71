"""A problem whose runs meet with the trouble that the environment names; nothing of it is in their ids."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from experiments import run as experiments_run
from experiments.grid.worker import Outcome
from problems.base import Instance, Seeds, register
from problems.rosenbrock import Rosenbrock

SEED = 7  # the seed that is in trouble
MOST_LANES = 128  # that memory is said to suffice for


@register("troubled")
class Troubled(Rosenbrock):
    """Rosenbrock's function, in trouble."""

    def instance(self, seeds: Seeds) -> Instance:
        kind, _, place = os.environ.get("TROUBLE", "").partition(":")
        if kind == "memory" and len(seeds) > MOST_LANES:
            raise MemoryError(f"{len(seeds)} lanes are too many")
        if kind == "all" and np.any(seeds):  # not those by which the size of a block is found
            raise RuntimeError("every run broke")
        if SEED in seeds and self.perturbation == 0.1:  # in one of two cells
            befall(kind, Path(place))
        return super().instance(seeds)


def befall(kind: str, place: Path) -> None:
    """Raise, kill this process, or wait for ever; what is to happen once leaves a file at ``place``."""
    if kind == "raise":
        raise RuntimeError("seed 7 broke")
    if kind == "kill" or (kind == "kill-once" and not place.exists()):
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "wait":
        place.touch()
        threading.Event().wait()


def run(config: DictConfig) -> Outcome | None:
    """Do what ``experiments.run`` does; a process that this is sent to imports the problem with it."""
    return experiments_run.run(config)
