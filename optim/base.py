"""What an optimizer is, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from experiments.declared import registration
from optim.hyper import Array, Hyper, Hyperparameters, Range, hyper, option

__all__ = [
    "OPTIMIZERS",
    "Array",
    "Hyper",
    "LayerOptimizer",
    "Optimizer",
    "Range",
    "TreeOptimizer",
    "add_weight_decay",
    "hyper",
    "option",
    "register",
]

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
    engines: ClassVar[tuple[str, ...]] = ("numpy", "jax")
    """The engines that can run it."""
    rate: ClassVar[str | None] = "lr"
    """The hyperparameter that a schedule multiplies; None where none could change on the way."""
    chooses: ClassVar[str | None] = None
    """The field whose value decides which others there are; None where they are always the same."""
    needs_hessian: ClassVar[bool] = False
    """Whether ``update`` is given an estimate of the Hessian's diagonal, wherever ``wants_hessian``."""
    in_one_call: ClassVar[bool] = True
    """Whether its formulas may be compiled into one function; matrices may not be decomposed in it."""

    couples: ClassVar[bool] = False
    """Whether a coordinate's step depends on the others: the compiled engine then keeps to one width."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> type[Optimizer]:
        """Return the class to make with these values of fields: another one where one of them ``chooses``.

        Raises:
            ValueError: there is none.
        """
        return cls

    @classmethod
    def full_name(cls) -> str:
        """Return its name with what was chosen, ``name.choice``: runs that are alike have the same."""
        return cls.name

    @classmethod
    def modules(cls, choice: str) -> tuple[str, ...]:
        """Return the modules of this project that hold its formulas, given what was chosen."""
        return (cls.__module__,)

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

        ``grads``, ``params`` and the updates have shape (dim, lanes). A rule that
        ``needs_hessian`` takes one more argument, ``hessian=None``: an estimate of the
        diagonal at ``params``, (dim, lanes), of use where the state wanted one.
        """

    @property
    def evaluates_elsewhere(self) -> bool:
        """Whether the loss is to be looked at elsewhere than where gradients are taken."""
        return False

    def evaluated(self, params: Array, state: Any) -> Array:
        """Return the point whose loss counts, (dim, lanes), given where the next gradient is taken."""
        return params

    def wants_hessian(self, state: Any) -> NDArray[np.bool_]:
        """Tell for each lane whether its next update is to see a new estimate of the Hessian's diagonal."""
        raise NotImplementedError

    def gradient_evaluations(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what so many steps cost, (lanes,), in gradients; a product with the Hessian is two."""
        return steps

    def at_rate(self, factor: Hyper) -> Self:
        """Return this rule with its learning rate multiplied by what may be traced; nothing is checked."""
        scaled = copy(self)
        assert self.rate is not None
        object.__setattr__(scaled, self.rate, getattr(self, self.rate) * factor)
        return scaled


@dataclass(frozen=True, kw_only=True)
class LayerOptimizer(Optimizer):
    """A rule that sees each of a problem's arrays by itself.

    ``init`` and ``update`` are called once for each, with arrays of the shape that the problem's
    layout gives it, the lanes last. A problem of one flat vector has one array, (dim, lanes).
    """

    couples: ClassVar[bool] = True
    needs_matrices: ClassVar[bool] = False
    """Whether a problem without an array of two axes or more is refused: there, it would be another rule."""


@dataclass(frozen=True, kw_only=True)
class TreeOptimizer(Optimizer):
    """A rule that sees all of a problem's arrays at once, each in its shape.

    ``init`` and ``update`` take and return dictionaries of arrays, by the names in the problem's
    layout, the lanes last. A problem of one flat vector has one array, ``params`` of (dim, lanes).
    """

    couples: ClassVar[bool] = True


def add_weight_decay(grads: Array, weight_decay: Hyper, params: Array) -> Array:
    """Return the gradients of the loss plus ``weight_decay / 2 * ||params||^2``."""
    if isinstance(weight_decay, float) and weight_decay == 0:
        return grads
    return grads + weight_decay * params


register = registration(OPTIMIZERS, "optimizer")
"""Enter the decorated class in ``OPTIMIZERS`` under a name."""
