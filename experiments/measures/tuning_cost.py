"""What a setting costs that had to be found: the steps to a target, times the trials that found it."""

from __future__ import annotations

import pandas as pd

from experiments.engine.backend import BACKEND
from experiments.measures.hits import step_prices
from experiments.measures.running_time import expected_running_time
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter
from experiments.tables import labelled, target_columns, text
from experiments.tables.measures import fraction
from experiments.tuning import best_flags, budget_of

DEFAULTS = 0
"""The trials of what no search drew."""

ENOUGH = 0.5
"""Of the optimizers must have arrived in half of their runs for a target to be the one that is shown."""

WHERE = ["problem", "schedule"]
COSTS = [*WHERE, "optimizer", "target", "trials", "runs", "success", "steps", "with tuning", "search"]
RANKS = [*WHERE, "optimizer", "target", "steps", "trials", "rank"]
RANKS += ["with tuning", "trials, with tuning", "rank, with tuning"]


def tuning_costs(runs: pd.DataFrame, selections: pd.DataFrame) -> pd.DataFrame:
    """Return the steps to each target at what each budget of trials chose, without and with the trials.

    ``steps`` is the expected running time on the seeds that chose nothing (``expected_running_time``).
    ``with tuning`` is that times the trials: what it costs to run all of them side by side until the chosen
    one is there, as in the external tuning of Dahl et al. (2023), whose trials are given and not counted.
    Settings that no search drew, the defaults, are one trial that had not to be found. ``search`` is what
    the trials took as they were run, each to its end on every tuning seed. Who is best depends on which of
    these is counted (Choi et al., 2019; Sivaprasad et al., 2020; Schmidt, Schneider & Hennig, 2021).

    Trials of a space that was then widened (``tune.extend``) count for every budget. There is no number (NaN)
    where the chosen setting was not run again, or several are at one budget.

    Args:
        runs: of a tuned study, its trials among them.
        selections: ``Store.selections``.

    Returns:
        Columns: problem, schedule, optimizer, target, trials (0 for the defaults), runs, success, steps,
        with tuning, search; the last three in gradient evaluations.
    """
    if selections.empty or runs.empty:
        return pd.DataFrame(columns=COSTS)
    runs = labelled(runs)
    runs = runs.assign(schedule=runs["schedule"].astype(str), price=step_prices(runs))
    keys = shared_keys(runs, selections)
    setting, drawn = as_words(runs, keys), as_words(selections, keys)
    own = pd.MultiIndex.from_frame(setting)
    instance = [key for key in keys if not is_hyperparameter(key) or key == "schedule"]
    tuning = runs["seed"] >= FIRST_TUNING_SEED
    earlier = earlier_trials(setting[tuning], drawn, instance)
    parts = [at_budget(runs[~tuning & ~own.isin(pd.MultiIndex.from_frame(drawn))], DEFAULTS)]
    for flag in best_flags(selections):
        chosen = own.isin(pd.MultiIndex.from_frame(drawn[selections[flag].eq(True)]))
        costs = at_budget(runs[~tuning & chosen], budget_of(flag))
        parts += [costs, not_rerun(runs[tuning & chosen], costs, budget_of(flag))]
    found = pd.concat(parts, ignore_index=True)
    spent = trials_of(runs[tuning], setting[tuning], instance, earlier)
    found = found.merge(spent, on=[*WHERE, "optimizer"], how="left")
    tried = found["trials"] + found["earlier"].where(found["trials"] > DEFAULTS, 0)
    found["with tuning"] = found["steps"] * tried.clip(lower=1)
    found["search"] = tried * found["a trial"]
    return found[COSTS].sort_values([*WHERE, "target", "optimizer", "trials"], ignore_index=True)


def shared_keys(runs: pd.DataFrame, selections: pd.DataFrame) -> list[str]:
    """Return the columns that tell settings and instances apart, as far as both tables have them."""
    wanted = [str(key) for key in selections if is_hyperparameter(key) or str(key).startswith("problem.")]
    more = [key for key in ("steps", *BACKEND) if key in selections]
    return ["optimizer", "problem", *(key for key in [*wanted, *more] if key in runs)]


def as_words(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return these columns as words, which are equal where the values are; of the problem its bare name."""
    found = {}
    for key in keys:
        column = table[key].astype(object)
        values = {value: text(value, 17) for value in column.dropna().unique()}
        found[key] = column.map(values).astype(object).where(column.notna(), "null")
    return pd.DataFrame(found).assign(problem=table["problem"].astype(str).str.split().str[0])


def earlier_trials(tried: pd.DataFrame, drawn: pd.DataFrame, instance: list[str]) -> pd.Series:
    """Return how many settings of each instance were tried beside those of the last search."""
    keys = ["optimizer", *(key for key in instance if key != "optimizer")]
    all_tried = tried.drop_duplicates().groupby(keys).size()
    last = drawn.drop_duplicates().groupby(keys).size()
    return (all_tried - last.reindex(all_tried.index).fillna(0)).clip(lower=0).rename("earlier")


def trials_of(
    trials: pd.DataFrame, setting: pd.DataFrame, instance: list[str], earlier: pd.Series
) -> pd.DataFrame:
    """Return for each optimizer on each problem what a trial took on all tuning seeds, and earlier trials."""
    cost = trials["steps"].astype(float) * trials["price"]
    keys = ["optimizer", *(key for key in instance if key != "optimizer")]
    extra = setting.merge(earlier.reset_index(), on=keys, how="left")["earlier"].fillna(0).to_numpy(float)
    table = trials[[*WHERE, "optimizer"]].astype(str).assign(cost=cost, seed=trials["seed"], earlier=extra)
    groups = table.groupby([*WHERE, "optimizer"])
    mean, seeds = groups["cost"].mean(), groups["seed"].nunique()
    return pd.DataFrame({"a trial": mean * seeds, "earlier": groups["earlier"].max()}).reset_index()


def at_budget(runs: pd.DataFrame, trials: int) -> pd.DataFrame:
    """Return the expected running time of each optimizer on each problem; NaN where it has several settings.

    There the study has other runs than the search's, or two searches, and nothing tells which is meant.
    """
    names = ["problem", "schedule", "optimizer", "target", "runs", "success", "steps"]
    if runs.empty:
        return pd.DataFrame(columns=[*names, "trials"])
    found = expected_running_time(runs).rename(columns={"ert": "steps"})
    found = found.astype(dict.fromkeys(("problem", "schedule", "optimizer"), str))
    cell = [*WHERE, "optimizer", "target"]
    several = found.groupby(cell)["steps"].transform("size") > 1
    found[["success", "steps"]] = found[["success", "steps"]].mask(several)
    return found.drop_duplicates(cell)[names].assign(trials=trials)


def not_rerun(trials: pd.DataFrame, costs: pd.DataFrame, budget: int) -> pd.DataFrame:
    """Return a row without a number for each target of a chosen setting that was not run again."""
    chosen = trials[[*WHERE, "optimizer"]].astype(str).drop_duplicates()
    there = pd.MultiIndex.from_frame(costs[[*WHERE, "optimizer"]])
    lacking = chosen[~pd.MultiIndex.from_frame(chosen).isin(there)]
    targets = pd.DataFrame({"target": [fraction(column) for column in target_columns(trials)]})
    return lacking.merge(targets, how="cross").assign(
        runs=0, success=float("nan"), steps=float("nan"), trials=budget
    )


def shown_target(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one target of each problem: the deepest that half of its optimizers reach.

    An optimizer reaches it if at some budget half of its runs do; where none is so, the first target.
    """
    reached = costs.groupby([*WHERE, "target", "optimizer"])["success"].max().ge(ENOUGH)
    enough = reached.groupby([*WHERE, "target"]).mean().ge(ENOUGH).reset_index(name="enough")
    deepest = enough[enough["enough"]].groupby(WHERE)["target"].min()
    first = enough.groupby(WHERE)["target"].max()
    chosen = deepest.reindex(first.index).fillna(first).rename("chosen")
    return costs.merge(chosen.reset_index(), on=WHERE).query("target == chosen").drop(columns="chosen")


def tuning_ranks(costs: pd.DataFrame) -> pd.DataFrame:
    """Return each optimizer at its best budget, and its rank among those on its problem, by both scores.

    Args:
        costs: ``tuning_costs``, of one target of each problem.

    Returns:
        Columns: problem, schedule, optimizer, target, steps, trials, rank; with tuning, and its own trials
        and rank. Equal ones share the mean of their ranks; who never arrives is last.
    """
    parts = []
    for score, names in (
        ("steps", {"trials": "trials"}),
        ("with tuning", {"trials": "trials, with tuning"}),
    ):
        ordered = costs.sort_values([score, "trials"], kind="stable")
        best = ordered.drop_duplicates([*WHERE, "optimizer"])[
            [*WHERE, "optimizer", "target", score, "trials"]
        ]
        rank = best.groupby(WHERE)[score].rank().rename("rank" if score == "steps" else f"rank, {score}")
        parts.append(best.rename(columns=names).assign(**{str(rank.name): rank}))
    both = parts[0].merge(parts[1], on=[*WHERE, "optimizer", "target"])
    return both[RANKS].sort_values([*WHERE, "rank, with tuning"], kind="stable", ignore_index=True)
