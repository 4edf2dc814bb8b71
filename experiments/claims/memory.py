"""memory: the moving average keeps the influence of past squared gradients; beta from 0.9 to 0.999."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import figures
from experiments.claims.base import (
    FEWER_RESAMPLES,
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    earlier_steps,
    map_picture,
    mean_over_seeds,
    over_seeds,
    pictures,
)
from experiments.claims.bowl import bowl_of
from experiments.figures.parts import Part, Picture
from experiments.tables import MEASURES
from experiments.wording import counted
from problems.quadratic_bowl import hessian

LR, BETA, EPS = "optimizer.lr", "optimizer.beta", "optimizer.eps"
STILL = 1e-9
DEFAULT_LR = 0.01
USUAL = (0.9, 0.999)
TOLERANCE = 0.1
FLOOR = MEASURES["suboptimality"].floor
Array = NDArray[Any]


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
    taus = step_responses(evidence)
    best = best_by_beta(evidence.runs)
    chosen = best[best["best"]]
    inside = chosen["beta"].between(*USUAL)
    effect = ratio_over_runs(taus)
    decided = rule(taus, best)
    still = evidence.runs[LR] == STILL
    return Finding(
        verdict=decided,
        effect=effect,
        unit="measured over predicted time constant 1 / (1 - beta), beta 0.9 to 0.999",
        evidence=(
            f"The average answers to a step in the gradient with a time constant of {effect} times "
            f"1 / (1 - beta), and the best result lies at a beta from 0.9 to 0.999 on {inside.sum()} of "
            f"{counted(len(inside), 'problem')} "
            f"({', '.join(f'{row.problem} {row.beta:g}' for row in chosen.itertuples())})."
        ),
        tables={
            "Time constant of the average": time_constants(taus),
            "Best median suboptimality by beta": best,
        },
        variants=variants(evidence, taus, best),
        read={
            "Time constant of the average": step_runs(evidence),
            "Best median suboptimality by beta": evidence.runs[~still],
        },
    )


def rule(taus: pd.DataFrame, best: pd.DataFrame, tolerance: float = TOLERANCE) -> Verdict:
    constants = time_constants(taus)
    usual = constants[constants["beta"].between(*USUAL)]
    answers = bool((usual["measured / predicted"] - 1).abs().max() < tolerance)
    inside = best.loc[best["best"], "beta"].between(*USUAL)
    return verdict(answers, int(inside.sum()), len(inside))


def variants(evidence: Evidence, taus: pd.DataFrame, best: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule with other measures, ways to choose the best, fewer steps, other tolerances."""
    runs = evidence.runs
    for measure in ("best_loss", "distance", "hit_1e-1", "hit_1e-2"):
        if measure in runs:
            by = best_by_beta(runs.assign(suboptimality=runs[measure]))
            yield Variant("target", spoken(measure), rule(taus, by))
    yield Variant("selection rule", "smallest of equals", rule(taus, best_by_beta(runs, largest=False)))
    at_default = runs[runs[LR].isin([STILL, DEFAULT_LR])]
    if (at_default[LR] == DEFAULT_LR).any():
        name = f"learning rate {DEFAULT_LR:g} for every beta"
        yield Variant("selection rule", name, rule(taus, best_by_beta(at_default)))
    for steps in earlier_steps(evidence, (0.1, 0.3)):
        by = best_by_beta(runs_after(evidence, steps))
        yield Variant("budget", f"{steps} steps", rule(taus, by))
    for tolerance in (0.02, 0.05):
        yield Variant("tolerance of tau", f"{tolerance:.0%}", rule(taus, best, tolerance))


def spoken(measure: str) -> str:
    if measure.startswith("hit_"):
        return f"steps to {measure.removeprefix('hit_')} of the start"
    return measure.replace("_", " ")


def verdict(answers: bool, inside: int, problems: int) -> Verdict:
    if answers and inside == problems:
        return Verdict.REPRODUCED
    return Verdict.PARTLY if answers or inside else Verdict.REFUTED


def step_runs(evidence: Evidence) -> pd.DataFrame:
    """Return the runs whose parameters hardly move."""
    runs = evidence.runs
    rows: pd.DataFrame = runs[(runs["problem"] == "quadratic_bowl") & (runs[LR] == STILL) & (runs[BETA] > 0)]
    return rows


def step_responses(evidence: Evidence) -> pd.DataFrame:
    """Return tau of each run whose parameters hardly move: seed, beta, tau (steps)."""
    still = step_runs(evidence)
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


def time_constants(taus: pd.DataFrame) -> pd.DataFrame:
    table = taus.groupby("beta", as_index=False)["tau"].median()
    predicted = 1 / (1 - table["beta"])
    return pd.DataFrame(
        {
            "beta": table["beta"],
            "measured, steps": table["tau"],
            "predicted, steps": predicted,
            "measured / predicted": table["tau"] / predicted,
        }
    )


def ratio_over_runs(taus: pd.DataFrame) -> Interval:
    """Return measured over predicted, averaged over betas, with its interval over seeds."""
    rows = taus[taus["beta"].between(*USUAL)]
    return mean_over_seeds((rows["tau"] * (1 - rows["beta"])).groupby(rows["seed"]).mean())


def moving(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are to get somewhere; one that diverged is infinitely bad."""
    rows = runs[runs[LR] != STILL]
    return rows.assign(suboptimality=rows["suboptimality"].astype(float).fillna(np.inf))


def best_by_beta(runs: pd.DataFrame, *, largest: bool = True) -> pd.DataFrame:
    """Return for each problem and beta the best median over the learning rates, and where it is best.

    Of equals the largest beta, a longer memory that does no harm, or the smallest.
    """
    runs = moving(runs)
    medians = runs.groupby([runs["problem"].astype(str), BETA, LR])["suboptimality"].median()
    best = medians.groupby(["problem", BETA]).min().rename("median suboptimality").reset_index()
    lowest = best.groupby("problem")["median suboptimality"].transform("min")
    best = best.assign(best=best["median suboptimality"] == lowest).rename(columns={BETA: "beta"})
    taken = best[best["best"]].groupby("problem")["beta"].agg("max" if largest else "min")
    return best.assign(best=best["best"] & (best["beta"] == best["problem"].map(taken)))


def runs_after(evidence: Evidence, steps: int) -> pd.DataFrame:
    """Return the runs with the suboptimality that they had after so many steps."""
    history = evidence.history[evidence.history["step"] == steps].astype({"run": str})
    then = history.set_index("run")["suboptimality"]
    return evidence.runs.assign(suboptimality=evidence.runs["run"].astype(str).map(then))


def map_table(evidence: Evidence) -> pd.DataFrame:
    """Return the best median outside the usual range of beta over the best one inside.

    By learning rate and by the steps. Columns: problem, optimizer.lr, steps, ratio, low,
    high; above 1 the claim holds. NaN where all diverged. What is below the floor is equal.
    """
    rows = []
    last = int(evidence.history["step"].max())
    for steps in [*earlier_steps(evidence, (0.01, 0.03, 0.1, 0.3)), last]:
        runs = moving(evidence.runs if steps == last else runs_after(evidence, steps))
        for (problem, lr), part in runs.groupby([runs["problem"].astype(str), LR]):
            wide = part.pivot(index=BETA, columns="seed", values="suboptimality")
            inside = (wide.index >= USUAL[0]) & (wide.index <= USUAL[1])
            numbers = wide.to_numpy(float).clip(FLOOR)

            def ratio(drawn: Array, numbers: Array = numbers, inside: NDArray[np.bool_] = inside) -> Array:
                medians = np.median(numbers[:, drawn], axis=2)
                with np.errstate(over="ignore"):
                    return np.asarray(medians[~inside].min(axis=0) / medians[inside].min(axis=0))

            found = over_seeds(numbers.shape[1], ratio, at_once=True, resamples=FEWER_RESAMPLES)
            rows.append((problem, lr, steps, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["problem", LR, "steps", "ratio", "low", "high"])


@pictures("memory")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the results over learning rate and beta, and where the best beta is a usual one."""
    moving = evidence.runs[evidence.runs["optimizer.lr"] != STILL]
    yield Picture(
        "memory",
        "Median suboptimality after 1000 steps over learning rate and beta",
        figures.heat_map(moving, "optimizer.lr", "optimizer.beta"),
        runs=moving,
    )
    yield map_picture(
        "memory_map",
        "Where the best beta lies in the usual range: the best median suboptimality at a beta outside 0.9 to "
        "0.999 over the best one inside, by learning rate and steps",
        map_table(evidence),
        "optimizer.lr",
        "steps",
        "suboptimality, outside / inside",
        failed="all diverged",
        runs=moving,
    )
