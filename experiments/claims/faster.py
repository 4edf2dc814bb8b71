"""faster: RMSprop speeds up convergence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims.base import Evidence, Finding, Interval, Verdict, claim, over_seeds
from experiments.tables import best_settings, runs_at
from optim import OPTIMIZERS

TUNING_SEEDS_FROM = 20
TARGET = "hit_1e-2"
SENSITIVITY_TARGETS = ("hit_1e-1", "hit_1e-2", "hit_1e-3", "hit_1e-4")


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
    main = table[(table["target"] == TARGET.removeprefix("hit_")) & (table["against"] == "sgd")]
    tuned, default = main[main["learning rate"] == "tuned"], main[main["learning rate"] == "default"]
    against_sgd = table[(table["against"] == "sgd") & (table["learning rate"] == "tuned")]
    deep = against_sgd[against_sgd["target"] == SENSITIVITY_TARGETS[-1].removeprefix("hit_")]
    effect = mean_speed_up(runs)
    return Finding(
        verdict=verdict(tuned, default),
        effect=effect,
        unit="times as many steps for tuned SGD as for tuned RMSprop",
        evidence=(
            f"To a hundredth of the start RMSprop is faster than gradient descent on {won(default)} at its "
            f"default and on {won(tuned)} tuned, where gradient descent needs {effect} times as many steps "
            f"(geometric mean); tuned for a ten-thousandth instead, RMSprop is faster on {won(deep)}."
        ),
        tables={
            "Chosen learning rates": chosen_table(runs),
            "Steps of the others per step of RMSprop": table,
        },
    )


def verdict(tuned: pd.DataFrame, default: pd.DataFrame) -> Verdict:
    wins, losses = (tuned["low"] > 1).sum(), (tuned["high"] < 1).sum()
    if wins == len(tuned) and (default["low"] > 1).all():
        return Verdict.REPRODUCED
    if wins == 0:
        return Verdict.REFUTED if losses else Verdict.UNDECIDED
    return Verdict.PARTLY


def won(rows: pd.DataFrame) -> str:
    names = [str(name) for name in rows.loc[rows["low"] > 1, "problem"]]
    return f"{len(names)} of {len(rows)} problems" + (f" ({', '.join(names)})" if names else "")


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


def geometric_mean(logs: NDArray[np.float64]) -> Interval:
    return over_seeds(len(logs), lambda drawn: float(np.exp(logs[drawn].mean())))


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
