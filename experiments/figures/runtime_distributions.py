"""How many problems are solved within so many steps, restarts included."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.steps import draw_steps
from experiments.figures.style import (
    COLUMN,
    dash_pattern,
    figure,
    figure_legend,
    log_axis,
    looks_in,
    plain,
    say_empty,
    styled,
)

CROSS: Any = {"marker": "x", "markersize": 6, "markeredgewidth": 1.4, "linestyle": ""}


@styled
def runtime_distributions(
    table: pd.DataFrame, *, optimizers: Sequence[str] = (), unit: str = "steps"
) -> Figure:
    """Return the share of problem-target pairs solved over the steps.

    ``table`` is that of ``measures.runtime_distribution``; ``optimizers`` are the registered
    names, in order; ``unit`` is what costs are counted in. A cross marks the longest run,
    if beyond it there are runtimes with restarts.
    """
    chosen = looks_in(table, optimizers)
    fig = figure(COLUMN, 2.8)
    ax = plain(fig.subplots())
    if table.empty:
        say_empty(ax)
        return fig
    first, last = float(table["steps"].clip(lower=1).min()), float(table["steps"].max())
    zeros = pd.DataFrame({"optimizer": list(chosen), "steps": 0.99 * first, "share": 0.0, "restarted": False})
    table = pd.concat([zeros, table], ignore_index=True)
    draw_steps(ax, table, "steps", chosen, 1.2 * last)
    for name, look in chosen.items():
        part = table[table["optimizer"].astype(str) == name]
        after = part["restarted"].astype(bool)
        last_run = part[~after].iloc[-1:] if after.any() else part[:0]
        ax.plot(last_run["steps"], last_run["share"], color=look.color, **CROSS)
    log_axis(ax, "x", (first, 1.2 * last))
    ax.set(xlabel=f"{unit}, those of restarts included", ylabel="share of problem-target pairs solved")
    handles = {
        name: Line2D([], [], color=look.color, marker=look.marker, linestyle=dash_pattern(look))
        for name, look in chosen.items()
    }
    if table["restarted"].any():
        handles["longest run"] = Line2D([], [], color="0.3", **CROSS)
    figure_legend(fig, handles)
    return fig
