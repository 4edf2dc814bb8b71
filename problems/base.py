"""What a problem is, how it declares its constants, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.declared import interval, refusal, registration

Array = NDArray[np.float64]
Seeds = NDArray[np.int64]
Layout = Mapping[str, tuple[int, ...]]
"""The shape of each of a lane's arrays by its name; the order is that of the flat parameters."""

LARGEST = float(np.finfo(np.float64).max)
LONGEST = 1000  # characters of a text: paths and names are shorter

SHORT = 4096
"""Numbers, of all lanes of a call, up to which XLA sums over coordinates one after another."""

PROBLEMS: dict[str, type[Problem]] = {}
"""Every registered problem class under the name a user types."""


@dataclass(frozen=True)
class Numbers:
    """The numbers that a constant may be: an interval, ends included unless infinite."""

    low: float = -np.inf
    high: float = np.inf
    integer: bool = False
    optional: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.optional
        kind = Integral if self.integer else Real
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        # compared as they are: an integer may be too large for a float
        return is_number and self.low <= value <= self.high and abs(value) <= LARGEST

    def plain(self, value: Any) -> Any:
        """Return an allowed value in its one plain type, so that 2 and 2.0 are the same."""
        if value is None:
            return None
        return int(value) if self.integer else float(value)

    def __str__(self) -> str:
        noun = "an integer" if self.integer else "a number"
        return f"{noun} in {interval(self.low, self.high)}" + (", or null" if self.optional else "")


@dataclass(frozen=True)
class Choice:
    """The words that a constant may be."""

    words: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        return value in self.words

    def plain(self, value: Any) -> Any:
        """Return an allowed value as it is."""
        return value

    def __str__(self) -> str:
        return "one of " + ", ".join(self.words)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool | np.bool_)

    def plain(self, value: Any) -> bool:
        """Return an allowed value as Python's own true or false."""
        return bool(value)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Text:
    """Words that a user is free in: a path, a name. One that is a whole number may be typed as it is."""

    optional: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.optional
        whole = Numbers(integer=True).allows(value)
        text = f"{value}" if whole else value
        return isinstance(text, str) and 0 < len(text) <= LONGEST and text.isprintable()

    def plain(self, value: Any) -> Any:
        """Return an allowed value as the text that it is."""
        return None if value is None else str(value)

    def __str__(self) -> str:
        return f"a text of 1 to {LONGEST:,} printable characters" + (", or null" if self.optional else "")


def plain_widths(dim: int) -> tuple[int, ...]:
    """Return the widths in which formulas without a matrix product give a lane the same bits."""
    most = min(512, SHORT // dim // 64 * 64)
    return (64, most) if most > 64 else (64,)


def constant(default: Any, allowed: Numbers | Choice | Flag | Text) -> Any:
    """Declare a constant of a problem with its default and what it may be."""
    return field(default=default, metadata={"allowed": allowed})


@dataclass(frozen=True, kw_only=True)
class Problem(ABC):
    """A function to minimise, with its constants as fields.

    Raises:
        ValueError: a constant is not what its declaration allows.
    """

    name: ClassVar[str]
    engines: ClassVar[tuple[str, ...]] = ("numpy",)
    """The engines that can run it, of numpy and jax; the first is the one that ``engine=auto`` takes."""
    lane_multiple: ClassVar[int] = 64
    """Blocks hold a multiple of so many lanes: 64 where lanes share a matrix product, at least 8."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, allowed = getattr(self, spec.name), spec.metadata["allowed"]
            if not allowed.allows(value):
                raise refusal(self, spec.name, allowed, repr(value))
            object.__setattr__(self, spec.name, allowed.plain(value))
        for name, value in self.derived().items():
            object.__setattr__(self, name, value)
        self.check()

    def derived(self) -> dict[str, Any]:
        """Return the constants that follow from the others; ValueError if they were given otherwise."""
        return {}

    @property
    def recorded(self) -> dict[str, Any]:
        """The constants as they are stored with a run: what decides its numbers, wherever it is run."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}

    def check(self) -> None:  # noqa: B027 - most problems have no rule that spans constants
        """Raise ValueError when constants that are each allowed do not go together."""

    @abstractmethod
    def instance(self, seeds: Seeds) -> Instance:
        """Return the problem as the lanes with these seeds, shape (lanes,), meet it.

        What a lane gets depends on its own seed alone.
        """

    @property
    def layout(self) -> Layout | None:
        """The shapes of the arrays that a lane's parameters are made of; None if they are one vector."""
        return None

    def batches(self, seeds: Seeds, first: int, count: int) -> NDArray[Any] | None:
        """Return what the gradients of so many steps from ``first`` on see, lanes last: (count, ..., lanes).

        Rows of the data, or noise; None where every gradient is that of all data. What a lane
        sees depends on its own seed and on the step alone.
        """
        return None

    def batch(self, seeds: Seeds, step: int) -> NDArray[Any] | None:
        """Return what the gradient at one step sees, (..., lanes), or None."""
        found = self.batches(seeds, step, 1)
        return None if found is None else found[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """How many lanes the compiled engine may compute in one call on a CPU, ascending.

        A lane's bits must be the same in each of these: they are a part of what decides a run.
        """
        return (64,)

    @property
    def in_one_call(self) -> bool:
        """Whether the compiled engine makes one function of the loop over steps on a CPU.

        That is faster where formulas are few and plain, and slower, or impossible, with matrix
        products and with sums over more than ``SHORT`` numbers.
        """
        return False

    @property
    @abstractmethod
    def floats_per_lane(self) -> int:
        """How many float64 numbers one evaluation touches for each lane, roughly."""

    @property
    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """The names of what ``Instance.metrics`` returns, known without evaluating it."""


@dataclass(frozen=True, kw_only=True)
class Instance(ABC):
    """A problem for a given row of lanes.

    Its formulas serve both engines: they call ``array_namespace(params)`` for their functions,
    and never branch on a number in an array. Fields are arrays, and floats, which the compiled
    engine hands over with each call; or words, whole numbers and switches, for each of which it
    compiles anew.

    Attributes:
        start: (dim, lanes), where each lane begins.
        minimum: (lanes,), finite, the least loss there is, or a lower bound of it.
        minimiser: (dim, lanes), where that loss is; None where only a bound is known.
    """

    BY_LANE: ClassVar[tuple[str, ...]] = ("start", "minimum", "minimiser")
    """The arrays whose last axis is the lanes; all others are the same for every lane."""
    loss_is_exact: ClassVar[bool] = True
    """Whether the loss that comes with a gradient is the one on all data, whatever the gradient sees."""

    start: Array
    minimum: Array
    minimiser: Array | None = None

    @abstractmethod
    def loss(self, params: Array) -> Array:
        """Return the objective on all data, shape (lanes,), at ``params`` (dim, lanes)."""

    @abstractmethod
    def loss_and_grad(self, params: Array, batch: Any = None) -> tuple[Array, Array]:
        """Return what the optimizer sees: loss (lanes,), gradient (dim, lanes).

        On all data, or on a step's ``Problem.batch`` where there is one.
        """

    def metrics(self, params: Array) -> dict[str, Array]:
        """Return what else is worth recording, each of shape (lanes,)."""
        return {}


register = registration(PROBLEMS, "problem")
"""Enter the decorated class in ``PROBLEMS`` under a name."""
