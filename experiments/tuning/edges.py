"""Best values at the edge of their search space, and the space made wider there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.request.limits import FIRST_TUNING_SEED as FIRST_TUNING_SEED
from experiments.tuning.search import Limits, Space, column_of, scaled
from experiments.tuning.selection import best_flags
from optim.base import Range


def at_edge(chosen: pd.DataFrame, search: Space, limits: Limits, share: float = 0.05) -> dict[str, list[str]]:
    """Return for each hyperparameter at which ends of its space, low or high, a best value lies.

    At the edge is within ``share`` of the space, on the scale that it is drawn on (Wilson
    et al., 2017: a best value at the edge calls for a wider space). An end that cannot be
    moved, since the hyperparameter allows no more, is no edge.
    """
    best = chosen[best_flags(chosen).iloc[:, -1]]
    found = {}
    for name, spec in search.items():
        low, high = np.sort(scaled(spec, np.array([share, 1 - share])))
        values = best[column_of(name)]
        ends = {"low": (values < low).any(), "high": (values > high).any()}
        found[name] = [end for end, there in ends.items() if there and moved(spec, end, limits[name]) != spec]
    return found


class AtEdge(NamedTuple):
    """A hyperparameter whose best value lies at an end of its space, low or high."""

    name: str
    end: str
    low: float
    high: float
    value: float

    def __str__(self) -> str:
        return f"{self.name}={self.value:.3g} is at the {self.where}"

    @property
    def where(self) -> str:
        return f"{self.end} edge of [{self.low:g}, {self.high:g}]"


def alarms(chosen: pd.DataFrame, search: Space, limits: Limits) -> list[AtEdge]:
    """Return each hyperparameter whose best value lies at the edge of its space."""
    best = chosen[best_flags(chosen).iloc[:, -1]]
    return [
        AtEdge(name, end, search[name]["low"], search[name]["high"], value)
        for name, ends in at_edge(chosen, search, limits).items()
        for end in ends
        for value in [best[column_of(name)].agg({"low": "min", "high": "max"}[end])]
    ]


def widened(
    search: Space, edges: Mapping[str, Sequence[str]], limits: Limits
) -> dict[str, Mapping[str, Any]]:
    """Return the search space with these ends moved out, as far as the hyperparameters allow."""
    wider = dict(search)
    for name, ends in edges.items():
        for end in ends:
            wider[name] = moved(wider[name], end, limits[name])
    return wider


def moved(spec: Mapping[str, Any], end: str, limit: Range) -> Mapping[str, Any]:
    """Return the space of one hyperparameter with one end a decade further out, or a width if uniform."""
    low, high = float(spec["low"]), float(spec["high"])
    further = {
        "uniform": {"low": low - (high - low), "high": high + (high - low)},
        "loguniform": {"low": low / 10, "high": high * 10},
        "one_minus_loguniform": {"low": 1 - (1 - low) * 10, "high": 1 - (1 - high) / 10},
    }
    value = float(f"{np.clip(further[spec['distribution']][end], limit.low, limit.high):.12g}")
    return {**spec, end: value} if limit.contains(np.array(value)) else spec
