"""From runs to quartiles, with diverged runs counted as the worst there is."""

from typing import Any

import numpy as np
import pandas as pd

from experiments.tables.measures import is_target, measure_of
from experiments.tables.varying import labelled

QUARTILES = ["median", "q25", "q75"]


def scored(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return ``runs``, labelled, with what each counts as: ``score``, and ``lost`` if it diverged.

    Problems that do not record the measure are left out. A target that was reached
    before a run diverged counts as reached.
    """
    kind = measure_of(measure, runs.columns)
    runs = labelled(runs)
    values = runs[measure].astype(float) if measure in runs else pd.Series(np.nan, runs.index)
    lost = runs["status"] != "ok"
    score = values if is_target(measure) else values.where(~lost)
    runs = runs.assign(score=score.fillna(kind.worst), lost=lost)
    if is_target(measure):
        return runs
    known, all_lost = (flag.groupby(runs["problem"], observed=True) for flag in (values.notna(), lost))
    return runs[known.transform("any") | all_lost.transform("all")]


def summary(runs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return for each group of scored runs: runs, median, q25, q75, diverged (a share)."""
    groups = runs.groupby(keys, observed=True, dropna=False)
    shares = zip(QUARTILES, (0.5, 0.25, 0.75), strict=True)
    table = pd.DataFrame({"runs": groups.size()} | {name: quantile(groups["score"], q) for name, q in shares})
    return table.assign(diverged=groups["lost"].mean()).reset_index()


def quantile(groups: Any, share: float) -> pd.Series:
    """Return a quantile of each group, interpolated linearly; infinite if what is next above it is."""
    above = groups.quantile(share, interpolation="higher")
    return pd.Series(groups.quantile(share).where(np.isfinite(above), above))
