"""How far from the minimum a constant learning rate ends, in learning rates, beside the cycle of theory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import (
    Look,
    dash_pattern,
    grid_axis,
    label_first,
    legend,
    log_axis,
    log_limits,
    looks_in,
    panels,
    say_empty,
    styled,
    title,
)

SHARE = "distance / lr"
LOWEST, HIGHEST = 1e-3, 1e2
"""In learning rates: what ends nearer or farther is drawn at the lower or upper end."""


@styled
def cycles(table: pd.DataFrame, *, optimizers: Sequence[str] = ()) -> Figure:
    """Return the final distance of a coordinate over the learning rate, a panel per problem.

    A line in the colour of the optimizer is what theory has, dotted where that is a scale only; a band
    where it depends on the start. A marker above its line is of runs that are still on their way.

    Args:
        table: ``measures.observed_cycles``.
        optimizers: the registered names, in order.
    """
    parts, chosen = list(table.groupby("problem", observed=True)), looks_in(table, optimizers)
    fig, axes = panels(len(parts), 2.3)
    limits = log_limits(
        [*(table["observed"] / table["lr"]), *(table["least"] / table["lr"])], LOWEST, HIGHEST
    )
    for ax, (problem, part) in zip(axes, parts, strict=False):
        for name, look in chosen.items():
            draw_optimizer(ax, part[part["optimizer"].astype(str) == name], look, limits)
        grid_axis(ax, part["lr"])
        log_axis(ax, "y", limits, LOWEST)
        ax.set_xlabel("learning rate")
        title(ax, str(problem))
    if not parts:
        say_empty(axes[0])
    label_first(axes, SHARE)
    legend(fig, chosen)
    return fig


def draw_optimizer(ax: Axes, rows: pd.DataFrame, look: Look, limits: tuple[float, float]) -> None:
    """Draw what was observed of one optimizer as markers, and each of its cycles as a line or a band."""
    ends = rows.assign(**{end: (rows[end] / rows["lr"]).round(9) for end in ("least", "most")})
    for least, most, exact in ends[["least", "most", "exact"]].drop_duplicates().itertuples(index=False):
        ax.axhline(
            least,
            color=look.color,
            linewidth=0.9,
            linestyle=dash_pattern(look) if exact else (0, (1, 2)),
            zorder=1,
        )
        if most > least:
            ax.axhspan(least, most, color=look.color, alpha=0.15, linewidth=0, zorder=0)
    ax.plot(
        rows["lr"].to_numpy(float),
        np.clip((rows["observed"] / rows["lr"]).to_numpy(float), *limits),
        color=look.color,
        marker=look.marker,
        markerfacecolor="none",
        markeredgewidth=0.9,
        linestyle="",
        clip_on=False,
    )
