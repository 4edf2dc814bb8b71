"""Whether two arrays, states or traces are the same to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from experiments.engine.trace import Trace


def arrays_in(state: Any) -> list[np.ndarray]:
    """Return the arrays in an optimizer's state, whatever holds them, in order."""
    if isinstance(state, np.ndarray):
        return [state]
    if is_dataclass(state):
        state = [getattr(state, spec.name) for spec in fields(state)]
    parts = state.values() if isinstance(state, Mapping) else state
    return [a for part in parts for a in arrays_in(part)] if isinstance(parts, Iterable) else []


def form_of(state: Any) -> Any:
    """Return the classes of which an optimizer's state is made, each with those of its parts."""
    if is_dataclass(state):
        return type(state), [form_of(getattr(state, spec.name)) for spec in fields(state)]
    if isinstance(state, Mapping):
        return type(state), {key: form_of(part) for key, part in state.items()}
    return type(state), [form_of(part) for part in state] if isinstance(state, tuple | list) else []


def same_bits(a: Any, b: Any) -> bool:
    """Tell whether two arrays are the same bits; one NaN is as good as another."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.where(np.isnan(a), 0, a).tobytes() == np.where(np.isnan(b), 0, b).tobytes() and bool(
        (np.isnan(a) == np.isnan(b)).all()
    )


def flat(trace: Trace) -> dict[str, np.ndarray]:
    """Return every array of a trace under its name, but for the time it took."""
    named = {f.name: getattr(trace, f.name) for f in fields(trace) if f.name != "seconds"}
    named |= named.pop("metrics")
    return {name: value for name, value in named.items() if value is not None}


def different_fields(trace: Trace, lanes: Any, other: Trace) -> list[str]:
    """Return the fields in which those lanes of ``trace`` are not the same bits as ``other``."""
    ours, theirs = flat(trace), flat(other)
    assert ours.keys() == theirs.keys()
    return [
        name
        for name, value in ours.items()
        if not same_bits(value if name == "step" else value[..., lanes], theirs[name])
    ]
