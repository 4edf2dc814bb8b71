"""Records of arrays, as optimizers and instances are: mapped, or taken apart for a compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """What a compiled program hangs on of a record: its class, and the fields that are no numbers."""

    cls: type
    fixed: tuple[tuple[str, Any], ...]

    def filled(self, data: Data) -> Any:
        """Return a record of this form with these numbers, which are not checked: they may be traced."""
        record: Any = object.__new__(self.cls)
        for name, value in (*self.fixed, *data.items()):
            object.__setattr__(record, name, value)
        return record


def taken_apart(record: Any) -> tuple[Form, dict[str, Any]]:
    """Return a dataclass as its form and its numbers: its arrays and floats, also in tuples.

    What is declared as an ``option`` is of its form, be it a number.
    """
    values = {spec.name: getattr(record, spec.name) for spec in fields(record)}
    shared = {spec.name for spec in fields(record) if "kinds" in spec.metadata}
    data = {name: value for name, value in values.items() if name not in shared and is_data(value)}
    fixed = tuple((name, value) for name, value in values.items() if name not in data)
    return Form(type(record), fixed), data


def is_data(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(is_data, value))
    return isinstance(value, np.ndarray | float)


def with_floats(record: Any, function: Callable[[Any], Any]) -> Any:
    """Return a record with a function applied to its arrays of floats."""
    form, data = taken_apart(record)
    return form.filled(
        {
            name: function(value) if getattr(value, "dtype", np.dtype(int)).kind == "f" else value
            for name, value in data.items()
        }
    )
