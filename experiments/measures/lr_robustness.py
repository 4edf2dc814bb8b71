"""How robust an optimizer is to its learning rate, with intervals over the seeds."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tables import LR, PAIR, Measure, best_settings, lr_width, measure_of, runs_at
from experiments.tables.quartiles import scored

Array = NDArray[np.float64]

MOST_DRAWN, FEWEST_DRAWS = 10**8, 200
MOST_AT_ONCE = 1 << 24


def lr_robustness(
    runs: pd.DataFrame,
    measure: str = "suboptimality",
    factor: float = 2.0,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the decades of good learning rates and the share diverged, with intervals.

    The width is that of ``tables.lr_width``: the unbroken stretch of learning rates around
    the best whose median stays within ``factor`` of the best median, other hyperparameters
    at the best setting. The interval is a percentile bootstrap over seeds (Efron, 1979):
    all learning rates see the same drawn seeds, and each draw chooses its best anew. It is
    taken over the seeds that ran at every learning rate, and is NaN for fewer than two.
    BCa is of no use: on a grid the width is a step function of the data. Of a grid of more
    than a hundred thousand runs there are fewer draws, down to 200.

    Returns:
        Columns: problem, optimizer, best_lr, low, high, width_decades, width_low,
        width_high, spacing_decades, at_edge (a width there is a lower bound), seeds,
        diverged (share of the runs over all learning rates), diverged_low, diverged_high.
    """
    kind = measure_of(measure, runs.columns)
    others = best_settings(runs, measure).drop(columns=LR)
    rows = scored(runs_at(runs, others), measure)
    rng = np.random.default_rng(seed)
    found = []
    for pair, part in rows.groupby(PAIR, observed=True):
        scores, lost = (grid(part, column) for column in ("score", "lost"))
        if not scores.size:
            found.append((*pair, np.nan, np.nan, 0, part["lost"].mean(), np.nan, np.nan))
            continue
        lrs, seeds = np.unique(part[LR].to_numpy(float)), scores.shape[1]
        drawn_widths, drawn_lost = [], []
        for size in pieces(draws, scores.size):
            drawn = rng.integers(seeds, size=(size, seeds))
            drawn_widths.append(widths(lrs, scores[:, drawn], factor, kind))
            drawn_lost.append(lost.mean(axis=0)[drawn].mean(axis=1))
        width = interval(np.concatenate(drawn_widths), seeds, confidence)
        diverged = interval(np.concatenate(drawn_lost), seeds, confidence)
        found.append((*pair, *width, seeds, part["lost"].mean(), *diverged))
    names = ["width_low", "width_high", "seeds", "diverged", "diverged_low", "diverged_high"]
    more = pd.DataFrame(found, columns=[*PAIR, *names]).astype({"problem": str})
    table = lr_width(runs, measure, factor)
    joined = table.astype({"problem": str}).merge(more, on=PAIR).astype({"problem": table["problem"].dtype})
    order = ["best_lr", "low", "high", "width_decades", *names[:2], "spacing_decades", "at_edge", *names[2:]]
    return joined[[*PAIR, *order]]


def pieces(draws: int, size: int) -> list[int]:
    """Return how many draws of a grid of that size to make at a time: as many as fit into the memory.

    Their sum is ``draws``, or less where they would take minutes, but not below 200.
    """
    draws = min(draws, max(MOST_DRAWN // size, FEWEST_DRAWS))
    at_once = max(1, MOST_AT_ONCE // size)
    return [min(at_once, draws - first) for first in range(0, draws, at_once)]


def grid(part: pd.DataFrame, column: str) -> Array:
    """Return a column as (learning rates, seeds), of the seeds that ran at every learning rate."""
    known = part[LR].notna().to_numpy()
    lrs, seeds, values = (part[key].to_numpy(float)[known] for key in (LR, "seed", column))
    (lrs, row), (seeds, at) = (np.unique(keys, return_inverse=True) for keys in (lrs, seeds))
    place, first = np.unique(row * len(seeds) + at, return_index=True)  # of a run that is there twice
    wide = np.full(len(lrs) * len(seeds), np.nan)
    wide[place] = values[first]
    table = wide.reshape(len(lrs), len(seeds))
    return table[:, ~np.isnan(table).any(axis=0)]


def widths(lrs: Array, scores: Array, factor: float, kind: Measure) -> Array:
    """Return the width of each draw; ``scores`` is (learning rates, draws, seeds).

    A draw in which no learning rate is good has width 0 here.
    """
    medians = np.median(scores, axis=2)
    cost = np.asarray(kind.cost(pd.DataFrame(medians)))  # type: ignore[arg-type]
    lowest = cost.min(axis=0)
    return unbroken_widths(lrs, cost, lowest / factor if kind.higher_is_better else lowest * factor)


def unbroken_widths(lrs: Array, cost: Array, limit: Array) -> Array:
    """Return the decades of learning rates about the best whose cost is within the limit.

    ``cost`` is (learning rates, draws), ``limit`` (draws,). The best is the first of equals.
    """
    best, columns = cost.argmin(axis=0), np.arange(cost.shape[1])
    good = np.isfinite(cost) & (cost <= limit)
    block = np.cumsum(~good, axis=0)
    good &= block == block[best, columns]
    logs = np.log10(lrs)[:, None]
    high, low = np.where(good, logs, -np.inf).max(axis=0), np.where(good, logs, np.inf).min(axis=0)
    return np.asarray(np.where(good.any(axis=0), high, 0.0) - np.where(good.any(axis=0), low, 0.0))


def interval(drawn: Array, seeds: int, confidence: float) -> tuple[Any, Any]:
    """Return the percentile interval of the draws; NaN where there was nothing to draw from."""
    if seeds < 2:
        return np.nan, np.nan
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
