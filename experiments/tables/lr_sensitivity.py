"""How much hangs on the learning rate."""

from typing import Any

import numpy as np
import pandas as pd

from experiments.tables.best_settings import best_settings, by_setting
from experiments.tables.measures import Measure, measure_of
from experiments.tables.quartiles import QUARTILES
from experiments.tables.varying import LR, PAIR, hyperparameters


def lr_sensitivity(runs: pd.DataFrame, measure: str = "suboptimality", factor: float = 2.0) -> pd.DataFrame:
    """Return one row per problem, optimizer and learning rate.

    Other hyperparameters are held at the optimizer's best setting. ``within`` tells
    whether the learning rate belongs to the unbroken stretch around the best one in
    which the median stays within ``factor`` of the best median.

    Columns: problem, optimizer, optimizer.lr, runs, median, q25, q75, diverged, stalled,
    best, within.
    """
    best = best_settings(runs, measure)
    others = [key for key in hyperparameters(best) if key != LR]
    optimum = best[[*PAIR, LR, *others, "median"]].rename(columns={LR: "best_lr", "median": "best_median"})
    table = by_setting(runs, measure).merge(optimum, on=[*PAIR, *others]).dropna(subset=LR)
    table = table.sort_values([*PAIR, LR], ignore_index=True)
    table["best"] = table[LR] == table["best_lr"]
    table["within"] = unbroken(table, is_close(table, factor, measure_of(measure, runs.columns)))
    return table[[*PAIR, LR, "runs", *QUARTILES, "diverged", "stalled", "best", "within"]]


def is_close(table: pd.DataFrame, factor: float, kind: Measure) -> pd.Series:
    """Tell which medians are within ``factor`` of the best; none is if even the best is infinite."""
    if kind.higher_is_better:
        return table["median"] * factor >= table["best_median"]
    finite = table["median"].where(np.isfinite(table["median"]))
    return kind.cost(finite) <= factor * kind.cost(table["best_median"])


def unbroken(table: pd.DataFrame, close: pd.Series) -> pd.Series:
    """Return ``close`` without what is cut off from the best row by rows that are not close."""
    pairs = [table[key] for key in PAIR]
    block = (~close).groupby(pairs, observed=True).cumsum()
    best_block = block.where(table["best"]).groupby(pairs, observed=True).transform("max")
    return close & block.eq(best_block)


def lr_width(runs: pd.DataFrame, measure: str = "suboptimality", factor: float = 2.0) -> pd.DataFrame:
    """Return how wide the range of good learning rates is, per problem and optimizer.

    It is the stretch ``within`` of ``lr_sensitivity``, on the swept grid: 0 decades where
    the best learning rate stands alone, NaN where none is good or only one was tried.
    Where it touches an end of the grid (``at_edge``) the width is a lower bound.

    Columns: problem, optimizer, best_lr, low, high, width_decades, spacing_decades
    (median distance of neighbours on the grid), at_edge.
    """
    table = lr_sensitivity(runs, measure, factor)
    rows = [(*pair, *stretch(part)) for pair, part in table.groupby(PAIR, observed=True)]
    names = ["best_lr", "low", "high", "width_decades", "spacing_decades", "at_edge"]
    return pd.DataFrame(rows, columns=[*PAIR, *names]).astype({"problem": table["problem"].dtype})


def stretch(part: pd.DataFrame) -> tuple[float, float, float, float, float, bool]:
    """Return best_lr, low, high, width, spacing and at_edge of one optimizer on one problem."""
    lrs = part[LR].to_numpy(dtype=float)
    best = float(lrs[part["best"].to_numpy()][0])
    good = lrs[part["within"].to_numpy()]
    if not len(good):
        return best, np.nan, np.nan, np.nan, spacing(lrs), False
    low, high = float(good.min()), float(good.max())
    width = float(np.log10(high / low)) if len(lrs) > 1 else np.nan
    return best, low, high, width, spacing(lrs), bool(low == lrs.min() or high == lrs.max())


def spacing(lrs: Any) -> float:
    """Return the median distance of neighbouring learning rates in decades; NaN for a single one."""
    return float(np.median(np.diff(np.log10(lrs)))) if len(lrs) > 1 else np.nan
