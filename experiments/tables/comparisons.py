"""Optimizers against each other: steps to targets, divergence, ranks."""

from typing import Any

import pandas as pd

from experiments.tables.best_settings import best_settings, runs_at
from experiments.tables.measures import fraction, measure_of, target_columns
from experiments.tables.quartiles import QUARTILES, scored, summary
from experiments.tables.varying import PAIR, labelled

STATUSES = ("ok", "diverged", "stalled")
"""How a run may end: at finite numbers, at one that is not, or finite while its optimizer's state is not."""


def steps_to_targets(
    runs: pd.DataFrame, measure: str = "suboptimality", chosen: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the steps to each target at each optimizer's best setting, or at the ``chosen`` ones.

    A target is a fraction of the suboptimality at the start. The median is infinite
    where half of the runs or more never got there.

    Columns: problem, optimizer, target, runs, median, q25, q75 (steps), reached (a share).
    """
    best = runs_at(runs, best_settings(runs, measure) if chosen is None else chosen)
    tables = [
        summary(scored(best, column), PAIR).assign(target=fraction(column), reached=reached(best, column))
        for column in target_columns(best)
    ]
    columns = [*PAIR, "target", "runs", *QUARTILES, "reached"]
    if not tables:
        return pd.DataFrame(columns=columns)
    table = pd.concat(tables).sort_values([*PAIR, "target"], ascending=[True, True, False])
    return table[columns].reset_index(drop=True)


def reached(runs: pd.DataFrame, column: str) -> Any:
    """Return the share of runs that reached a target, per problem and optimizer."""
    return runs[column].notna().groupby([runs[key] for key in PAIR], observed=True).mean().to_numpy()


def divergence(runs: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Return the share of runs of each status, per problem, optimizer and the columns ``by``.

    Columns: problem, optimizer, by, runs, ok, diverged, stalled, diverged_at (the median step
    of those that diverged, NaN if none did).
    """
    runs = labelled(runs)
    ended = {status: runs["status"] == status for status in STATUSES}
    runs = runs.assign(**ended).reindex(columns=[*PAIR, *by, *STATUSES, "diverged_at"])
    groups = runs.groupby([*PAIR, *by], observed=True, dropna=False)
    shares = {status: groups[status].mean() for status in STATUSES}
    table = pd.DataFrame({"runs": groups.size(), **shares, "diverged_at": groups["diverged_at"].median()})
    return table.reset_index()


def ranks(
    runs: pd.DataFrame, measure: str = "suboptimality", chosen: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the rank of each optimizer's best setting on each problem, and the mean rank.

    With ``chosen``, a table such as ``settings_shown``, by the medians that it holds.

    Rank 1 is the best; medians that are equal, or up to the measure's floor, share the
    average of their ranks. The best mean rank comes first. The mean is over the problems
    that all optimizers ran on; where one did not run its rank is NaN.

    Columns: optimizer, one per problem, mean_rank.
    """
    best = (best_settings(runs, measure) if chosen is None else chosen).copy()
    best["cost"] = measure_of(measure, runs.columns).cost(best["median"])
    best["rank"] = best.groupby("problem", observed=True)["cost"].rank()
    table = best.pivot(index="optimizer", columns="problem", values="rank")
    table.columns = pd.Index([str(problem) for problem in table.columns])
    table["mean_rank"] = table.dropna(axis=1).mean(axis=1)
    return table.sort_values("mean_rank", kind="stable").reset_index()
