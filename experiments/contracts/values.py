"""Values that a hyperparameter may have, those that are refused, and in which words."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from optim.hyper import Range

NOT_A_NUMBER: list[Any] = [None, "0.1", "", True, np.True_, 1j, b"0.5", {}, [True], ["0.1"], np.array([None])]


def invalid_numbers(allowed: Range) -> list[float]:
    """Return the numbers next to the interval on its outside, and those that are no number."""
    low = allowed.low if allowed.open_low else np.nextafter(allowed.low, -np.inf)
    high = allowed.high if allowed.open_high else np.nextafter(allowed.high, np.inf)
    return [float(low), float(high), np.inf, -np.inf, np.nan]


def valid_ends(allowed: Range) -> list[float]:
    """Return the finite numbers at the very ends of the interval, on its inside."""
    low = np.nextafter(allowed.low, np.inf) if allowed.open_low else allowed.low
    high = np.nextafter(allowed.high, -np.inf) if allowed.open_high else allowed.high
    return [float(end) for end in (low, high) if np.isfinite(end)]


def message_of(make: Callable[[], Any]) -> str:
    with pytest.raises(ValueError, match=": ") as error:
        make()
    return str(error.value)


def refused(cls: type[Any], **values: Any) -> str:
    """Return the words in which a class refuses these values."""
    return message_of(lambda: cls(**values))


def outside(cls: type[Any]) -> Iterator[tuple[str, Range, float]]:
    """Yield each hyperparameter with its range and a number that is not in it."""
    for name, allowed in cls.hyperparameters().items():
        for value in invalid_numbers(allowed):
            yield name, allowed, value
