"""The score that counts tuning, beside the one that does not, in the report of a tuned study."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import measures
from experiments.figures.parts import Part, Table, Text
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.wording import counted

MOST = 4  # cells that are named


def tuning_cost_parts(runs: pd.DataFrame, selections: pd.DataFrame) -> Iterator[Part]:
    """Yield what the settings of each budget cost to reach a target, with and without their trials."""
    costs = measures.tuning_costs(runs, selections)
    if costs.empty:
        return
    unit = measures.unit(runs)
    shown = measures.shown_target(costs)
    yield Text(
        "A setting that had to be found costs more than one that is known. Steps with tuning are the steps "
        "to the target times the trials that found the setting: what it takes to run the trials side by side "
        "until the chosen one is there. Defaults (0 trials) are one run. Who is best may depend on which is "
        "counted (Choi et al., 2019; Sivaprasad et al., 2020; Schmidt et al., 2021; Dahl et al., 2023)."
        f"{unclear(shown)}"
    )
    yield Table(
        "tuning_cost_ranks",
        f"Fewest {unit} to the target at any budget of trials, without and with tuning, and the ranks",
        without_one_schedule(measures.tuning_ranks(shown)),
        reported(runs),
    )
    yield Table(
        "tuning_cost",
        f"Expected {unit} to the target (a fraction of the start) by budget, without and with tuning; "
        "search: what the trials took as they were run, to their end on all tuning seeds",
        without_one_schedule(shown),
        runs,
    )


def unclear(costs: pd.DataFrame) -> str:
    """Return a sentence on what has no number; empty if all have one."""
    rows = costs.loc[costs["steps"].isna(), ["optimizer", "problem", "trials"]]
    cells = [
        f"{optimizer} on {problem} ({counted(int(trials), 'trial')})"
        for optimizer, problem, trials in rows.to_numpy(dtype=object)
    ]
    if not cells:
        return ""
    return (
        " No number, as what was chosen was not run again, or as there are several settings at one budget: "
        f"{', '.join(cells[:MOST])}{f' and {len(cells) - MOST} more' if len(cells) > MOST else ''}."
    )


def without_one_schedule(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the schedule where there is one only."""
    return table.drop(columns="schedule") if table["schedule"].nunique() < 2 else table


def reported(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs on seeds that chose nothing."""
    return runs[runs["seed"] < FIRST_TUNING_SEED]
