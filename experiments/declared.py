"""What optimizers and problems share: how a value is refused, and how a class is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Class = TypeVar("Class", bound=type)


def interval(low: float, high: float, *, open_low: bool = False, open_high: bool = False) -> str:
    """Return an interval as one reads it; infinite ends are never included."""
    left = "(" if open_low or np.isinf(low) else "["
    right = ")" if open_high or np.isinf(high) else "]"
    return f"{left}{low:.15g}, {high:.15g}{right}"


def refusal(owner: object, name: str, allowed: object, value: object) -> ValueError:
    """Return the error for a field of an optimizer or a problem whose value is not what it may be."""
    return ValueError(f"{type(owner).__name__}: {name} must be {allowed}, got {value}")


def registration(registry: dict[str, Any], kind: str) -> Callable[[str], Callable[[Class], Class]]:
    """Return the function that enters a class, by decoration, in a registry of that kind under a name.

    Raises:
        ValueError: the name is taken.
    """

    def register(name: str) -> Callable[[Class], Class]:
        def enter(cls: Class) -> Class:
            if name in registry:
                raise ValueError(f"the {kind} name {name!r} is taken by {registry[name].__name__}")
            cls.name = name  # type: ignore[attr-defined]
            registry[name] = cls
            return cls

        return enter

    return register
