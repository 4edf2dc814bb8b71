"""What is measured: one optimizer on one problem over a grid of learning rates and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Problem
from problems.base import Array, Seeds

DECADES = 4  # from the largest learning rate of a grid down to the smallest
STEPS_A_POINT = 10  # as 1000 steps and 100 recorded points


@dataclass(frozen=True)
class Case:
    """One optimizer, at its defaults but for the learning rate, on one problem at its own.

    Attributes:
        optimizer, problem: registered names.
        lanes: how many runs.
        steps: how many each of them takes.
        highest_lr: the upper end of the learning rates.
        constants: of the problem, where they are not the default.
        recorded: how many steps are recorded, if not one in ten.
        dtype, device: float64 or float32, on cpu or gpu.
    """

    optimizer: str
    problem: str
    lanes: int
    steps: int
    highest_lr: float
    constants: dict[str, Any] = field(default_factory=dict)
    recorded: int | None = None
    dtype: str = "float64"
    device: str = "cpu"

    @property
    def points(self) -> int:
        """How many steps are recorded."""
        return self.recorded or max(2, self.steps // STEPS_A_POINT)

    @property
    def settings(self) -> int:
        """How many learning rates there are: as many as seeds."""
        return int(np.ceil(np.sqrt(self.lanes)))

    @property
    def middle_lr(self) -> float:
        """The learning rate of those that can have only one; of RMSprop it is the article's."""
        return float(self.highest_lr * 10 ** (-DECADES / 2))

    @property
    def lr(self) -> Array:
        """The learning rate of each lane, shape (lanes,); log-spaced, a single one in the middle."""
        exponents = -DECADES * (1 - (np.arange(self.settings) + 0.5) / self.settings)
        return np.resize(self.highest_lr * 10**exponents, self.lanes)

    @property
    def seeds(self) -> Seeds:
        """The seed of each lane, shape (lanes,), from 0."""
        return np.arange(self.lanes) // self.settings

    def make_problem(self) -> Problem:
        return PROBLEMS[self.problem](**self.constants)

    def make_optimizer(self) -> Optimizer:
        settings: dict[str, Any] = {"lr": self.lr}
        return OPTIMIZERS[self.optimizer](**settings)


class Prepared(NamedTuple):
    """A contestant that is ready to go.

    Attributes:
        run: does the work once and returns how many lane-steps that was.
        compile_seconds: what making it ready took, where there is a compiler.
    """

    run: Callable[[], int]
    compile_seconds: float = 0.0


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    Attributes:
        label: what tables and figures call it.
        outputs: what it finds out besides the last parameters.
        place: the module in this folder and the function in it that prepares a case.
        needs: libraries that must be installed.
        one_by_one: whether it runs one lane after another; a few runs then tell the rate
            for any number of lanes.
        block: the least number of lanes that it is meant for; it takes multiples of it.
    """

    label: str
    outputs: str
    place: tuple[str, str]
    needs: tuple[str, ...] = ()
    one_by_one: bool = False
    block: int = 1

    @property
    def missing(self) -> list[str]:
        """The libraries that it needs and that are not installed."""
        return [library for library in self.needs if find_spec(library) is None]

    def suits(self, lanes: int) -> bool:
        """Tell whether it is measured at that number of lanes."""
        return self.block == 1 or (lanes > self.block and lanes % self.block == 0)

    def load(self) -> Callable[[Case], Prepared]:
        """Return the function that prepares a case, with all that it imports imported."""
        module, function = self.place
        prepare: Callable[[Case], Prepared] = getattr(import_module(f"{__package__}.{module}"), function)
        return prepare

    def prepare(self, case: Case) -> Prepared:
        return self.load()(case)


ALL = "best loss, hit times, history"
BLOCK = 1000
CONTESTANTS = {
    "engine": Contestant("this engine, engine=jax", ALL, ("engine", "prepare")),
    "numpy": Contestant("this engine, engine=numpy", ALL, ("engine", "prepare_numpy")),
    "article": Contestant(
        "the article's loop", "loss of each step", ("article_loop", "prepare"), one_by_one=True
    ),
    "torch_runs": Contestant(
        "torch.optim, run by run",
        "loss of each step",
        ("torch_peers", "prepare_runs"),
        needs=("torch",),
        one_by_one=True,
    ),
    "torch_tensor": Contestant(
        "torch.optim, one tensor (one learning rate)",
        "best loss",
        ("torch_peers", "prepare_tensor"),
        needs=("torch",),
    ),
    "optax": Contestant(
        "Optax, jit(vmap(scan))", ALL, ("optax_peers", "prepare_at_once"), needs=("jax", "optax")
    ),
    "optax_blocks": Contestant(
        f"Optax, in blocks of {BLOCK:,}",
        ALL,
        ("optax_peers", "prepare_blocks"),
        needs=("jax", "optax"),
        block=BLOCK,
    ),
}
ENGINE = "engine"
TORCH_NETWORK = "torch_network"
NETWORKS = {
    ENGINE: CONTESTANTS[ENGINE],
    TORCH_NETWORK: Contestant(
        "a PyTorch loop, run by run",
        "loss of the recorded steps",
        ("torch_network", "prepare"),
        needs=("torch",),
        one_by_one=True,
    ),
}
