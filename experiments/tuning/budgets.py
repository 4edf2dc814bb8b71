"""What a tuned study reports: the settings that each budget chose, on the seeds that chose nothing."""

from __future__ import annotations

import pandas as pd

from experiments import inference
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter, optimizer_called
from experiments.tuning import best_flags, budget_of
from optim.method import Method
from optim.schedules import SCHEDULES

DEFAULT = "default"


def settings_by_budget(runs: pd.DataFrame, selections: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the settings of every optimizer on every problem that each budget chose, the defaults first."""
    budgets = {
        label(budget_of(flag)): selections[selections[flag].eq(True)] for flag in best_flags(selections)
    }
    return {DEFAULT: default_settings(runs), **budgets}


def label(budget: int) -> str:
    return f"tuned, {budget} trial{'s' if budget > 1 else ''}"


def default_settings(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the defaults of the optimizers that ran, on each problem."""
    ran = runs[["problem", "optimizer", "schedule"]].astype(str).drop_duplicates()
    rows = [
        {"problem": problem, **Method(rule(), SCHEDULES[schedule]()).settings(), "optimizer": name}
        for problem, name, schedule in ran.itertuples(index=False)
        if (rule := optimizer_called(name))
    ]
    table = pd.DataFrame(rows)
    return table[[key for key in table if key in runs]]


def setting_keys(table: pd.DataFrame) -> list[str]:
    """Return the columns that tell settings apart: problem, optimizer, its hyperparameters."""
    return ["problem", "optimizer", *filter(is_hyperparameter, map(str, table))]


def reported_at(runs: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the runs at the chosen settings on the seeds that did not choose them."""
    reported = runs[runs["seed"] < FIRST_TUNING_SEED]
    keys = setting_keys(chosen)
    named = {"problem": str, "optimizer": str, "schedule": str}
    return reported.astype(named).merge(chosen[keys].astype(named).drop_duplicates(), on=keys)


def steps_by_budget(
    runs: pd.DataFrame, selections: pd.DataFrame, target: str, reference: str = "rmsprop"
) -> pd.DataFrame:
    """Return the steps of the others to a target per step of the reference, for each budget.

    Paired by seed, geometric mean with its BCa interval; a run that never arrives took one
    step more than it had. Columns: trials (0 for the defaults), problem, against, ratio,
    low, high, never and reference_never (shares of the runs), seeds.
    """
    rows = []
    for made, chosen in settings_by_budget(runs, selections).items():
        trials = 0 if made == DEFAULT else int(made.split()[1])
        part = reported_at(runs, chosen)
        last = part["steps"].astype(float) + 1
        steps = part.assign(taken=part[target].astype(float).fillna(last), never=part[target].isna())
        for problem, on_problem in steps.groupby("problem"):
            taken = on_problem.pivot(index="seed", columns="optimizer", values="taken")
            lost = on_problem.groupby("optimizer")["never"].mean()
            for other in (str(name) for name in taken if name != reference):
                found = inference.paired_bootstrap(taken[other], taken[reference], of="ratio")
                ends = found.value, found.low, found.high
                rows.append((trials, problem, other, *ends, lost[other], lost[reference], len(taken)))
    names = ["trials", "problem", "against", "ratio", "low", "high", "never", f"{reference} never", "seeds"]
    return pd.DataFrame(rows, columns=names)
