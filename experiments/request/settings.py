"""Settings as composed, and the optimizer or problem that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from optim import ADAPTERS, OPTIMIZERS
from optim.base import Optimizer
from optim.method import Method
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper

Settings = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]
LABEL = re.compile(r"[A-Za-z0-9_-]+")
NOT_FIELDS = ("name", "search", "label")
"""The keys of a group that say other things than the values of its fields."""


def is_hyperparameter(column: object) -> bool:
    """Tell whether a column of runs is a setting of the optimizer, its wrapper or its schedule."""
    return column == "schedule" or f"{column}".startswith(("optimizer.", "schedule."))


def check_numbers(settings: Settings, levels: Axes) -> None:
    """Raise ValueError for a value of an axis that is no number, with the message it gives alone."""
    for key, values in levels.items():
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                method_of(settings, {key: value})


def kinds() -> dict[str, type[Optimizer]]:
    """Return what ``optimizer=`` may name: the rules of this project, and the adapters to others."""
    return {**OPTIMIZERS, **ADAPTERS}


@dataclass(frozen=True)
class OptimizerName:
    """What runs call an optimizer: ``name``, ``name.choice``, and either with ``:label``."""

    name: str
    choice: str
    label: str

    @classmethod
    def of(cls, text: str) -> OptimizerName:
        rule, _, label = text.partition(":")
        name, _, choice = rule.partition(".")
        return cls(name, choice, label)


def labelled_name(full_name: str, label: Any) -> str:
    """Return what runs call an optimizer of that full name which its settings give a label, or None.

    Raises:
        ValueError: the label is no word.
    """
    if label is None:
        return full_name
    if not (isinstance(label, str) and LABEL.fullmatch(label)):
        raise ValueError(f"optimizer.label must be letters, digits, _ or -, got {label!r}")
    return f"{full_name}:{label}"


def optimizer_called(text: str) -> type[Optimizer] | None:
    """Return the class of what runs call by this name; None if there is none here."""
    called = OptimizerName.of(text)
    cls, choice = kinds().get(called.name), called.choice
    if cls is None:
        return None
    try:
        return cls.of({cls.chooses: choice} if cls.chooses and choice else {})
    except ValueError:  # no such choice any more, or a library that is not installed
        return None


def class_of(optimizer: Settings) -> type[Optimizer]:
    """Return the class that these settings of an optimizer name.

    Raises:
        ValueError: there is none.
    """
    return kinds()[optimizer["name"]].of({k: v for k, v in optimizer.items() if k not in NOT_FIELDS})


def method_of(settings: Settings, varied: Mapping[str, Any]) -> Method:
    """Return the optimizer, schedule and wrapper that settings name, with these values of varied keys."""
    optimizer = with_values("optimizer", settings["optimizer"], varied)
    known = tuple(spec.name for spec in fields(Wrapper))
    around = {name: optimizer.pop(name) for name in known if name in optimizer}
    schedule = with_values("schedule", settings.get("schedule", {"name": "constant"}), varied)
    return Method(
        optimizer=build(kinds(), "optimizer", optimizer, more=known),
        schedule=build(SCHEDULES, "schedule", schedule),
        wrapper=Wrapper(**around),
    )


def with_values(group: str, settings: Any, varied: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a group with those of the varied keys that are its own."""
    own = settings if isinstance(settings, Mapping) else {"name": settings}
    return {**own, **{k.removeprefix(f"{group}."): v for k, v in varied.items() if k.startswith(f"{group}.")}}


def build(
    registry: Mapping[str, type[Any]], group: str, settings: Settings, more: tuple[str, ...] = ()
) -> Any:
    """Return the registered class named in ``settings``, made with the other values there.

    ``more`` are keys of the group that do not belong to the class.
    """
    name = settings.get("name") if isinstance(settings, Mapping) else settings
    cls = registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(f"{group} must be one of {', '.join(sorted(registry))}, got {name!r}")
    values = {key: value for key, value in settings.items() if key not in NOT_FIELDS}
    if issubclass(cls, Optimizer):
        cls = cls.of(values)
    known = [*(field.name for field in fields(cls)), *more]
    for key, value in values.items():
        if key not in known:
            raise ValueError(
                f"{group}.{key}={value}: {cls.__name__} has no {key}; it has {', '.join(known) or 'none'}"
            )
        if isinstance(value, list | dict):
            raise ValueError(f"{group}.{key} must be one value, got {value}; with -m, write several as 1,2,3")
    return cls(**values)


def plain(value: Any) -> Any:
    """Return a NumPy number as Python's own, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
