"""Median lines with quartile bands, one per optimizer."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from experiments.figures.style import (
    FLOOR,
    HALF,
    STALLED,
    Look,
    dash_pattern,
    inside,
    log_axis,
    log_limits,
    say_empty,
    spread,
)
from experiments.tables import QUARTILES, Measure

Limits = tuple[float, float]


def is_logarithmic(table: pd.DataFrame, kind: Measure) -> bool:
    """Tell whether a table of quartiles asks for a log scale: low is good, and a span above ten."""
    values = finite(table)
    return not kind.higher_is_better and bool(
        len(values) and values.min() >= 0 and values.max() > 10 * values.min()
    )


def finite(table: pd.DataFrame) -> Any:
    """Return the finite numbers among the quartiles, shape (count,)."""
    values = table[QUARTILES].to_numpy(dtype=float)
    return values[np.isfinite(values)]


def quartile_axis(
    ax: Axes, table: pd.DataFrame, kind: Measure, logarithmic: bool, ceiling: float = np.inf
) -> Limits:
    """Scale the y axis to a table of quartiles, a logarithmic one up to ``ceiling``; return its limits."""
    values, floor = finite(table), max(kind.floor, FLOOR)
    if logarithmic:
        limits = log_limits(values, floor, ceiling)
        log_axis(ax, "y", limits, floor)
        return limits
    if not len(values):
        say_empty(ax, "no finite median")
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    ax.set_ylim(low - margin, high + margin)
    return float(low - margin), float(high + margin)


def draw_quartiles(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    chosen: dict[str, Look],
    limits: Limits,
    *,
    every_point: bool = True,
) -> None:
    """Draw median lines and quartile bands over the column ``x``; what is infinite leaves at the top."""
    table = table.assign(**{name: inside(table[name], limits) for name in QUARTILES})
    for name, part in table.groupby("optimizer"):
        color = chosen[str(name)].color
        ax.fill_between(part[x], part["q25"], part["q75"], color=color, alpha=0.2, linewidth=0)
    draw_lines(ax, table, x, "median", chosen, every_point)


def draw_lines(
    ax: Axes, table: pd.DataFrame, x: str, y: str, chosen: dict[str, Look], every_point: bool = True
) -> None:
    """Draw one line per optimizer in its look, with markers at every point or only here and there."""
    for index, (name, look) in enumerate(chosen.items()):
        part = table[table["optimizer"] == name]
        if part.empty:
            continue
        sns.lineplot(
            part,
            x=x,
            y=y,
            color=look.color,
            marker=look.marker,
            linestyle=dash_pattern(look),
            markeredgewidth=0,
            markevery=1 if every_point else spread(index, len(chosen), len(part)),
            estimator=None,
            errorbar=None,
            label=name,
            legend=False,
            ax=ax,
        )
    ax.set(xlabel="", ylabel="")


def mark_stalled(
    ax: Axes, table: pd.DataFrame, x: str, y: str, chosen: dict[str, Look], limits: Limits
) -> bool:
    """Frame the points of lines at which half of the runs or more stalled; tell if there are any.

    What lies above the panel has its frame on the edge; the x axis is to be there already.
    """
    rows = table[(table["stalled"] >= HALF) & table[x].between(*ax.get_xlim())]
    for name, part in rows.groupby("optimizer"):
        sign = {**STALLED, "markeredgecolor": chosen[str(name)].color}
        ax.plot(part[x], np.clip(part[y], *limits), linestyle="", zorder=5, clip_on=False, **sign)
    return len(rows) > 0
