"""How optimizers and schedules declare their hyperparameters, and how values are checked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from experiments.declared import interval, refusal

Array = NDArray[np.float64]
Hyper = float | Array
"""A hyperparameter: one number for all lanes, or an array of shape ``(lanes,)``."""


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


KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", NoneType: "null"}
"""The kinds of settings that all lanes share, in words."""


def option(default: Any, *kinds: type) -> Any:
    """Declare a setting that all lanes share, of one of these kinds; a sweep of it makes jobs."""
    return field(default=default, metadata={"kinds": kinds})


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A record of hyperparameters: numbers or arrays of shape ``(lanes,)``, and settings of all lanes.

    Each is checked against its declared range when the record is made.

    Raises:
        ValueError: a value lies outside its range, or is not a number.
    """

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if "range" in spec.metadata:
                object.__setattr__(self, spec.name, self._checked(spec.name, value, spec.metadata["range"]))
            else:
                kinds = spec.metadata.get("kinds", (bool,))
                object.__setattr__(self, spec.name, self._shared(spec.name, value, kinds))
        self.check()

    def _shared(self, name: str, value: Any, kinds: tuple[type, ...]) -> Any:
        """Return a value that all lanes share, of one of these kinds."""
        plain = value.item() if isinstance(value, np.generic) else value
        if float in kinds and type(plain) is int:
            return float(plain)
        if type(plain) not in kinds:
            raise refusal(self, name, " or ".join(KINDS[kind] for kind in kinds), repr(value))
        return plain

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

    def check(self) -> None:
        """Raise ValueError when values that are each in range do not go together."""

    @classmethod
    def hyperparameters(cls) -> dict[str, Range]:
        """Return the numeric hyperparameters, in order, with their ranges."""
        return {f.name: f.metadata["range"] for f in fields(cls) if "range" in f.metadata}

    @classmethod
    def numbers(cls) -> tuple[str, ...]:
        """Return the names of what can differ between lanes; some of it may be off until it is given."""
        return tuple(cls.hyperparameters())

    def take(self, lanes: Any) -> Self:
        """Return this record for some of the lanes, given as a slice or indices."""
        values = {name: getattr(self, name) for name in self.hyperparameters()}
        return replace(self, **{name: _compact(v[lanes]) for name, v in values.items() if np.ndim(v)})


def _compact(values: Array) -> Hyper:
    # One number broadcasts faster than an array of equal ones, and lets a term be skipped.
    return float(values[0]) if (values == values[0]).all() else values
