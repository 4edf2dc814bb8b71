"""Settings as composed, and the optimizer or problem that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from optim import OPTIMIZERS

Settings = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]


def check_numbers(settings: Settings, levels: Axes) -> None:
    """Raise ValueError for a value of an axis that is no number, with the message it gives alone."""
    for key, values in levels.items():
        name = key.removeprefix("optimizer.")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                build(OPTIMIZERS, "optimizer", {**settings, name: value})


def build(registry: Mapping[str, type[Any]], group: str, settings: Settings) -> Any:
    """Return the registered class named in ``settings``, made with the other values there."""
    name = settings.get("name") if isinstance(settings, Mapping) else settings
    cls = registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(f"{group} must be one of {', '.join(sorted(registry))}, got {name!r}")
    values = {key: value for key, value in settings.items() if key not in ("name", "search")}
    known = [field.name for field in fields(cls)]
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
