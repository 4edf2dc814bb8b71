"""What runs are compared by."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

TARGET = "hit_"
"""Prefix of the columns with the first step at which a target was reached."""


@dataclass(frozen=True)
class Measure:
    """How to read a column of numbers.

    Attributes:
        label: what it is called on an axis, with its unit if it has one.
        higher_is_better: which end is good.
        worst: what a diverged run counts as.
        floor: numbers up to here are equal: what sets them apart is rounding.
        at_end: whether it is taken at the last step, rather than over all of them.
    """

    label: str
    higher_is_better: bool = False
    worst: float = np.inf
    floor: float = -np.inf
    at_end: bool = True

    @property
    def final_label(self) -> str:
        """The label of the one number that a run ends with."""
        return f"final {self.label}" if self.at_end else self.label

    def cost(self, values: pd.Series) -> pd.Series:
        """Return the values such that lower is better, and those below the floor are equal."""
        return -values if self.higher_is_better else values.clip(lower=self.floor)


MEASURES = {
    "suboptimality": Measure("suboptimality", floor=1e-16),
    "loss": Measure("loss"),
    "best_loss": Measure("best loss", at_end=False),
    "grad_norm": Measure("gradient norm", floor=1e-16),
    "distance": Measure("distance to the minimiser", floor=1e-16),
    "mse": Measure("mean squared error"),
    "accuracy": Measure("held-out accuracy", higher_is_better=True, worst=0.0),
}
"""Every measure but the steps to a target; a problem's new metric needs a row here to be compared by."""


def measure_of(name: str, columns: Iterable[str]) -> Measure:
    """Return how to read the column ``name`` of a table with those columns.

    A table without any measure, as that of an empty study, may be asked for each.

    Raises:
        ValueError: it is no measure, or the table does not have it.
    """
    there = [column for column in columns if column in MEASURES or is_target(column)]
    if name in there or (not there and (name in MEASURES or is_target(name))):
        return MEASURES[name] if name in MEASURES else steps_to(name)
    raise ValueError(f"measure must be one of {', '.join(there or MEASURES)}, got {name!r}")


def is_target(column: str) -> bool:
    """Tell whether the column holds the steps to a target."""
    return column.startswith(TARGET)


def fraction(column: str) -> float:
    """Return the target of such a column, a fraction of the suboptimality at the start."""
    return float(column.removeprefix(TARGET))


def steps_to(column: str) -> Measure:
    return Measure(f"steps to {column.removeprefix(TARGET)} of start", at_end=False)


def target_columns(runs: pd.DataFrame) -> list[str]:
    """Return the columns with the steps to a target, the deepest target last."""
    return sorted((str(c) for c in runs if is_target(str(c))), key=fraction, reverse=True)
