"""What the contracts are held by: a class with some of its fields given, and lanes of all kinds."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from optim.base import LayerOptimizer, Optimizer
from optim.hyper import Range
from problems.base import Problem
from problems.logistic import LogisticRegression
from problems.quadratic import QuadraticFit


@dataclass(frozen=True)
class Case:
    """A class with some of its fields given."""

    cls: type[Any]
    values: dict[str, Any] = field(default_factory=dict)

    def make(self, **others: Any) -> Any:
        return self.cls(**{**others, **self.values})

    def __str__(self) -> str:
        values = ", ".join(f"{key}={value}" for key, value in self.values.items())
        return f"{self.cls.name}({values})"


def by_array(cls: type[Optimizer]) -> bool:
    """Tell whether a rule sees arrays one by one, as wholes."""
    return issubclass(cls, LayerOptimizer)


def on_matrices(cls: type[Optimizer]) -> bool:
    """Tell whether a rule is refused by problems of vectors alone."""
    return issubclass(cls, LayerOptimizer) and cls.needs_matrices


def plain_problem(cls: type[Optimizer]) -> Problem:
    """Return the article's fit; for a rule that it refuses, softmax regression."""
    return LogisticRegression(data="wine") if on_matrices(cls) else QuadraticFit()


def drawn(allowed: Range, rng: np.random.Generator, lanes: int) -> np.ndarray:
    """Return values well inside the range, one a lane."""
    low = max(allowed.low, 0.0)
    high = min(allowed.high, low + 1)
    return low + (high - low) * rng.uniform(0.05, 0.95, lanes)


def with_drawn_lanes(case: Case, lanes: int, seed: int = 0) -> Optimizer:
    """Return the case's optimizer with one value a lane where the case gives none.

    The first lane keeps the defaults, and each hyperparameter keeps its own in one more:
    a term that is off in one lane is on in others.
    """
    rng = np.random.default_rng(seed)
    values = {name: drawn(allowed, rng, lanes) for name, allowed in case.cls.hyperparameters().items()}
    for number, name in enumerate(values):
        values[name][[0, 1 + (number + seed) % (lanes - 1)]] = defaults(case.cls)[name]
    rule: Optimizer = case.make(**values)
    return rule


def defaults(cls: type) -> dict[str, Any]:
    """Return the default of every field."""
    return {spec.name: spec.default for spec in fields(cls)}
