"""rates: gradient descent, heavy ball and Nesterov's method contract as theory says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from experiments import figures, theory
from experiments.claims.base import (
    FEWER_RESAMPLES,
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    map_picture,
    mean_over_seeds,
    over_seeds,
    pictures,
)
from experiments.figures.parts import Part, Picture
from experiments.measures.contraction import decays, optimal_contractions
from experiments.theory.curvature import REPRESENTED
from experiments.wording import counted

METHOD, CONDITION, ROTATED = "method", "problem.condition", "problem.rotated"
CELL = [METHOD, CONDITION, ROTATED]
TOLERANCE = 0.02
HALVES = {"suboptimality": 2.0}
"""Measures that go as a power of the distance."""


@claim(
    "rates",
    of="theory",
    statement=(
        "At their optimal settings on a quadratic of condition number k, gradient descent contracts by "
        "(k - 1) / (k + 1) a step, heavy ball by (sqrt(k) - 1) / (sqrt(k) + 1), and Nesterov's method by "
        "1 - 2 / sqrt(3 k + 1), or by 1 - 1 / sqrt(k) at the settings for every strongly convex function."
    ),
    experiment="rates",
    predicate=(
        "A cell is a method on a bowl, aligned with the axes or rotated, of one condition number from 10 to "
        "1e6. The decay is minus the logarithm of the contraction, so that a contraction of 0.999998 is told "
        "from one of 0.999999; it is measured as the slope of the logarithm of the distance over the last "
        "half of the steps. A cell agrees if the 95 % interval over seeds of the measured decay over that of "
        f"the formula lies within {TOLERANCE:.0%} of 1. Reproduced if every cell agrees; partly if some do; "
        "refuted if none does."
    ),
    revised=(
        "Neither the rule nor the experiment. Of what the verdict hangs on, the form with a factor of t "
        "taken out took it out of gradient descent too, which has none; the map had a panel for each bowl, "
        "and has one for both, with the farther of the two."
    ),
)
def decide(evidence: Evidence) -> Finding:
    table = cells(evidence)
    agree = table["agrees"]
    farthest = farthest_of(table)
    return Finding(
        verdict=verdict(table),
        effect=Interval(farthest["ratio"], farthest["low"], farthest["high"]),
        unit="measured over predicted decay, in the cell that is farthest from 1",
        evidence=(
            f"{agree.sum()} of {counted(len(table), 'cell')} agree within {TOLERANCE:.0%}: "
            f"{by_method(table)}. Farthest from theory is {spoken(farthest['method'])} at k = "
            f"{farthest['k']:g} on the {farthest['bowl']} bowl. With momentum a double root of the iteration "
            "leaves a factor of t beside the power, which the slope falls short by; with that taken out "
            f"{by_method(without_the_factor(evidence))}."
        ),
        tables={"Measured and predicted, by cell": table},
        variants=variants(evidence, table),
        absent={"selection rule": "nothing is selected, as the settings come from formulas"},
    )


def without_the_factor(evidence: Evidence) -> pd.DataFrame:
    """Return the cells of the methods with momentum, a factor of t taken out of the distance."""
    table = cells(evidence, less_log=True)
    return table[table["method"] != "gradient_descent"]


def verdict(table: pd.DataFrame) -> Verdict:
    if table["agrees"].all():
        return Verdict.REPRODUCED
    return Verdict.PARTLY if table["agrees"].any() else Verdict.REFUTED


def by_method(table: pd.DataFrame) -> str:
    """Return in words how far the cells of each method are from 1."""
    words = [
        f"{spoken(method)} {part['ratio'].min():.4f} to {part['ratio'].max():.4f}"
        if part["ratio"].notna().any()
        else f"{spoken(method)} without a number"
        for method, part in table.groupby("method", sort=False)
    ]
    return f"measured over predicted decay of {', of '.join(words)}"


def spoken(method: Any) -> str:
    return str(method).replace("_", " ")


def farthest_of(table: pd.DataFrame) -> dict[str, Any]:
    """Return the row whose ratio is farthest from 1; one without a number is farthest of all."""
    away = (table["ratio"] - 1).abs().fillna(np.inf)
    return {str(key): value for key, value in table.iloc[int(away.argmax())].items()}


def ratios(
    evidence: Evidence,
    measure: str = "distance",
    *,
    last: float = 0.5,
    until: float = 1.0,
    less_log: bool = False,
) -> pd.DataFrame:
    """Return of each run its cell, seed, predicted decay, and the measured one over it: ``ratio``."""
    power = HALVES.get(measure, 1.0)
    found = decays(
        evidence.history, measure, floor=REPRESENTED**power, last=last, until=until, less_log=less_log
    ).set_index("run")["decay"]
    labels = evidence.runs["optimizer"].astype(str).str.partition(":")[2]  # sgd:heavy_ball
    runs = evidence.runs.assign(method=labels)[[*CELL, "seed", "run"]]
    runs = runs.assign(
        measured=runs["run"].astype(str).map(found) / power,
        predicted=[
            theory.decay(method, 1.0, condition)
            for method, condition in zip(labels, runs[CONDITION], strict=True)
        ],
    )
    return runs.assign(ratio=runs["measured"] / runs["predicted"])


def cells(
    evidence: Evidence,
    measure: str = "distance",
    *,
    tolerance: float = TOLERANCE,
    last: float = 0.5,
    until: float = 1.0,
    less_log: bool = False,
    resamples: int | None = None,
) -> pd.DataFrame:
    """Return a row a cell, with the measured decay over the predicted one: ratio, low, high, agrees.

    Beside it method, k, bowl, seeds, and the shares of the distance lost in a step. The ratio is NaN, and
    the cell does not agree, where a run of it has no decay.
    """
    found = ratios(evidence, measure, last=last, until=until, less_log=less_log)
    rows = []
    for method in (name for name in theory.METHODS if (found[METHOD] == name).any()):
        of_method = found[found[METHOD] == method]
        for (condition, rotated), part in of_method.groupby([CONDITION, ROTATED]):
            ratio = interval(part["ratio"], resamples)
            predicted, measured = part["predicted"].iloc[0], part["measured"].mean(skipna=False)
            agrees = ratio.low >= 1 - tolerance and ratio.high <= 1 + tolerance
            lost = [-np.expm1(-decay) for decay in (predicted, measured)]
            bowl = "rotated" if rotated else "aligned"
            rows.append(
                (method, condition, bowl, len(part), *lost, ratio.value, ratio.low, ratio.high, agrees)
            )
    names = ["method", "k", "bowl", "seeds", "lost in a step, theory", "lost in a step, measured"]
    return pd.DataFrame(rows, columns=[*names, "ratio", "low", "high", "agrees"])


def interval(numbers: pd.Series, resamples: int | None) -> Interval:
    """Return the mean over seeds with its interval; NaN throughout if one seed has no number."""
    if numbers.isna().any():
        return Interval(np.nan, np.nan, np.nan)
    if resamples is None:
        return mean_over_seeds(numbers)
    values = numbers.to_numpy(float)
    return over_seeds(
        len(values), lambda drawn: values[drawn].mean(axis=-1), at_once=True, resamples=resamples
    )


def variants(evidence: Evidence, table: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule on other measures, fewer steps, another part of them, other tolerances."""
    for measure, name in (("suboptimality", "suboptimality"), ("grad_norm", "gradient norm")):
        if measure in evidence.history:
            yield Variant("target", f"{name} for distance", verdict(cells(evidence, measure)))
    for until in (0.5, 0.25):
        yield Variant("budget", f"{until:.0%} of the steps", verdict(cells(evidence, until=until)))
    for last in (0.25, 0.75):
        yield Variant("part of the steps", f"last {last:.0%}", verdict(cells(evidence, last=last)))
    plain = table[table["method"] == "gradient_descent"]
    form = pd.concat([plain, without_the_factor(evidence)], ignore_index=True)
    yield Variant("form", "the factor of t taken out", verdict(form))
    for tolerance in (0.01, 0.05):
        within = (table["low"] >= 1 - tolerance) & (table["high"] <= 1 + tolerance)
        yield Variant("tolerance", f"{tolerance:.0%}", verdict(table.assign(agrees=within)))
    for method in table["method"].unique():
        alone = table[table["method"] == method]
        yield Variant("method", f"{spoken(method)} alone", verdict(alone))


SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)


def map_table(evidence: Evidence) -> pd.DataFrame:
    """Return how many times the distance from theory fits into the tolerance, by condition and steps.

    Of the two bowls the one that is farther from theory. Columns: problem (the method), problem.condition,
    share of the steps, ratio (the tolerance over the distance of measured over predicted decay from 1), low,
    high; above 1 the cell agrees.
    """
    parts = []
    for share in SHARES:
        found = farther_bowl(cells(evidence, until=share, resamples=FEWER_RESAMPLES))
        low, high = (np.abs(found[end] - 1) for end in ("low", "high"))
        within = (found["low"] <= 1) & (found["high"] >= 1)
        parts.append(
            pd.DataFrame(
                {
                    "problem": found["method"].map(spoken),
                    CONDITION: found["k"],
                    "share of the steps": share,
                    "ratio": fits((found["ratio"] - 1).abs()),
                    "low": fits(np.maximum(low, high)),
                    "high": fits(np.minimum(low, high).where(~within, 0.0)),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def farther_bowl(table: pd.DataFrame) -> pd.DataFrame:
    """Return of each method and condition number the bowl whose ratio is farther from 1, or has no number."""
    away = (table["ratio"] - 1).abs().fillna(np.inf)
    last = table.assign(away=away).sort_values("away", kind="stable").groupby(["method", "k"], sort=False)
    return table.loc[sorted(last.tail(1).index)]


def fits(away: pd.Series) -> pd.Series:
    """Return the tolerance over a distance from 1; infinite for none."""
    with np.errstate(divide="ignore"):
        return TOLERANCE / away


@pictures("rates")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield observed and predicted contraction over the condition number, and the map."""
    table = drawn_table(cells(evidence))
    bounds = optimal_contractions(table["condition"].min(), table["condition"].max())
    yield Picture(
        "rates",
        "Left: the share of the distance that a step takes away, measured (mean over seeds) and as the "
        f"formulas have it. Right: measured over predicted decay, with its interval; the band is "
        f"{TOLERANCE:.0%} to either side. Aligned and rotated bowls lie on one another",
        figures.contractions(table, bounds, optimizers=list(theory.METHODS), tolerance=TOLERANCE),
        frame=table,
    )
    yield map_picture(
        "rates_map",
        f"Where the claim holds: {TOLERANCE:.0%} over the distance of measured over predicted decay from 1, "
        "by condition number and by the share of the steps up to which the slope is taken (over their last "
        "half); above 1 the cell agrees",
        map_table(evidence),
        CONDITION,
        "share of the steps",
        "tolerance / distance from theory",
        failed="no decay",
    )


def drawn_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cells as ``figures.contractions`` takes them."""
    names = {"method": "optimizer", "k": "condition", "lost in a step, measured": "lost"}
    measured = table["lost in a step, measured"]
    ends = {"ratio_low": table["low"], "ratio_high": table["high"], "low": measured, "high": measured}
    return table.rename(columns=names).assign(**ends)
