"""What an optimizer is, how it declares its hyperparameters, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from experiments.declared import interval, refusal, registration

Array = NDArray[np.float64]
Hyper = float | Array
"""A hyperparameter: one number for all lanes, or an array of shape ``(lanes,)``."""

OPTIMIZERS: dict[str, type[Optimizer]] = {}
"""Every registered optimizer class under the name a user types."""


@dataclass(frozen=True)
class Range:
    """The interval a hyperparameter must lie in; infinite ends are always excluded."""

    low: float
    high: float
    open_low: bool
    open_high: bool

    def contains(self, value: Array) -> NDArray[np.bool_]:
        """Tell for each entry of ``value`` whether it lies inside (NaN never does)."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return np.isfinite(value) & above & below

    def __str__(self) -> str:
        return interval(self.low, self.high, open_low=self.open_low, open_high=self.open_high)


def hyper(
    default: float,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> Any:
    """Declare a numeric hyperparameter with its default and its range."""
    return field(default=default, metadata={"range": Range(low, high, open_low, open_high)})


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """A rule that turns gradients into updates, for many lanes at once.

    Fields are the hyperparameters: numbers or arrays of shape ``(lanes,)``, checked
    against their declared ranges when the optimizer is made.

    Raises:
        ValueError: a value lies outside its range, or is not a number.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if "range" in spec.metadata:
                object.__setattr__(self, spec.name, self._checked(spec.name, value, spec.metadata["range"]))
            elif not isinstance(value, bool | np.bool_):
                raise refusal(self, spec.name, "true or false", repr(value))
        self.check()

    def _checked(self, name: str, value: Any, allowed: Range) -> Hyper:
        """Return a value as numbers that are in their range."""
        given = np.asarray(value)
        if given.dtype.kind not in "iuf":  # integers and floats; no booleans, text, objects
            raise refusal(self, name, f"a number in {allowed}", repr(value))
        numbers = given.astype(np.float64, copy=False)
        outside = ~allowed.contains(numbers)
        if outside.any():
            raise refusal(self, name, f"in {allowed}", numbers[outside].flat[0])
        return float(numbers) if numbers.ndim == 0 else numbers

    def check(self) -> None:  # noqa: B027 - most optimizers have no rule that spans fields
        """Raise ValueError when values that are each in range do not go together."""

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

    @classmethod
    def hyperparameters(cls) -> dict[str, Range]:
        """Return the numeric hyperparameters, in order, with their ranges."""
        return {f.name: f.metadata["range"] for f in fields(cls) if "range" in f.metadata}

    def take(self, lanes: Any) -> Self:
        """Return this optimizer for some of the lanes, given as a slice or indices."""
        values = {name: getattr(self, name) for name in self.hyperparameters()}
        return replace(self, **{name: _compact(v[lanes]) for name, v in values.items() if np.ndim(v)})


def _compact(values: Array) -> Hyper:
    # One number broadcasts faster than an array of equal ones, and lets a term be skipped.
    return float(values[0]) if (values == values[0]).all() else values


def add_weight_decay(grads: Array, weight_decay: Hyper, params: Array) -> Array:
    """Return the gradients of the loss plus ``weight_decay / 2 * ||params||^2``."""
    if isinstance(weight_decay, float) and weight_decay == 0:
        return grads
    return grads + weight_decay * params


register = registration(OPTIMIZERS, "optimizer")
"""Enter the decorated class in ``OPTIMIZERS`` under a name."""
