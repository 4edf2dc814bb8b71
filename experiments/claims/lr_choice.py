"""lr_choice: plain gradient descent stands or falls with the learning rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims.base import Evidence, Finding, Interval, Verdict, claim, over_seeds

FACTOR = 10.0
SOLVED = 1e-6
ROUGHLY_SOLVED = 1e-2
KEYS = ["problem", "optimizer", "optimizer.lr"]


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
    scores = score_arrays(evidence)
    table = width_table(scores)
    differences = difference_table(scores)
    narrower, wider = (differences["high"] < 0).sum(), (differences["low"] > 0).sum()
    effect = mean_difference(scores, "rmsprop")
    rough = mean_difference(score_arrays(evidence, ROUGHLY_SOLVED), "rmsprop")
    return Finding(
        verdict=verdict(int(narrower), int(wider), len(differences)),
        effect=effect,
        unit="decades, SGD minus RMSprop",
        evidence=(
            f"The range of good learning rates of gradient descent is narrower than the other's in "
            f"{narrower} of {len(differences)} comparisons (3 problems x 3 optimizers) and wider in {wider}; "
            f"against RMSprop it differs by {effect} decades on average, and by {rough} if a hundredth of "
            "the start counts as solved."
        ),
        tables={
            "Width of the range of good learning rates": table,
            "Differences from gradient descent": differences,
        },
    )


def verdict(narrower: int, wider: int, comparisons: int) -> Verdict:
    if narrower == comparisons:
        return Verdict.REPRODUCED
    if narrower == 0:
        return Verdict.REFUTED if wider else Verdict.UNDECIDED
    return Verdict.PARTLY


Scores = dict[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64]]]


def score_arrays(evidence: Evidence, solved: float = SOLVED) -> Scores:
    """Return for each problem and optimizer the learning rates, and the scores (lrs, seeds).

    The score is the final suboptimality as a share of the first, at least ``solved``;
    infinite for a run that diverged.
    """
    first = evidence.history.loc[evidence.history["step"] == 0, ["run", "suboptimality"]]
    runs = evidence.runs.astype({"run": str}).merge(
        first.astype({"run": str}), on="run", suffixes=("", "_first")
    )
    share = (runs["suboptimality"] / runs["suboptimality_first"]).clip(lower=solved)
    runs = runs.assign(score=share.fillna(np.inf))
    arrays = {}
    for (problem, optimizer), part in runs.groupby(["problem", "optimizer"], observed=True):
        wide = part.pivot(index="optimizer.lr", columns="seed", values="score")
        arrays[f"{problem}", f"{optimizer}"] = wide.index.to_numpy(float), wide.to_numpy(float)
    return arrays


def width(lrs: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the width in decades of the unbroken stretch of good learning rates about the best."""
    medians = np.median(scores, axis=1)
    best = int(np.argmin(medians))
    good = np.isfinite(medians) & (medians <= FACTOR * medians[best])
    if not good[best]:
        return 0.0
    low = best - int(np.argmin(np.append(good[best::-1], False))) + 1
    high = best + int(np.argmin(np.append(good[best:], False))) - 1
    return round(float(np.log10(lrs[high] / lrs[low])), 9)


def width_table(scores: Scores) -> pd.DataFrame:
    """Return every width with its interval over the seeds, and the best learning rate."""
    rows = []
    for (problem, optimizer), (lrs, values) in scores.items():
        found = width_over_seeds(lrs, values)
        best = int(np.argmin(np.median(values, axis=1)))
        rows.append(
            (problem, optimizer, lrs[best], np.median(values[best]), found.value, found.low, found.high)
        )
    names = ["problem", "optimizer", "best lr", "share of the start left", "width in decades", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def width_over_seeds(lrs: NDArray[np.float64], values: NDArray[np.float64]) -> Interval:
    return over_seeds(values.shape[1], lambda drawn: width(lrs, values[:, drawn]))


def difference(scores: Scores, problem: str, other: str, drawn: NDArray[np.int64]) -> float:
    """Return how much wider gradient descent is than another optimizer, in decades."""
    (lrs, own), (other_lrs, others) = scores[problem, "sgd"], scores[problem, other]
    return width(lrs, own[:, drawn]) - width(other_lrs, others[:, drawn])


def difference_table(scores: Scores) -> pd.DataFrame:
    rows = []
    for problem, other in scores:
        if other != "sgd":
            seeds = scores[problem, other][1].shape[1]
            found = over_seeds(seeds, lambda drawn, p=problem, o=other: difference(scores, p, o, drawn))  # type: ignore[misc]
            rows.append((problem, other, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["problem", "against", "difference in decades", "low", "high"])


def mean_difference(scores: Scores, other: str) -> Interval:
    """Return the difference from another optimizer, averaged over the problems."""
    problems = [problem for problem, optimizer in scores if optimizer == other]
    seeds = min(values.shape[1] for _, values in scores.values())
    return over_seeds(
        seeds,
        lambda drawn: float(np.mean([difference(scores, problem, other, drawn) for problem in problems])),
    )


def sensitivity_table(evidence: Evidence) -> pd.DataFrame:
    """Return the widths for other thresholds below which all count as equally solved."""
    columns = {}
    for solved in (ROUGHLY_SOLVED, 1e-4, SOLVED):
        scores = score_arrays(evidence, solved)
        columns[f"solved at {solved:g}"] = {pair: width(*arrays) for pair, arrays in scores.items()}
    return pd.DataFrame(columns).rename_axis(["problem", "optimizer"]).reset_index()
