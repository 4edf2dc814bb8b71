"""memory: the moving average keeps the influence of past squared gradients; beta from 0.9 to 0.999."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Finding, Interval, Verdict, claim, over_seeds
from experiments.claims.bowl import bowl_of
from problems.quadratic_bowl import hessian

LR, BETA, EPS = "optimizer.lr", "optimizer.beta", "optimizer.eps"
STILL = 1e-9
USUAL = (0.9, 0.999)
TOLERANCE = 0.1


@claim(
    "memory",
    statement=(
        "The average keeps the influence of past squared gradients; beta from 0.9 to 0.999 is the usual "
        "range."
    ),
    experiment="memory",
    predicate=(
        "Where the gradient is constant from the first step on, the average rises as 1 - exp(-t / tau); "
        f"tau is fitted. Reproduced if it is within {TOLERANCE:.0%} of 1 / (1 - beta) for every beta from "
        "0.9 to 0.999, and if on every problem the best median suboptimality over all learning rates and "
        "betas lies at a beta in that range; partly if only the first or only some problems; refuted if "
        "neither."
    ),
)
def decide(evidence: Evidence) -> Finding:
    constants = time_constants(evidence)
    usual = constants[constants["beta"].between(*USUAL)]
    answers = bool((usual["measured / predicted"] - 1).abs().max() < TOLERANCE)
    best = best_by_beta(evidence.runs)
    chosen = best[best["best"]]
    inside = chosen["beta"].between(*USUAL)
    effect = ratio_over_runs(evidence)
    return Finding(
        verdict=verdict(answers, int(inside.sum()), len(inside)),
        effect=effect,
        unit="measured over predicted time constant 1 / (1 - beta), beta 0.9 to 0.999",
        evidence=(
            f"The average answers to a step in the gradient with a time constant of {effect} times "
            f"1 / (1 - beta), and the best result lies at a beta from 0.9 to 0.999 on {inside.sum()} of "
            f"{len(inside)} problems "
            f"({', '.join(f'{row.problem} {row.beta:g}' for row in chosen.itertuples())})."
        ),
        tables={"Time constant of the average": constants, "Best median suboptimality by beta": best},
    )


def verdict(answers: bool, inside: int, problems: int) -> Verdict:
    if answers and inside == problems:
        return Verdict.REPRODUCED
    return Verdict.PARTLY if answers or inside else Verdict.REFUTED


def step_responses(evidence: Evidence) -> pd.DataFrame:
    """Return tau of each run whose parameters hardly move: seed, beta, tau (steps)."""
    runs = evidence.runs
    still = runs[(runs["problem"] == "quadratic_bowl") & (runs[LR] == STILL) & (runs[BETA] > 0)]
    history = {
        str(run): part.sort_values("step") for run, part in evidence.history.groupby("run", observed=True)
    }
    rows = [
        (row["seed"], row[BETA], time_constant(row, history[str(row["run"])])) for _, row in still.iterrows()
    ]
    return pd.DataFrame(rows, columns=["seed", "beta", "tau"])


def time_constant(row: pd.Series, history: pd.DataFrame) -> float:
    """Return the steps in which what is missing of the average falls by the factor e.

    The average is read off the effective rate, lr / (sqrt(average) + eps).
    """
    bowl = bowl_of(row)
    start = history.iloc[0][[f"params.{i}" for i in range(bowl.dim)]].to_numpy(float)
    rates = history.iloc[1:][[f"rate.{i}" for i in range(bowl.dim)]].to_numpy(float)
    average = (row[LR] / rates - row[EPS]) ** 2
    missing = 1 - average / (hessian(bowl) @ start) ** 2
    steps = history["step"].to_numpy(float)[1:, None] * np.ones(bowl.dim)
    early = missing > 0.05  # later the difference is lost in rounding
    return float(-1 / np.polyfit(steps[early], np.log(missing[early]), 1)[0])


def time_constants(evidence: Evidence) -> pd.DataFrame:
    table = step_responses(evidence).groupby("beta", as_index=False)["tau"].median()
    predicted = 1 / (1 - table["beta"])
    return pd.DataFrame(
        {
            "beta": table["beta"],
            "measured, steps": table["tau"],
            "predicted, steps": predicted,
            "measured / predicted": table["tau"] / predicted,
        }
    )


def ratio_over_runs(evidence: Evidence) -> Interval:
    """Return measured over predicted, averaged over betas, with its interval over seeds."""
    rows = step_responses(evidence)
    rows = rows[rows["beta"].between(*USUAL)]
    ratio = (rows["tau"] * (1 - rows["beta"])).groupby(rows["seed"]).mean().to_numpy(float)
    return over_seeds(len(ratio), lambda drawn: float(ratio[drawn].mean()))


def best_by_beta(runs: pd.DataFrame) -> pd.DataFrame:
    """Return for each problem and beta the best median over the learning rates, and where it is best."""
    moving = runs[runs[LR] != STILL]
    moving = moving.assign(suboptimality=moving["suboptimality"].fillna(np.inf))
    medians = moving.groupby([moving["problem"].astype(str), BETA, LR])["suboptimality"].median()
    best = medians.groupby(["problem", BETA]).min().rename("median suboptimality").reset_index()
    lowest = best.groupby("problem")["median suboptimality"].transform("min")
    best = best.assign(best=best["median suboptimality"] == lowest).rename(columns={BETA: "beta"})
    # of equals the largest beta: a longer memory that does no harm
    last = best[best["best"]].groupby("problem")["beta"].transform("max")
    return best.assign(best=best["best"] & (best["beta"] == last.reindex(best.index)))
