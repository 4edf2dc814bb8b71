"""How one number depends on another, per optimizer, on logarithmic axes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures.style import (
    dash_pattern,
    grid_axis,
    legend,
    log_axis,
    log_limits,
    looks_in,
    panels,
    styled,
    title,
)


@styled
def dependence(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    xlabel: str,
    ylabel: str,
    panel: str | None = None,
    optimizers: Sequence[str] = (),
    level: float | None = None,
) -> Figure:
    """Return ``y`` over ``x`` for each optimizer, a panel for each value of ``panel``.

    Both are positive. An infinite value leaves its panel at the top. Columns ``low`` and
    ``high``, if there, are drawn as a band. ``optimizers`` are the registered names, in
    order; ``level`` is a value of y to draw a line at.
    """
    parts = [("", table)] if panel is None else [(str(name), part) for name, part in table.groupby(panel)]
    fig, axes = panels(len(parts), 2.1)
    chosen = looks_in(table, optimizers)
    limits = log_limits(table[y])
    wide = (limits[0] / 1e3, limits[1] * 1e3)
    for ax, (name, part) in zip(axes, parts, strict=True):
        if level is not None:
            ax.axhline(level, color="0.4", linewidth=0.8, zorder=1)
        for optimizer, look in chosen.items():
            rows = part[part["optimizer"] == optimizer].sort_values(x)
            if {"low", "high"} <= set(rows):
                low, high = (np.clip(rows[end].astype(float), *wide) for end in ("low", "high"))
                ax.fill_between(rows[x].astype(float), low, high, color=look.color, alpha=0.2, linewidth=0)
            sns.lineplot(
                x=rows[x].astype(float),
                y=np.minimum(rows[y].astype(float), wide[1]),
                ax=ax,
                color=look.color,
                marker=look.marker,
                markeredgewidth=0,
                linestyle=dash_pattern(look),
                errorbar=None,
            )
        grid_axis(ax, part[x])
        log_axis(ax, "y", limits)
        ax.set_ylim(limits[0] / 2, limits[1] * 2)  # so that no line lies on the frame
        ax.set(xlabel=xlabel, ylabel=ylabel if ax is axes[0] else "")
        title(ax, name)
    legend(fig, chosen)
    return fig
