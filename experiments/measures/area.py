"""Area under the logarithmic loss curve: how low, and how early."""

import numpy as np
import pandas as pd

from experiments.tables import PAIR, labelled
from experiments.tables.over_steps import joined
from experiments.tables.quartiles import summary
from experiments.tables.varying import hyperparameters

FLOOR = 1e-16
"""Suboptimality below this counts as this: what is smaller is rounding."""


def log_area_table(history: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the quartiles over ``runs`` of the mean of log10 of the suboptimality over the steps.

    That is ``log_area`` per step, in decades; infinite where the run diverged.

    Columns: problem, optimizer, runs, median, q25, q75, diverged.
    """
    areas = log_area(history, runs)
    lost = areas["mean_log10"].isna() | np.isinf(areas["mean_log10"])
    rows = areas.assign(score=areas["mean_log10"].fillna(np.inf), lost=lost)
    return summary(rows, PAIR)


def log_area(
    history: pd.DataFrame, runs: pd.DataFrame, measure: str = "suboptimality", *, floor: float = FLOOR
) -> pd.DataFrame:
    """Return the area under the curve of log10 of a measure over the steps, one row a run.

    By the trapezoidal rule over the recorded steps, from the first to the last; numbers
    below ``floor`` count as ``floor``. Lower is better. A run that diverged has an infinite
    area, as its loss is infinite from then on.

    Returns:
        Columns: run, problem, optimizer, every hyperparameter, seed, area (decades times
        steps), mean_log10 (area over the steps: the mean of the curve, in decades).
    """
    runs = labelled(runs)
    rows = joined(history, runs, [measure]).sort_values(["run", "step"])
    height = rows[measure].astype(float).fillna(np.inf).clip(lower=floor).map(np.log10)
    by_run = rows["run"]
    width = rows["step"].groupby(by_run, observed=True).diff()
    before = height.groupby(by_run, observed=True).shift()
    pieces = (width * (height + before) / 2).groupby(by_run, observed=True)
    sums = pd.DataFrame(
        {"area": pieces.sum(min_count=1), "width": width.groupby(by_run, observed=True).sum()}
    )
    sums = sums.assign(mean_log10=sums["area"] / sums["width"]).drop(columns="width")
    keys = runs[["run", *PAIR, *hyperparameters(runs), "seed"]]
    sums.index = sums.index.astype(keys["run"].dtype)
    return keys.merge(sums, left_on="run", right_index=True, how="left")
