"""Where a claim holds, over two axes."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from experiments.figures.heat_map import HATCH, label_cells, spoken
from experiments.figures.style import (
    figure_legend,
    label_first,
    name_lines,
    panels,
    say_empty,
    styled,
    tick_label,
)
from experiments.measures import claim_space

CMAP = "PuOr"
"""Diverging, and told apart by the colour-blind."""

DOT: dict[str, Any] = {
    "marker": "o",
    "markersize": 3,
    "color": "black",
    "linestyle": "",
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
MOST = 100.0
"""Ratios beyond this, or its inverse, have the colour of the end."""


@styled
def claim_map(table: pd.DataFrame, x: str, y: str, label: str, *, failed: str = "neither arrived") -> Figure:
    """Return a map of a ratio, a panel per problem, with the share of the cells in which it is above 1.

    Purple: above 1, the claim holds; orange: below. A dot: the interval holds 1, and the
    cell counts as undecided.

    Args:
        table: a row per cell: the columns ``x`` and ``y``, ratio, problem if there are
            several; low and high if the ratio has an interval. NaN where there is no ratio.
        x: a column; its values are the cells across.
        y: a column; its values are the cells upwards.
        label: what the ratio is: "steps of SGD / steps of RMSprop".
        failed: why a cell has no ratio.
    """
    names = table["problem"].astype(str) if "problem" in table else pd.Series("", table.index)
    groups = list(table.groupby(names, sort=False))
    norm = color_scale(table)
    fig, axes = panels(len(groups), 2.4)
    for ax, (name, part) in zip(axes, groups, strict=False):
        draw_panel(ax, part, x, y, norm)
        held = str(claim_space(part)).replace(" undecided", "\N{NO-BREAK SPACE}undecided")
        name_lines(ax, [line for line in (str(name), held) if line])
        ax.set_xlabel(axis_name(x))
    if not groups:
        say_empty(axes[0])
        return fig
    label_first(axes, axis_name(y))
    color_bar(fig, axes, norm, label)
    figure_legend(fig, signs(table, failed))
    return fig


def color_scale(table: pd.DataFrame) -> LogNorm:
    """Return a logarithmic scale with 1 in the middle, as wide as the ratios or ``MOST``."""
    ratios = table["ratio"].to_numpy(float)
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    widest = float(np.exp(np.abs(np.log(ratios)).max())) if len(ratios) else 2.0
    most = min(max(widest, 2.0), MOST) if len(ratios) == table["ratio"].notna().sum() else MOST
    return LogNorm(1 / most, most, clip=True)


def draw_panel(ax: Axes, part: pd.DataFrame, x: str, y: str, norm: LogNorm) -> None:
    """Draw the cells; a dot where the interval holds 1, hatched where there is no ratio."""
    cells = part.pivot(index=y, columns=x, values="ratio")
    values = np.ma.masked_invalid(cells.clip(norm.vmin, norm.vmax).to_numpy(float))
    ax.pcolormesh(values, cmap=CMAP, norm=norm, edgecolors="white", linewidth=0.4)
    run = part.assign(run=1.0).pivot(index=y, columns=x, values="run").notna().to_numpy()
    lost = np.argwhere(run & cells.isna().to_numpy())
    ax.add_collection(PatchCollection([Rectangle((c, r), 1, 1) for r, c in lost], **HATCH))
    if "low" in part:
        unclear = part.assign(unclear=undecided(part)).pivot(index=y, columns=x, values="unclear")
        rows, columns = np.nonzero(unclear.eq(True).to_numpy())
        ax.plot(columns + 0.5, rows + 0.5, **DOT)
    ax.grid(visible=False)
    label_cells(ax, "x", cells.columns, 5)
    label_cells(ax, "y", cells.index, 9)
    label_powers(ax, cells.index)


def label_powers(ax: Axes, values: pd.Index) -> None:
    """Label the powers of ten on the y axis, if there are three or more."""
    if pd.api.types.is_string_dtype(values):
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        exponents = np.log10(values.to_numpy(dtype=float))
    places = np.flatnonzero(np.isfinite(exponents) & np.isclose(exponents, np.round(exponents)))
    if len(places) > 2:
        ax.set_yticks(places + 0.5, [tick_label(float(values[int(place)])) for place in places])


def axis_name(column: str) -> str:
    return spoken(column).removeprefix("problem.")


def undecided(table: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows have a ratio whose interval holds 1."""
    return table["ratio"].notna() & ~((table["low"] > 1) | (table["high"] < 1))


def signs(table: pd.DataFrame, failed: str) -> dict[str, Any]:
    """Return the handles of what the legend explains."""
    handles: dict[str, Any] = {}
    if "low" in table and undecided(table).any():
        handles["interval holds 1"] = Line2D([], [], **DOT)
    if table["ratio"].isna().any():
        handles[failed] = Patch(**HATCH)
    return handles


def color_bar(fig: Figure, axes: list[Axes], norm: LogNorm, label: str) -> None:
    bar = fig.colorbar(ScalarMappable(norm, CMAP), ax=axes, label=label, aspect=25, pad=0.02)
    most = float(norm.vmax or MOST)
    inner = [tick for tick in (2.0, 5.0, 10.0, 100.0) if tick <= most * 1.001]
    inner = inner if most < 30 else [10.0, 100.0][: 1 + (most >= 100)]
    ticks = [1 / tick for tick in reversed(inner)] + [1.0] + inner
    bar.ax.set_yticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    bar.ax.set_yticks([], minor=True)
    bar.ax.grid(visible=False)
