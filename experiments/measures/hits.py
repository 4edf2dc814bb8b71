"""When each run hit each target, and what its steps cost."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.tables import PAIR, labelled, target_columns
from experiments.tables.measures import fraction
from experiments.tables.varying import hyperparameters, text


def hit_times(runs: pd.DataFrame, targets: Sequence[float] = ()) -> pd.DataFrame:
    """Return one row per run and target, deepest target last.

    Args:
        runs: the table `runs`.
        targets: fractions of the suboptimality at the start, of those recorded; all if empty.

    Returns:
        Columns: problem, optimizer, every hyperparameter, seed, target, hit (the gradient
        evaluations after which the run was there, by default its steps; infinite for never),
        spent (``hit``, or what all steps cost that the run was given, also if it diverged before).

    Raises:
        ValueError: a target that is not recorded.
    """
    runs = labelled(runs)
    keys = [*PAIR, *hyperparameters(runs), "seed"]
    price = step_prices(runs)
    parts = [one_target(runs, keys, column, price) for column in chosen_columns(runs, targets)]
    columns = [*keys, "target", "hit", "spent"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def chosen_columns(runs: pd.DataFrame, targets: Sequence[float]) -> list[str]:
    """Return the columns of those targets, deepest last; of all targets if none are named."""
    known = {fraction(column): column for column in target_columns(runs)}
    for target in targets:
        if target not in known:
            there = ", ".join(text(value) for value in known)
            raise ValueError(f"targets must be among {there}, got {text(target)}")
    return [column for target, column in known.items() if not len(targets) or target in targets]


def one_target(runs: pd.DataFrame, keys: list[str], column: str, price: "pd.Series[float]") -> pd.DataFrame:
    hit = runs[column].astype(float).fillna(np.inf) * price
    spent = hit.where(np.isfinite(hit), runs["steps"].astype(float) * price)
    return runs[keys].assign(target=fraction(column), hit=hit, spent=spent)


def step_prices(runs: pd.DataFrame) -> "pd.Series[float]":
    """Return what a step of each run costs on average, in gradient evaluations.

    It is that of all runs of its setting together, by the column ``gradient_evaluations``, so that a
    run which diverged at once, and had paid for the first step alone, is no dearer than others. A
    step costs one where that column, or any step, is missing.
    """
    if "gradient_evaluations" not in runs:
        return pd.Series(1.0, index=runs.index)
    steps = runs["steps"].astype(float)
    ended = runs["diverged_at"].astype(float) if "diverged_at" in runs else pd.Series(np.nan, runs.index)
    paid = runs["gradient_evaluations"].astype(float)
    taken = ended.where(ended.notna(), steps).where(paid.notna())
    keys = [runs[key] for key in [*PAIR, *hyperparameters(runs)]]
    table = pd.DataFrame({"paid": paid, "taken": taken})
    sums = table.groupby(keys, observed=True, dropna=False).transform("sum")
    return (sums["paid"] / sums["taken"].where(sums["taken"] > 0)).fillna(1.0).rename("price")


def unit(runs: pd.DataFrame) -> str:
    """Return what costs are counted in: steps, where each costs one gradient evaluation."""
    return "steps" if (step_prices(labelled(runs)) == 1).all() else "gradient evaluations"
