"""By which factor a run's distance to the minimiser falls in a step, once it falls steadily."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import theory

FEWEST_POINTS = 3
LAST_HALF = 0.5
Array = NDArray[np.float64]


def decays(
    history: pd.DataFrame,
    measure: str = "distance",
    *,
    floor: float | Mapping[str, float] = 0.0,
    last: float = LAST_HALF,
    until: float = 1.0,
    less_log: bool = False,
) -> pd.DataFrame:
    """Return for each run how many e-folds a step a measure falls by in the end: ``decay``.

    The slope of the least-squares line through its logarithm over the steps: of those that come before
    ``floor`` times its first value is reached, where rounding begins, the last part. ``decay`` is minus the
    logarithm of the contraction.

    Args:
        history: columns run, step and the measure.
        floor: the share of the first value down to which the measure is known; or that of each run, by id.
        last: which part of the steps counts, the last half by default.
        until: how much of all steps there shall have been, a share.
        less_log: whether to take the logarithm of the steps off first: of a double root of the iteration the
            distance falls as t times a power.

    Returns:
        Columns: run, decay, steadiness (minus the correlation of the logarithm with the steps: 1 is a
        straight fall). NaN where fewer than three recorded steps are left, as of a run that diverged.
    """
    ordered = history.sort_values(["run", "step"])
    runs = ordered["run"].astype(str).to_numpy()
    steps, values = (ordered[name].to_numpy(float) for name in ("step", measure))
    bounds = [0, *(np.flatnonzero(runs[1:] != runs[:-1]) + 1), len(runs)] if len(runs) else [0]
    rows = [
        (
            runs[first],
            *decay_of(
                steps[first:end],
                values[first:end],
                floor if isinstance(floor, float) else floor[runs[first]],
                last,
                until,
                less_log,
            ),
        )
        for first, end in pairwise(bounds)
    ]
    return pd.DataFrame(rows, columns=["run", "decay", "steadiness"])


def decay_of(
    steps: Array, values: Array, floor: float, last: float, until: float, less_log: bool
) -> tuple[float, float]:
    """Return decay and steadiness of one run, its steps ascending."""
    known = (values > floor * values[0]) & np.isfinite(values) & (steps <= until * steps[-1])
    count = len(known) if known.all() else int(known.argmin())  # up to the first that is not
    if not count or not np.isfinite(values).all():
        return np.nan, np.nan
    there = np.flatnonzero((steps[:count] >= (1 - last) * steps[count - 1]) & (steps[:count] > 0))
    if len(there) < FEWEST_POINTS:
        return np.nan, np.nan
    x, y = steps[there], np.log(values[there])
    return slope_of(x, y - np.log(x) if less_log else y)


def slope_of(x: Array, y: Array) -> tuple[float, float]:
    """Return minus the slope of the least-squares line, and minus the correlation; 0 of a constant."""
    x, y = x - x.mean(), y - y.mean()
    together, spread = float(x @ y), float(np.sqrt((x @ x) * (y @ y)))
    return -together / float(x @ x), -together / spread if spread else 0.0


def optimal_contractions(
    least: float, most: float, *, points: int = 60, any_function: bool = False
) -> pd.DataFrame:
    """Return the share of the distance lost in a step at each method's optimal settings on quadratics.

    Over condition numbers from ``least`` to ``most``. With ``any_function`` also that which Nesterov's method
    guarantees, with its standard settings, on every strongly convex function (``guaranteed``); that of
    gradient descent is the same as on quadratics, and heavy ball has none.

    Columns: method, condition, lost.
    """
    conditions = np.geomspace(least, most, points)
    rows = [
        (method, condition, -np.expm1(-theory.decay(method, 1.0, condition)))
        for method in theory.METHODS
        for condition in conditions
    ]
    if any_function:
        sure = [(k, theory.guaranteed("nesterov_standard", 1.0, k)) for k in conditions]
        rows += [("guaranteed", k, 1 - contraction) for k, contraction in sure if contraction is not None]
    return pd.DataFrame(rows, columns=["method", "condition", "lost"])
