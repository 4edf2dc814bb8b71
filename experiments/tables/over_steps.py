"""Quartiles over runs at each recorded step."""

import pandas as pd

from experiments.tables.measures import measure_of
from experiments.tables.quartiles import scored, summary
from experiments.tables.varying import PAIR, columns_of, labelled


def learning_curves(
    history: pd.DataFrame, runs: pd.DataFrame, measure: str = "suboptimality"
) -> pd.DataFrame:
    """Return the quartiles of a measure over ``runs``, per problem, optimizer and recorded step.

    From the step at which it diverged a run counts as the worst.

    Columns: problem, optimizer, step, runs, median, q25, q75, diverged (the share so far).
    """
    kind = measure_of(measure, history.columns)
    rows = joined(history, scored(runs, measure), [measure])
    values = rows[measure].astype(float)
    return summary(rows.assign(score=values.fillna(kind.worst), lost=values.isna()), [*PAIR, "step"])


def effective_rates(history: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the quartiles over ``runs`` of the size of each parameter's effective learning rate.

    That is the absolute value of step over gradient. Where there is none (at the start,
    where the gradient is zero, after a divergence) it does not count.

    Columns: problem, optimizer, parameter, step, runs, median, q25, q75.
    """
    rates = columns_of(history, "rate.")
    rows = joined(history, labelled(runs), rates).melt([*PAIR, "step"], rates, "parameter", "score")
    rows = rows.dropna(subset="score")
    parameter = rows["parameter"].astype(str).str.removeprefix("rate.").astype(int)
    rows = rows.assign(parameter=parameter, score=rows["score"].astype(float).abs(), lost=False)
    return summary(rows, [*PAIR, "parameter", "step"]).drop(columns="diverged")


def joined(history: pd.DataFrame, runs: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the history of ``runs``, those columns of it, with problem and optimizer."""
    history = history.reindex(columns=["run", "step", *columns])
    known = runs.loc[runs["run"].isin(history["run"].unique()), ["run", *PAIR]]
    rows = history[history["run"].isin(known["run"])]
    return rows.merge(known.astype({"run": rows["run"].dtype}), on="run")
