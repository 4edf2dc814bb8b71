"""What runs there are, or will be, to compare: axes with their values, and measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from experiments.engine.backend import BACKEND
from experiments.request.settings import is_hyperparameter
from experiments.tables import MEASURES, is_target, text

PLAIN_AXES = ("optimizer", "problem", "schedule", "steps", *BACKEND)


@dataclass(frozen=True)
class There:
    """What runs there are, or will be.

    Attributes:
        values: those of each axis, distinct; seeds are none.
        measures: the columns that they are measured by.
        seeds: how many.
    """

    values: Mapping[str, tuple[Any, ...]]
    measures: tuple[str, ...]
    seeds: int

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of steps to a target."""
        return tuple(filter(is_target, self.measures))


def there_in(runs: pd.DataFrame) -> There:
    """Return what there is in a table of runs."""
    axes = [str(column) for column in runs if is_axis(str(column))]
    values = {
        axis: tuple(sorted(runs[axis].dropna().unique(), key=lambda v: (isinstance(v, str), v)))
        for axis in axes
    }
    measures = tuple(str(c) for c in runs if str(c) in MEASURES or is_target(str(c)))
    return There(values, measures, int(runs["seed"].nunique()) if len(runs) else 0)


def is_axis(column: str) -> bool:
    """Tell whether a column of runs is a setting that can be compared."""
    return column in PLAIN_AXES or is_hyperparameter(column) or column.startswith("problem.")


def near(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Return in words which names are near one that is not known, or all that there are."""
    within = [name for name in known if word.lower() in name.lower()] if word else []
    close = list(dict.fromkeys([*within, *get_close_matches(word, known, 3, 0.5)]))[:4]
    if close:
        return f"near it {'is' if len(close) == 1 else 'are'} {', '.join(close)}"
    return f"there are {', '.join(known) or 'none'}"


def same(value: Any, other: Any) -> bool:
    """Tell whether two values of an axis are the same, as one types them."""
    return text(value, 12) == text(other, 12)
