"""Whether an optimizer's state has overflowed, whatever form it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problems.base import Array


def has_overflowed(state: Any, lanes: int) -> NDArray[np.bool_]:
    """Tell for each lane whether a number in the optimizer's state is infinite or NaN.

    What has no axis of lanes belongs to all of them.
    """
    overflowed = np.zeros(lanes, np.bool_)
    for numbers in numbers_in(state):
        finite = np.isfinite(numbers)
        by_lane = finite.reshape(-1, lanes) if finite.shape[-1:] == (lanes,) else finite.reshape(-1, 1)
        overflowed |= ~by_lane.all(axis=0)
    return overflowed


def numbers_in(state: Any) -> Iterator[Array]:
    """Yield the floats in an optimizer's state, however it is nested."""
    if isinstance(state, Mapping):
        state = tuple(state.values())
    elif is_dataclass(state):
        state = tuple(getattr(state, part.name) for part in fields(state))
    if isinstance(state, tuple | list):
        for part in state:
            yield from numbers_in(part)
    elif (numbers := np.asarray(state)).dtype.kind in "fc":
        yield numbers
