"""per_parameter: the effective learning rate is small where the slope is steep, large where it is flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments import figures
from experiments.claims.base import (
    Evidence,
    Finding,
    Variant,
    Verdict,
    claim,
    map_picture,
    mean_over_seeds,
    pictures,
)
from experiments.claims.bowl import CONDITION, LR, ROTATED, Array, curvatures, per_run, slope
from experiments.figures.parts import Part, Picture
from problems.quadratic_bowl import QuadraticBowl, hessian

RATE_LR = 0.01
ALL_STEPS = 100
Slope = Callable[[QuadraticBowl, Array], float]
Typical = Callable[[Array], Array]


@claim(
    "per_parameter",
    statement=(
        "The effective learning rate is per parameter: small where the slope is steep, large where it is "
        "flat."
    ),
    experiment="conditioning",
    predicate=(
        "For each run of RMSprop, the slope of the logarithm of the effective rate (median over 100 "
        "steps) against the logarithm of the curvature, over the coordinates of a bowl; and, rotated, "
        "over its principal directions. Reproduced if the mean slope over seeds is below 0 (bootstrap "
        "interval) at every condition number from 10 on, axis-aligned and rotated; partly if only "
        "axis-aligned; refuted if it is above 0 at every one; else undecided."
    ),
)
def decide(evidence: Evidence) -> Finding:
    shown = slopes(evidence)
    aligned, rotated = slope_table(shown, rotated=False), slope_table(shown, rotated=True)
    worst = aligned[CONDITION].max()
    top, turned = (table[table[CONDITION] == worst].iloc[0] for table in (aligned, rotated))
    effect = mean_over_seeds(shown.loc[(shown[CONDITION] == worst) & ~shown[ROTATED], "value"])
    decided = verdict(aligned, rotated)
    read = evidence.runs[(evidence.runs["optimizer"] == "rmsprop") & (evidence.runs[LR] == RATE_LR)]
    titles = [f"Slope of rate against curvature, {turn}" for turn in ("axis-aligned", "rotated")]
    return Finding(
        verdict=decided,
        effect=effect,
        unit=f"decades of rate per decade of curvature, axis-aligned, condition {worst:g}",
        evidence=(
            f"On axis-aligned bowls of condition {worst:g} the effective rate goes as the curvature to the "
            f"power {top['slope']:.2f}; rotated, where a rule that scales each coordinate cannot see the "
            f"steep direction, as the curvature along the principal directions to the power "
            f"{turned['slope']:.2f}."
        ),
        tables=dict(zip(titles, (aligned, rotated), strict=True)),
        variants=variants(evidence),
        absent={
            "target": "a slope has no target",
            "selection rule": "nothing is selected, as one learning rate is taken",
        },
        read={
            title: read[read[ROTATED].astype(bool) == turn]
            for title, turn in zip(titles, (False, True), strict=True)
        },
    )


def verdict(aligned: pd.DataFrame, rotated: pd.DataFrame) -> Verdict:
    falls = [bool((table["high"] < 0).all()) for table in (aligned, rotated)]
    if all(falls):
        return Verdict.REPRODUCED
    if falls[0]:
        return Verdict.PARTLY
    return Verdict.REFUTED if (aligned["low"] > 0).all() else Verdict.UNDECIDED


def variants(evidence: Evidence) -> Iterator[Variant]:
    """Yield the rule over fewer steps, other averages, learning rates and condition numbers."""
    for steps in (10, 30):
        yield Variant("budget", f"{steps} steps", rule(slopes(evidence, steps)))
    for name, typical in (("geometric mean", geometric_mean_of_rates), ("last step", last_rate)):
        yield Variant("average over the steps", name, rule(slopes(evidence, typical=typical)))
    for lr in sorted(set(evidence.runs[LR]) - {RATE_LR}):
        yield Variant("learning rate", f"{lr:g}", rule(slopes(evidence, lr=lr)))
    shown = slopes(evidence)
    for condition in sorted(shown[CONDITION].unique())[1:]:
        held = rule(shown[shown[CONDITION] >= condition])
        yield Variant("smallest condition number", f"{condition:g}", held)


def rule(shown: pd.DataFrame) -> Verdict:
    return verdict(slope_table(shown, rotated=False), slope_table(shown, rotated=True))


def slopes(
    evidence: Evidence, steps: int = ALL_STEPS, typical: Typical | None = None, lr: float = RATE_LR
) -> pd.DataFrame:
    """Return the slope of each run of RMSprop on a bowl that is not round, over its first steps."""
    curved = replace(evidence, runs=evidence.runs[evidence.runs[CONDITION] > 1])
    of = typical or median_rate

    def value(bowl: QuadraticBowl, rates: Array) -> float:
        found = of(np.abs(rates[1 : steps + 1]))
        return direction_slope(bowl, found) if bowl.rotated else coordinate_slope(bowl, found)

    table = per_run(curved, "rate.", value, optimizer="rmsprop", optimizer__lr=lr)
    return table.astype({ROTATED: bool})


def slope_table(shown: pd.DataFrame, rotated: bool) -> pd.DataFrame:
    """Return the mean slope over seeds with its interval, for each condition number."""
    rows = []
    for condition, part in shown[shown[ROTATED] == rotated].groupby(CONDITION):
        found = mean_over_seeds(part["value"])
        rows.append((condition, len(part), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=[CONDITION, "runs", "slope", "low", "high"])


def coordinate_slope(bowl: QuadraticBowl, rates: Array) -> float:
    """Return the slope over the coordinates."""
    return slope(np.log10(curvatures(bowl)), np.log10(rates))


def direction_slope(bowl: QuadraticBowl, rates: Array) -> float:
    """Return the slope over the principal directions v: there the rate is the mean of v_i^2 rate_i."""
    eigenvalues, directions = np.linalg.eigh(hessian(bowl))
    return slope(np.log10(eigenvalues), np.log10(directions.T**2 @ rates))


def median_rate(rates: Array) -> Array:
    """Return the median of each coordinate's rate over the steps."""
    return np.asarray(np.nanmedian(rates, axis=0))


def geometric_mean_of_rates(rates: Array) -> Array:
    return np.asarray(np.exp(np.nanmean(np.log(rates), axis=0)))


def last_rate(rates: Array) -> Array:
    return np.asarray(rates[-1])


MAP_STEPS = (1, 3, 10, 30, 100)


def map_table(evidence: Evidence) -> pd.DataFrame:
    """Return how many times larger the rate is where the curvature is a decade smaller.

    By condition number and by how many steps are looked at. Columns: problem (the turn and
    the learning rate), problem.condition, steps, ratio, low, high; above 1 the claim holds.
    """
    parts = []
    for lr in sorted(set(evidence.runs[LR])):
        for steps in MAP_STEPS:
            shown = slopes(evidence, steps, lr=lr)
            for rotated, turn in ((False, "axis-aligned"), (True, "rotated")):
                table = slope_table(shown, rotated).assign(problem=f"{turn}, lr {lr:g}", steps=steps)
                parts.append(table)
    table = pd.concat(parts, ignore_index=True).sort_values(["problem", CONDITION, "steps"])
    ends = {"ratio": 10 ** -table["slope"], "low": 10 ** -table["high"], "high": 10 ** -table["low"]}
    return table[["problem", CONDITION, "steps"]].assign(**ends)


@pictures("per_parameter")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the rates on the longest bowl, aligned and rotated, and the map."""
    runs = evidence.runs
    shown = runs[(runs["optimizer"] == "rmsprop") & (runs["optimizer.lr"] == RATE_LR)]
    yield Picture(
        "per_parameter",
        "Effective learning rates of RMSprop on a bowl of condition 10,000 whose coordinates 0 to 9 grow "
        "ever steeper (top), and on the same bowl rotated (bottom); median and quartiles over seeds",
        figures.effective_rates(
            evidence.history,
            shown[shown["problem.condition"] == 10_000],
            names=[str(i) for i in range(10)],
        ),
        runs=shown[shown["problem.condition"] == 10_000],
    )
    yield map_picture(
        "per_parameter_map",
        "Where the claim holds: how many times larger the effective rate of RMSprop is where the curvature "
        "is a decade smaller, by condition number and by how many steps are looked at",
        map_table(evidence),
        "problem.condition",
        "steps",
        "rate, flat / steep",
        runs=runs[runs["optimizer"] == "rmsprop"],
    )
