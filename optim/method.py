"""An optimizer with its schedule and what is put around it: all that decides the steps of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optim.base import Optimizer
from optim.schedules.base import Schedule
from optim.schedules.constant import Constant
from optim.wrapper import Wrapper


class NoLearningRate(ValueError):
    """What changes the learning rate, or is measured by it, around a rule that has none for it.

    Attributes:
        why: the same, in words that name no problem.
    """

    def __init__(self, words: str, optimizer: str) -> None:
        self.why = (
            f"{words} changes the learning rate, or is measured by it; optimizer={optimizer} has none "
            "after its first step"
        )
        super().__init__(self.why)


@dataclass(frozen=True)
class Method:
    """What decides the steps of a run, besides the gradients.

    Raises:
        NoLearningRate: a schedule or a decay of an optimizer that has no learning rate for them.
        ValueError: a decay of one that is evaluated elsewhere than where gradients are taken.
    """

    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Constant)
    wrapper: Wrapper = field(default_factory=Wrapper)

    def __post_init__(self) -> None:
        if not self.has_rate:
            for words, is_used in (
                (f"schedule={self.schedule.name}", self.is_scheduled),
                ("optimizer.decoupled_decay", bool(np.any(self.wrapper.decoupled_decay))),
            ):
                if is_used:
                    raise NoLearningRate(words, self.optimizer.name)
        if self.optimizer.evaluates_elsewhere and np.any(self.wrapper.decoupled_decay):
            raise ValueError(
                "optimizer.decoupled_decay shrinks where gradients are taken, and optimizer="
                f"{self.optimizer.name} is evaluated elsewhere; it must be 0 there, got "
                f"{np.max(self.wrapper.decoupled_decay)}"
            )

    @property
    def has_rate(self) -> bool:
        """Whether there is a learning rate that a schedule can change."""
        return self.optimizer.rate in {spec.name for spec in fields(self.optimizer)}

    @property
    def is_scheduled(self) -> bool:
        """Whether the learning rate of any lane changes on the way."""
        return self.schedule.name != Constant.name or bool(np.any(self.schedule.warmup))

    def factors(self, first: int, count: int, steps: int) -> NDArray[Any]:
        """Return what the rate is multiplied by at so many updates from ``first`` on, (count, lanes or 1)."""
        return np.asarray(self.schedule.factor(np.arange(first, first + count)[:, None], steps))

    @property
    def couples(self) -> bool:
        """Whether a sum over coordinates decides their steps."""
        return self.optimizer.couples or bool(np.any(self.wrapper.clip_norm))

    def take(self, lanes: Any) -> Method:
        """Return this for some of the lanes, given as a slice or indices."""
        return Method(self.optimizer.take(lanes), self.schedule.take(lanes), self.wrapper.take(lanes))

    def settings(self) -> dict[str, Any]:
        """Return every setting under the name of its column, which is what a user types."""
        return {
            "optimizer": self.optimizer.full_name(),
            **{
                f"optimizer.{key}": value
                for part in (self.optimizer, self.wrapper)
                for key, value in of(part)
            },
            "schedule": self.schedule.name,
            **{f"schedule.{key}": value for key, value in of(self.schedule)},
        }

    def alike(self, lanes: int) -> list[NDArray[np.int64]]:
        """Return the lanes, cut into those in which the same parts of wrapper and schedule are on.

        Each is computed by itself: a part that is off in all lanes of a block is left out there, and
        a lane's bits must not depend on whether others have it.
        """
        values = [value for _, value in of(self.wrapper)]
        if self.schedule.name == Constant.name:
            values.append(self.schedule.warmup)
        if not any(np.ndim(value) for value in values):
            return [np.arange(lanes)]
        on = np.array([np.broadcast_to(np.not_equal(value, 0), lanes) for value in values])
        _, which = np.unique(on, axis=1, return_inverse=True)
        return [np.flatnonzero(which == group) for group in range(which.max() + 1)]


def of(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a part with their values."""
    return ((spec.name, getattr(part, spec.name)) for spec in fields(part))
