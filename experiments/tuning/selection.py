"""Which trial each budget chooses: the trials are one pool, and a budget of k is the first k of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.engine.backend import BACKEND
from experiments.request.limits import FIRST_TUNING_SEED as FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter
from experiments.tables import best_settings, by_setting

OF_INSTANCE = ("steps", *BACKEND)
"""What tells the searches of one optimizer on one problem apart, beside the problem's constants."""


def select(pool: pd.DataFrame, runs: pd.DataFrame, measure: str, budgets: Sequence[int]) -> pd.DataFrame:
    """Return one row a trial: its settings, how it did on the tuning seeds, for which budgets it is best.

    Args:
        pool: the runs planned, seeds slowest, trials fastest.
        runs: the same runs as stored.
        budgets: how many of the first trials compete; larger ones than there are trials
            mean all.

    Columns: optimizer, problem, its constants, steps, what computed them, trial, the hyperparameters,
    runs, median, q25, q75, diverged, stalled, and best_of_K (true or false) for each budget K.
    """
    trials = len(pool) // pool["seed"].nunique()
    keys = list(filter(is_hyperparameter, map(str, pool)))
    instance = [key for key in map(str, pool) if key in OF_INSTANCE or key.startswith("problem.")]
    table = pool.iloc[:trials][["optimizer", *keys, *instance]].assign(trial=range(trials))
    scores = by_setting(runs, measure).drop(columns="optimizer")
    table = table.merge(scores, on=keys, how="left").sort_values("trial", ignore_index=True)
    for budget in sorted({min(budget, trials) for budget in budgets}):
        competing = runs.merge(table.loc[table["trial"] < budget, keys], on=keys)
        best = best_settings(competing, measure)
        varied = [key for key in keys if key in best]
        marked = table[varied].merge(best[varied].assign(best=True), on=varied, how="left")["best"]
        table[f"best_of_{budget}"] = marked.eq(True).to_numpy() & (table["trial"] < budget).to_numpy()
    return table.astype({"problem": str, "optimizer": str})


def best_points(chosen: pd.DataFrame, budget: int | None = None) -> dict[str, NDArray[np.float64]]:
    """Return the settings that are best for that budget, or for any, as points for ``cell_of``."""
    flags = best_flags(chosen)
    if budget is not None:
        flags = flags[[column for column in flags if budget_of(column) <= budget][-1:]]
    numbers = chosen[flags.any(axis=1)].filter(regex=r"^(optimizer|schedule)\.").select_dtypes("float")
    return {str(key): column.to_numpy(dtype=np.float64) for key, column in numbers.items()}


def best_flags(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that tell for which budgets a trial is best, the smallest budget first."""
    flags = [str(column) for column in chosen if re.fullmatch(r"best_of_\d+", str(column))]
    return chosen[sorted(flags, key=budget_of)]


def budget_of(column: object) -> int:
    return int(str(column).removeprefix("best_of_"))
