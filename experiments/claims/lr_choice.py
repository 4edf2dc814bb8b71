"""lr_choice: plain gradient descent stands or falls with the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import figures, tables
from experiments.claims import faster
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
    over_seeds,
    pictures,
)
from experiments.figures.drawings import NAMES
from experiments.figures.parts import Part, Picture, Table
from experiments.measures import log_area_table, lr_robustness, unbroken_widths
from experiments.wording import counted

FACTOR = 10.0
SOLVED = 1e-6
ROUGHLY_SOLVED = 1e-2
OTHERS = ("rmsprop", "adagrad", "adam")


@claim(
    "lr_choice",
    statement="Plain gradient descent stands or falls with the choice of the learning rate.",
    experiment="lr_choice",
    predicate=(
        "The width of an optimizer on a problem is the stretch of learning rates, in decades, around its "
        "best one in which the median suboptimality after 1000 steps stays within a factor of "
        f"{FACTOR:g} of its best; below {SOLVED:g} of the start all count as equally solved. Reproduced if "
        "gradient descent is narrower than RMSprop, AdaGrad and Adam on every problem (bootstrap interval "
        "of the difference over seeds below 0); refuted if it is narrower than none of them anywhere; "
        "partly if on some; undecided if no interval excludes 0."
    ),
)
def decide(evidence: Evidence) -> Finding:
    landscapes = landscapes_of(evidence)
    differences = difference_table(landscapes)
    narrower, wider = (differences["high"] < 0).sum(), (differences["low"] > 0).sum()
    effect = mean_difference(landscapes, "rmsprop")
    rough = mean_difference(solved_at(landscapes, ROUGHLY_SOLVED), "rmsprop")
    decided = verdict(differences)
    return Finding(
        verdict=decided,
        effect=effect,
        unit="decades, SGD minus RMSprop",
        evidence=(
            f"The range of good learning rates of gradient descent is narrower than the other's in "
            f"{narrower} of {counted(len(differences), 'comparison')} (3 problems x 3 optimizers) "
            f"and wider in {wider}; against RMSprop it differs by {effect} decades on average, "
            f"and by {rough} if a hundredth of the start counts as solved."
        ),
        tables={
            "Width of the range of good learning rates": width_table(landscapes),
            "Differences from gradient descent": differences,
        },
        variants=variants(evidence),
    )


def verdict(differences: pd.DataFrame) -> Verdict:
    narrower, wider = (differences["high"] < 0).sum(), (differences["low"] > 0).sum()
    if narrower == len(differences):
        return Verdict.REPRODUCED
    if narrower == 0:
        return Verdict.REFUTED if wider else Verdict.UNDECIDED
    return Verdict.PARTLY


def variants(evidence: Evidence) -> Iterator[Variant]:
    """Yield the rule with other targets, factors, ways to choose the best, and fewer steps."""
    landscapes = landscapes_of(evidence)
    for solved in (ROUGHLY_SOLVED, 1e-4, 1e-8):
        found = difference_table(landscapes_of(evidence, solved))
        yield Variant("target", f"{solved:g} of the start", verdict(found))
    for name, statistic in (("lowest mean", np.mean), ("best worst seed", np.max)):
        yield Variant("selection rule", name, verdict(difference_table(landscapes, statistic=statistic)))
    for steps in earlier_steps(evidence, (0.1, 0.3)):
        found = difference_table(landscapes_of(evidence, steps=steps))
        yield Variant("budget", f"{steps} steps", verdict(found))
    for factor in (2.0, 100.0):
        yield Variant("factor", f"{factor:g}", verdict(difference_table(landscapes, factor)))


Array = NDArray[np.float64]
Statistic = Callable[..., Any]
"""What a learning rate is judged by: a number of the seeds, which are the last axis."""


@dataclass(frozen=True)
class Landscape:
    """The scores of one optimizer on one problem: lrs (lrs,), scores (lrs, seeds)."""

    lrs: Array
    scores: Array


Landscapes = dict[tuple[str, str], Landscape]
"""By problem and optimizer."""


def landscapes_of(evidence: Evidence, solved: float = SOLVED, steps: int | None = None) -> Landscapes:
    """Return the scores of every optimizer on every problem, after all steps or so many.

    The score is the suboptimality as a share of the first, at least ``solved``; infinite
    for a run that diverged.
    """
    history = evidence.history.astype({"run": str}).set_index("run")
    first = history.loc[history["step"] == 0, "suboptimality"]
    runs = evidence.runs.astype({"run": str})
    last = runs.set_index("run")["suboptimality"]
    if steps is not None:
        last = history.loc[history["step"] == steps, "suboptimality"]
    share = (last / first).clip(lower=solved).fillna(np.inf)
    runs = runs.assign(score=runs["run"].map(share))
    found = {}
    for (problem, optimizer), part in runs.groupby(["problem", "optimizer"], observed=True):
        wide = part.pivot(index="optimizer.lr", columns="seed", values="score")
        found[f"{problem}", f"{optimizer}"] = Landscape(wide.index.to_numpy(float), wide.to_numpy(float))
    return found


def solved_at(landscapes: Landscapes, solved: float) -> Landscapes:
    """Return the landscapes in which a larger share of the start already counts as solved."""
    return {pair: Landscape(land.lrs, np.maximum(land.scores, solved)) for pair, land in landscapes.items()}


def widths(land: Landscape, drawn: Any, factor: float = FACTOR, statistic: Statistic = np.median) -> Array:
    """Return the decades about the best within the factor, for each draw of seeds (draws, seeds)."""
    cost = statistic(land.scores[:, drawn], axis=2)
    return np.round(unbroken_widths(land.lrs, cost, factor * cost.min(axis=0)), 9)


def width(land: Landscape) -> float:
    return float(widths(land, np.arange(land.scores.shape[1])[None])[0])


def width_table(landscapes: Landscapes) -> pd.DataFrame:
    """Return every width with its interval over the seeds, and the best learning rate."""
    rows = []
    for (problem, optimizer), land in landscapes.items():
        found = over_seeds(land.scores.shape[1], lambda drawn, land=land: widths(land, drawn), at_once=True)  # type: ignore[misc]
        medians = np.median(land.scores, axis=1)
        best = int(np.argmin(medians))
        rows.append((problem, optimizer, land.lrs[best], medians[best], found.value, found.low, found.high))
    names = ["problem", "optimizer", "best lr", "share of the start left", "width in decades", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def difference_table(
    landscapes: Landscapes,
    factor: float = FACTOR,
    statistic: Statistic = np.median,
    resamples: int | None = None,
) -> pd.DataFrame:
    """Return how much wider gradient descent is than the others, paired by seed."""
    rows = []
    for problem, other in landscapes:
        if other != "sgd":

            def wider(drawn: Any, problem: str = problem, other: str = other) -> Array:
                own, theirs = (landscapes[problem, name] for name in ("sgd", other))
                return widths(own, drawn, factor, statistic) - widths(theirs, drawn, factor, statistic)

            seeds = landscapes[problem, other].scores.shape[1]
            found = over_seeds(seeds, wider, at_once=True, resamples=resamples)
            rows.append((problem, other, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["problem", "against", "difference in decades", "low", "high"])


def mean_difference(landscapes: Landscapes, other: str) -> Interval:
    """Return the difference from another optimizer, averaged over the problems."""
    problems = [problem for problem, optimizer in landscapes if optimizer == other]
    seeds = min(land.scores.shape[1] for land in landscapes.values())

    def wider(drawn: Any) -> Array:
        pairs = [(landscapes[problem, "sgd"], landscapes[problem, other]) for problem in problems]
        differences = [widths(own, drawn) - widths(theirs, drawn) for own, theirs in pairs]
        return np.asarray(np.mean(differences, axis=0))

    return over_seeds(seeds, wider, at_once=True)


MAP_TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def map_table(evidence: Evidence) -> pd.DataFrame:
    """Return how many times wider the other's range of learning rates is than that of SGD.

    By what share of the start counts as solved and by the steps. Columns: problem (with
    the other optimizer), steps, solved at, ratio, low, high; above 1 the claim holds.
    """
    parts = []
    for steps in [*earlier_steps(evidence, (0.01, 0.03, 0.1, 0.3)), None]:
        landscapes = landscapes_of(evidence, min(MAP_TARGETS), steps)
        for solved in MAP_TARGETS:
            table = difference_table(solved_at(landscapes, solved), resamples=FEWER_RESAMPLES)
            shown = steps or int(evidence.history["step"].max())
            parts.append(table.assign(**{"steps": shown, "solved at": solved}))
    table = pd.concat(parts, ignore_index=True)
    order = table["against"].map({name: i for i, name in enumerate(OTHERS)})
    table = table.assign(order=order).sort_values(["problem", "order", "steps", "solved at"])
    ends = {"ratio": "difference in decades", "low": "high", "high": "low"}
    numbers = {name: 10.0 ** -table[column].astype(float) for name, column in ends.items()}
    return table.assign(problem=table["problem"] + ", against " + table["against"], **numbers)[
        ["problem", "steps", "solved at", "ratio", "low", "high"]
    ].reset_index(drop=True)


@pictures("lr_choice")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the results over the learning rate, and the map."""
    table = tables.lr_sensitivity(evidence.runs, factor=FACTOR)
    yield Picture(
        "lr_choice",
        "Suboptimality after 1000 steps against the learning rate, median and quartiles over seeds; below it "
        "the share of runs that diverged",
        figures.lr_sensitivity(table, optimizers=NAMES),
    )
    yield map_picture(
        "lr_choice_map",
        "Where the claim holds: how many times wider the range of good learning rates of the other optimizer "
        "is than that of SGD, by the steps and by which share of the start counts as solved",
        map_table(evidence),
        "steps",
        "solved at",
        "width, other / SGD",
    )
    choosing, reported = (
        evidence.runs[evidence.runs["seed"] >= faster.TUNING_SEEDS_FROM],
        evidence.runs[evidence.runs["seed"] < faster.TUNING_SEEDS_FROM],
    )
    shown = tables.runs_at(reported, tables.best_settings(choosing))
    yield Table(
        "lr_choice_lr_robustness",
        f"Decades of learning rates within a factor of {FACTOR:g} of the best suboptimality, "
        "however small that is, and the share of runs that diverged, with intervals over seeds",
        lr_robustness(evidence.runs, factor=FACTOR),
    )
    yield Table(
        "lr_choice_log_area",
        "Mean over the steps of the logarithm (base 10) of the suboptimality, the area under the logarithmic "
        "loss curve per step, at the best learning rate of seeds 20 to 29, on seeds 0 to 19",
        log_area_table(evidence.history, shown),
        shown,
    )
