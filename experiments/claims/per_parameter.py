"""per_parameter: the effective learning rate is small where the slope is steep, large where it is flat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Finding, Verdict, claim
from experiments.claims.bowl import CONDITION, Array, curvatures, mean_over_seeds, per_run, slope
from problems.quadratic_bowl import QuadraticBowl, hessian

RATE_LR = 0.01
Slope = Callable[[QuadraticBowl, Array], float]


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
    aligned = slope_table(evidence, rotated=False, value=coordinate_slope)
    rotated = slope_table(evidence, rotated=True, value=direction_slope)
    worst = aligned[CONDITION].max()
    top, turned = (table[table[CONDITION] == worst].iloc[0] for table in (aligned, rotated))
    per_seed = slopes(evidence, False, coordinate_slope)
    effect = mean_over_seeds(per_seed.loc[per_seed[CONDITION] == worst, "value"])
    return Finding(
        verdict=verdict(aligned, rotated),
        effect=effect,
        unit=f"decades of rate per decade of curvature, axis-aligned, condition {worst:g}",
        evidence=(
            f"On axis-aligned bowls of condition {worst:g} the effective rate goes as the curvature to the "
            f"power {top['slope']:.2f}; rotated, where a rule that scales each coordinate cannot see the "
            f"steep direction, as the curvature along the principal directions to the power "
            f"{turned['slope']:.2f}."
        ),
        tables={
            "Slope of rate against curvature, axis-aligned": aligned,
            "Slope of rate against curvature, rotated": rotated,
        },
    )


def verdict(aligned: pd.DataFrame, rotated: pd.DataFrame) -> Verdict:
    falls = [bool((table["high"] < 0).all()) for table in (aligned, rotated)]
    if all(falls):
        return Verdict.REPRODUCED
    if falls[0]:
        return Verdict.PARTLY
    return Verdict.REFUTED if (aligned["low"] > 0).all() else Verdict.UNDECIDED


def slopes(evidence: Evidence, rotated: bool, value: Slope) -> pd.DataFrame:
    where = {"optimizer": "rmsprop", "optimizer__lr": RATE_LR, "problem__rotated": rotated}
    curved = replace(evidence, runs=evidence.runs[evidence.runs[CONDITION] > 1])
    return per_run(curved, "rate.", value, **where)


def slope_table(evidence: Evidence, rotated: bool, value: Slope) -> pd.DataFrame:
    rows = []
    for condition, part in slopes(evidence, rotated, value).groupby(CONDITION):
        found = mean_over_seeds(part["value"])
        rows.append((condition, len(part), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=[CONDITION, "runs", "slope", "low", "high"])


def coordinate_slope(bowl: QuadraticBowl, rates: Array) -> float:
    """Return the slope over the coordinates."""
    return slope(np.log10(curvatures(bowl)), np.log10(typical(rates)))


def direction_slope(bowl: QuadraticBowl, rates: Array) -> float:
    """Return the slope over the principal directions v: there the rate is the mean of v_i^2 rate_i."""
    eigenvalues, directions = np.linalg.eigh(hessian(bowl))
    return slope(np.log10(eigenvalues), np.log10(directions.T**2 @ typical(rates)))


def typical(rates: Array) -> Array:
    """Return the median size of each coordinate's rate over the steps."""
    return np.asarray(np.nanmedian(np.abs(rates[1:]), axis=0))
