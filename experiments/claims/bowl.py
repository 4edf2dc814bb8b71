"""What the claims about conditioning share: the updates and rates of each coordinate of a bowl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims.base import Evidence
from problems.quadratic_bowl import QuadraticBowl, hessian

CONDITION, ROTATED, LR = "problem.condition", "problem.rotated", "optimizer.lr"
Array = NDArray[np.float64]


def bowl_of(row: pd.Series) -> QuadraticBowl:
    """Return the bowl of a run."""
    return QuadraticBowl(
        dim=int(row["problem.dim"]),
        condition=float(row[CONDITION]),
        spectrum=str(row["problem.spectrum"]),
        rotated=bool(row[ROTATED]),
    )


def curvatures(bowl: QuadraticBowl) -> Array:
    """Return the curvature along each coordinate: the diagonal of the Hessian."""
    return np.diag(hessian(bowl)).copy()


def per_run(
    evidence: Evidence, prefix: str, value: Callable[[QuadraticBowl, Array], float], **where: Any
) -> pd.DataFrame:
    """Return one number of each run's history, with its optimizer, condition, rotation and seed.

    ``value`` takes the bowl and the columns that begin with ``prefix``, (steps, dim).
    ``where`` restricts the runs, by column with dots as double underscores.
    """
    runs = evidence.runs
    for key, wanted in where.items():
        runs = runs[runs[key.replace("__", ".")] == wanted]
    columns = [str(column) for column in evidence.history if str(column).startswith(prefix)]
    by_run = evidence.history.sort_values("step").groupby("run", observed=True)[columns]
    numbers = {str(run): part.to_numpy(dtype=float) for run, part in by_run}
    values = [value(bowl_of(row), numbers[str(row["run"])]) for _, row in runs.iterrows()]
    return runs[["optimizer", CONDITION, ROTATED, "seed"]].assign(value=values)


def slope(x: Array, y: Array) -> float:
    """Return the slope of the least-squares line through the points that are finite."""
    good = np.isfinite(x) & np.isfinite(y)
    return float(np.polyfit(x[good], y[good], 1)[0])
