"""What an optimizer is, and the registry; its hyperparameters are declared as `hyper.py` has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.declared import registration
from optim.hyper import Array as Array
from optim.hyper import Hyper as Hyper
from optim.hyper import Hyperparameters
from optim.hyper import Range as Range
from optim.hyper import hyper as hyper

OPTIMIZERS: dict[str, type[Optimizer]] = {}
"""Every registered optimizer class under the name a user types."""


@dataclass(frozen=True, kw_only=True)
class Optimizer(Hyperparameters, ABC):
    """A rule that turns gradients into updates, for many lanes at once.

    Fields are the hyperparameters: numbers or arrays of shape ``(lanes,)``, checked
    against their declared ranges when the optimizer is made.

    Raises:
        ValueError: a value lies outside its range, or is not a number.
    """

    name: ClassVar[str]

    @abstractmethod
    def init(self, params: Array) -> Any:
        """Return the state before the first step, for ``params`` of shape (dim, lanes).

        A NamedTuple, or a tuple, list or dictionary, of numbers, arrays whose last axis is
        the lanes, and None. Every number is finite as long as the rule works: a lane that
        ends with an infinity or NaN in its state has stalled. ``params`` is an array of
        NumPy here under both engines.
        """

    @abstractmethod
    def update(self, grads: Array, state: Any, params: Array) -> tuple[Array, Any]:
        """Return the updates to ADD to ``params`` and the next state; mutate nothing.

        ``grads``, ``params`` and the updates have shape (dim, lanes).
        """


def add_weight_decay(grads: Array, weight_decay: Hyper, params: Array) -> Array:
    """Return the gradients of the loss plus ``weight_decay / 2 * ||params||^2``."""
    if isinstance(weight_decay, float) and weight_decay == 0:
        return grads
    return grads + weight_decay * params


register = registration(OPTIMIZERS, "optimizer")
"""Enter the decorated class in ``OPTIMIZERS`` under a name."""
