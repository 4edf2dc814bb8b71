"""From runs to quartiles, with diverged runs counted as the worst there is."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tables.measures import is_target, measure_of
from experiments.tables.varying import labelled

SHARES = {"median": 0.5, "q25": 0.25, "q75": 0.75}
QUARTILES = list(SHARES)


def scored(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return ``runs``, labelled, with what each counts as: ``score``, and ``lost`` if it diverged.

    A run that ``stalled`` counts with the numbers that it has. Problems that do not record
    the measure are left out. A target that was reached before a run diverged counts as reached.
    """
    kind = measure_of(measure, runs.columns)
    runs = labelled(runs)
    values = runs[measure].astype(float) if measure in runs else pd.Series(np.nan, runs.index)
    lost = runs["status"] == "diverged"
    score = values if is_target(measure) else values.where(~lost)
    runs = runs.assign(score=score.fillna(kind.worst), lost=lost, stalled=runs["status"] == "stalled")
    if is_target(measure):
        return runs
    known, all_lost = (flag.groupby(runs["problem"], observed=True) for flag in (values.notna(), lost))
    return runs[known.transform("any") | all_lost.transform("all")]


def summary(runs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return for each group of scored runs: runs, median, q25, q75, diverged (a share).

    And the share that stalled, where ``runs`` tell it.
    """
    groups = runs.groupby(keys, observed=True, dropna=False)
    sizes = groups.size()
    found = quantiles(groups["score"], list(SHARES.values()), bool(np.isfinite(runs["score"]).all()))
    table = pd.DataFrame({"runs": sizes} | dict(zip(SHARES, found.T, strict=True)), index=sizes.index)
    table = table.assign(diverged=groups["lost"].mean())
    return (table.assign(stalled=groups["stalled"].mean()) if "stalled" in runs else table).reset_index()


def quantiles(groups: Any, shares: list[float], finite: bool) -> NDArray[np.float64]:
    """Return quantiles, a row a group, interpolated linearly; infinite if what is next above is."""
    values = np.asarray(groups.quantile(shares), dtype=float)
    if not finite:
        above = np.asarray(groups.quantile(shares, interpolation="higher"), dtype=float)
        values = np.where(np.isfinite(above), values, above)
    return values.reshape(-1, len(shares))
