"""faster: RMSprop speeds up convergence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import figures, tables
from experiments.claims.base import (
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    geometric_mean,
    listed,
    map_picture,
    pictures,
)
from experiments.figures.drawings import NAMES
from experiments.figures.parts import Part, Picture
from experiments.measures import (
    expected_best_of_k,
    expected_running_time,
)
from experiments.tables import best_settings, ranked_settings, runs_at
from experiments.wording import counted
from optim import OPTIMIZERS

TUNING_SEEDS_FROM = 20
TARGET = "hit_1e-2"
SENSITIVITY_TARGETS = ("hit_1e-1", "hit_1e-2", "hit_1e-3", "hit_1e-4")
BUDGETS = (1, 2, 4, 8, 16)
"""Trials of a random search, beside all that there are."""

BY_STEPS, BY_LOSS, BY_ERT = "fewest median steps", "lowest median suboptimality", "fewest expected steps"
LR = "optimizer.lr"
Array = NDArray[np.float64]
Trials = dict[tuple[str, str], Array]
"""By problem and optimizer: the logarithm of the steps, (trials, seeds), the best trial first."""


@claim(
    "faster",
    statement="RMSprop speeds up convergence.",
    experiment="faster",
    predicate=(
        "Steps until the suboptimality is a hundredth of its start, paired by seed, on seeds 0 to 19; "
        "the ratio other / RMSprop is averaged geometrically over the seeds, and a run that never "
        "arrives counts as one step more than it had. At defaults, and with each learning rate tuned on "
        "seeds 20 to 29 (25 settings each, fewest median steps). Reproduced if RMSprop needs fewer steps "
        "than gradient descent on every problem, at defaults and tuned (bootstrap intervals above 1); "
        "refuted if it does so on no problem when tuned; undecided if no tuned interval excludes 1; "
        "else partly."
    ),
)
def decide(evidence: Evidence) -> Finding:
    runs = evidence.runs
    table = pd.concat([speed_ups(runs, target) for target in SENSITIVITY_TARGETS], ignore_index=True)
    budgets = budget_table(runs)
    default, tuned = at(table, TARGET, "default"), at(table, TARGET, "tuned")
    deep = at(table, SENSITIVITY_TARGETS[-1], "tuned")
    effect = mean_speed_up(runs)
    decided = verdict(tuned, default)
    return Finding(
        verdict=decided,
        effect=effect,
        unit="times as many steps for tuned SGD as for tuned RMSprop",
        evidence=(
            f"To a hundredth of the start RMSprop is faster than gradient descent on {won(default)} at its "
            f"default and on {won(tuned)} tuned, where gradient descent needs {effect} times as many steps "
            f"(geometric mean); {won_by_budget(budgets)}; tuned for a ten-thousandth instead, RMSprop is "
            f"faster on {won(deep)}."
        ),
        tables={
            "Chosen learning rates": chosen_table(runs),
            "Steps of the others per step of RMSprop": table,
            "Steps of the others per step of RMSprop, by budget": budgets,
        },
        variants=variants(runs, table, budgets),
        read={"Chosen learning rates": runs[runs["seed"] >= TUNING_SEEDS_FROM]},
    )


def verdict(tuned: pd.DataFrame, default: pd.DataFrame) -> Verdict:
    wins, losses = (tuned["low"] > 1).sum(), (tuned["high"] < 1).sum()
    if wins == len(tuned) and (default["low"] > 1).all():
        return Verdict.REPRODUCED
    if wins == 0:
        return Verdict.REFUTED if losses else Verdict.UNDECIDED
    return Verdict.PARTLY


def variants(runs: pd.DataFrame, table: pd.DataFrame, budgets: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule with other targets, other ways to choose the learning rate, fewer trials."""
    default = at(table, TARGET, "default")
    for target in SENSITIVITY_TARGETS:
        if target != TARGET:
            made = f"{target.removeprefix('hit_')} of the start"
            yield Variant("target", made, verdict(at(table, target, "tuned"), at(table, target, "default")))
    for by in (BY_LOSS, BY_ERT):
        tuned = ratio_table(trials_of(runs, TARGET, by), None)
        yield Variant("selection rule", by, verdict(tuned[tuned["against"] == "sgd"], default))
    rows = budgets[(budgets["against"] == "sgd") & (budgets["target"] == short(TARGET))]
    for k in sorted(set(BUDGETS) & set(rows["trials"])):
        found = verdict(rows[rows["trials"] == k], default)
        yield Variant("budget", counted(k, "trial"), found)


def at(table: pd.DataFrame, target: str, setting: str) -> pd.DataFrame:
    """Return the rows against gradient descent for a target, at defaults or tuned."""
    rows: pd.DataFrame = table[
        (table["target"] == short(target)) & (table["against"] == "sgd") & (table["learning rate"] == setting)
    ]
    return rows


def short(target: str) -> str:
    return target.removeprefix("hit_")


def won(rows: pd.DataFrame) -> str:
    names = [str(name) for name in rows.loc[rows["low"] > 1, "problem"]]
    return f"{len(names)} of {counted(len(rows), 'problem')}" + (f" ({', '.join(names)})" if names else "")


def won_by_budget(budgets: pd.DataFrame) -> str:
    """Say on how many problems RMSprop beats gradient descent, for each number of trials."""
    rows = budgets[(budgets["against"] == "sgd") & (budgets["target"] == short(TARGET))]
    wins = (rows["low"] > 1).groupby(rows["trials"]).sum()
    if wins.nunique() == 1:
        first, last = wins.index[0], wins.index[-1]
        return (
            f"it is faster on {wins.iloc[0]} with any budget from {first} to {counted(last, 'random trial')}"
        )
    return f"with {listed(map(str, wins.index))} random trials it is faster on {listed(map(str, wins))}"


# With a budget of trials


def trials_of(runs: pd.DataFrame, target: str, by: str = BY_STEPS) -> Trials:
    """Return the steps of every learning rate on the reported seeds, in the order of the tuning seeds."""
    order = ranking(runs[runs["seed"] >= TUNING_SEEDS_FROM], target, by).astype({"problem": str})
    reported = runs[runs["seed"] < TUNING_SEEDS_FROM].astype({"problem": str, "optimizer": str})
    steps = reported[target].astype(float).fillna(reported["steps"].astype(float) + 1)
    found = {}
    for pair, part in reported.assign(logs=np.log(steps)).groupby(["problem", "optimizer"]):
        problem, name = str(pair[0]), str(pair[1])
        best_first = order.loc[(order["problem"] == problem) & (order["optimizer"] == name), LR]
        wide = part.pivot(index=LR, columns="seed", values="logs")
        found[problem, name] = wide.loc[best_first].to_numpy(float)
    return found


def ranking(runs: pd.DataFrame, target: str, by: str) -> pd.DataFrame:
    """Return the settings of each problem and optimizer, the best one first."""
    if by == BY_ERT:
        table = expected_running_time(runs, [float(short(target))])
        return table.sort_values(["ert", LR], kind="stable")
    return ranked_settings(runs, target if by == BY_STEPS else "suboptimality")


def expected_logs(trials: Array, budget: int | None) -> Array:
    """Return for each seed the expected logarithm of the steps, with so many random trials or with all.

    The best of the trials by the tuning seeds is taken; the expectation over all that a
    search may draw, without replacement, is exact.
    """
    order = np.arange(len(trials))
    budget = min(budget or len(trials), len(trials))
    return np.array([expected_best_of_k(column, budget, chosen_by=order) for column in trials.T])


def ratio_table(trials: Trials, budget: int | None) -> pd.DataFrame:
    """Return the others' steps per step of RMSprop with a budget: problem, against, ratio, low, high."""
    logs = {pair: expected_logs(numbers, budget) for pair, numbers in trials.items()}
    rows = []
    for problem, other in logs:
        if other != "rmsprop":
            found = geometric_mean(logs[problem, other] - logs[problem, "rmsprop"])
            rows.append((problem, other, *bounds(found)))
    return pd.DataFrame(rows, columns=["problem", "against", "ratio", "low", "high"])


def budget_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the ratios of steps for every target and budget, the largest budget being all trials."""
    parts = []
    for target in SENSITIVITY_TARGETS:
        trials = trials_of(runs, target)
        all_of_them = len(next(iter(trials.values())))
        budgets = sorted({*(k for k in BUDGETS if k < all_of_them), all_of_them})
        parts += [ratio_table(trials, k).assign(target=short(target), trials=k) for k in budgets]
    return pd.concat(parts, ignore_index=True)[
        ["target", "trials", "problem", "against", "ratio", "low", "high"]
    ]


def budget_map_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the ratios against gradient descent: problem, trials, target, ratio, low, high."""
    table = budget_table(runs)
    rows = table[table["against"] == "sgd"].drop(columns="against")
    return rows.astype({"target": float})


# At the defaults, and with all trials


def tuned_settings(runs: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return the learning rate that each optimizer is given, chosen on the tuning seeds alone."""
    return best_settings(runs[runs["seed"] >= TUNING_SEEDS_FROM], target)


def default_settings(runs: pd.DataFrame) -> pd.DataFrame:
    pairs = runs[["problem", "optimizer"]].drop_duplicates().astype(str)
    return pairs.assign(**{"optimizer.lr": [OPTIMIZERS[name]().lr for name in pairs["optimizer"]]})  # type: ignore[attr-defined]


def steps_taken(
    runs: pd.DataFrame, settings: pd.DataFrame, target: str
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Return the steps to the target on the reported seeds, for each problem and optimizer."""
    reported = runs[runs["seed"] < TUNING_SEEDS_FROM]
    chosen = runs_at(reported, settings).sort_values("seed")
    steps = chosen[target].astype(float).fillna(chosen["steps"].astype(float) + 1)
    groups = steps.groupby([chosen["problem"].astype(str), chosen["optimizer"]])
    return {(str(p), str(o)): np.asarray(part, dtype=np.float64) for (p, o), part in groups}


def ratios(
    taken: dict[tuple[str, str], NDArray[np.float64]], problem: str, other: str
) -> NDArray[np.float64]:
    """Return for each seed the logarithm of the other's steps per step of RMSprop."""
    return np.asarray(np.log(taken[problem, other] / taken[problem, "rmsprop"]))


def speed_ups(runs: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return the ratios of steps with their intervals, at defaults and tuned."""
    rows = []
    for label, settings in (("default", default_settings(runs)), ("tuned", tuned_settings(runs, target))):
        taken = steps_taken(runs, settings, target)
        for problem, other in taken:
            if other != "rmsprop":
                found = geometric_mean(ratios(taken, problem, other))
                never = [
                    float((taken[problem, name] > runs["steps"].max()).mean()) for name in (other, "rmsprop")
                ]
                rows.append((target.removeprefix("hit_"), label, problem, other, *bounds(found), *never))
    names = [
        "target",
        "learning rate",
        "problem",
        "against",
        "ratio",
        "low",
        "high",
        "never",
        "RMSprop never",
    ]
    return pd.DataFrame(rows, columns=names)


def bounds(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def mean_speed_up(runs: pd.DataFrame) -> Interval:
    """Return the tuned ratio to gradient descent, averaged geometrically over seeds and problems."""
    taken = steps_taken(runs, tuned_settings(runs, TARGET), TARGET)
    logs = np.array([ratios(taken, problem, other) for problem, other in taken if other == "sgd"])
    return geometric_mean(logs.mean(axis=0))


def chosen_table(runs: pd.DataFrame) -> pd.DataFrame:
    tuned, default = tuned_settings(runs, TARGET), default_settings(runs)
    table = tuned[["problem", "optimizer", "optimizer.lr", "settings_compared"]].astype({"problem": str})
    table = table.merge(default, on=["problem", "optimizer"], suffixes=("", "_default"))
    return table.rename(
        columns={
            "optimizer.lr": "tuned learning rate",
            "optimizer.lr_default": "default learning rate",
            "settings_compared": "settings compared",
        }
    )


def map_table(runs: pd.DataFrame, first_tuning_seed: int = 6) -> pd.DataFrame:
    """Return the ratio of median steps, SGD over RMSprop, by condition number and target of bowls.

    Each is tuned for the target on the upper seeds. NaN where neither arrives, infinite
    where only RMSprop does. Columns: problem, problem.condition, target, ratio.
    """
    bowls = runs[(runs["problem"] == "quadratic_bowl") & runs["optimizer"].isin(["sgd", "rmsprop"])]
    tables = []
    for target in [str(column) for column in bowls if str(column).startswith("hit_")]:
        best = best_settings(bowls[bowls["seed"] >= first_tuning_seed], target)
        chosen = runs_at(bowls[bowls["seed"] < first_tuning_seed], best)
        steps = chosen[target].astype(float).fillna(np.inf)
        turned = chosen["problem.rotated"].map({True: "rotated", False: "axis-aligned"})
        keys = [turned, chosen["problem.condition"], chosen["optimizer"].astype(str)]
        medians = steps.groupby(keys).quantile(0.5, interpolation="higher").unstack().reset_index()
        arrived = medians[["sgd", "rmsprop"]].min(axis=1) < np.inf
        ratio = (medians["sgd"] / medians["rmsprop"]).where(arrived)
        tables.append(medians.assign(target=float(target.removeprefix("hit_")), ratio=ratio))
    table = pd.concat(tables).rename(columns={"problem.rotated": "problem"})
    return table[["problem", "problem.condition", "target", "ratio"]].reset_index(drop=True)


@pictures("faster")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the learning curves tuned and at defaults, and what more trials change."""
    reported = evidence.runs[evidence.runs["seed"] < TUNING_SEEDS_FROM]
    settings = (
        ("tuned", tuned_settings(evidence.runs, TARGET)),
        ("default", default_settings(evidence.runs)),
    )
    for label, chosen in settings:
        shown = tables.runs_at(reported, chosen)
        yield Picture(
            f"faster_{label}",
            f"Learning curves with {label} learning rates on the reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, shown, optimizers=NAMES),
            runs=shown,
        )
    budgets = budget_table(evidence.runs)
    at_target = budgets[budgets["target"] == short(TARGET)]
    yield Picture(
        "faster_by_budget",
        "Steps to a hundredth of the start per step of RMSprop, with the learning rate the best of so many "
        "random trials; expected over all draws of trials, band: interval over the reported seeds",
        figures.dependence(
            at_target.rename(columns={"against": "optimizer"}),
            "trials",
            "ratio",
            xlabel="trials of each",
            ylabel="steps / steps of RMSprop",
            panel="problem",
            optimizers=NAMES,
            level=1.0,
        ),
    )
    yield map_picture(
        "faster_budget_map",
        "Where the claim holds: steps of SGD over those of RMSprop, by the trials that each has for its "
        "learning rate and by target",
        budget_map_table(evidence.runs),
        "trials",
        "target",
        "steps, SGD / RMSprop",
    )
