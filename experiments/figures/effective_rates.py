"""The effective learning rate of each parameter over the steps, one panel per optimizer."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.learning_curves import step_axis
from experiments.figures.style import (
    figure_legend,
    inside,
    label_first,
    log_axis,
    log_limits,
    panels,
    say_empty,
    side_by_side,
    spread,
    styled,
    title,
)
from experiments.tables import PAIR, QUARTILES
from experiments.tables import effective_rates as quartiles_of_rates

MARKERS = "osD^vP*X"


@styled
def effective_rates(history: pd.DataFrame, runs: pd.DataFrame, *, names: Sequence[str] = ()) -> Figure:
    """Return the size of step over gradient for each parameter: median and quartiles over ``runs``.

    ``history`` must have the rates (``rate.0`` ...); ``names`` are what the parameters
    are called, in order.
    """
    table = quartiles_of_rates(history, runs)
    groups = list(table.groupby(PAIR, observed=True))
    fig, axes = panels(len(groups), 2.0, side_by_side(table["optimizer"].nunique()))
    lines = parameter_lines(sorted(set(table["parameter"])), names)
    for ax, ((problem, optimizer), part) in zip(axes, groups, strict=False):
        draw_panel(ax, part, table[table["problem"] == problem], lines)
        title(ax, str(problem), str(optimizer))
    if not groups:
        say_empty(axes[0])
    label_first(axes, "effective learning rate")
    shown = lines if len(lines) <= len(MARKERS) else dict(list(lines.items())[:: -(-len(lines) // 6)])
    figure_legend(fig, {str(line.get_label()): line for line in shown.values()})
    return fig


def parameter_lines(parameters: Sequence[int], names: Sequence[str]) -> dict[int, Line2D]:
    """Return a line to copy for each parameter: dark to light, with markers where they are few."""
    colors = mpl.colormaps["viridis"](np.linspace(0, 0.85, max(len(parameters), 1)))
    few = len(parameters) <= len(MARKERS)
    return {
        int(index): Line2D(
            [],
            [],
            color=color,
            marker=MARKERS[position] if few else "",
            linewidth=1.2 if few else 0.7,
            label=names[index] if index < len(names) else f"parameter {index}",
        )
        for position, (index, color) in enumerate(zip(parameters, colors, strict=False))
    }


def draw_panel(ax: Axes, table: pd.DataFrame, same_problem: pd.DataFrame, lines: dict[int, Line2D]) -> None:
    """Draw the rates of one optimizer, on the scale of all optimizers on that problem."""
    limits = log_limits(same_problem[QUARTILES])
    log_axis(ax, "y", limits)
    step_axis(ax, table["step"])
    for order, (parameter, line) in enumerate(lines.items()):
        part = table[table["parameter"] == parameter]
        if part.empty:
            continue
        median, q25, q75 = (inside(part[name], limits) for name in QUARTILES)
        ax.fill_between(part["step"], q25, q75, color=line.get_color(), alpha=0.2, linewidth=0)
        sns.lineplot(
            x=part["step"],
            y=median,
            color=line.get_color(),
            marker=line.get_marker(),
            linewidth=line.get_linewidth(),
            markeredgewidth=0,
            markevery=spread(order, len(lines), len(part)),
            estimator=None,
            errorbar=None,
            ax=ax,
        )
    ax.set(xlabel="steps", ylabel="")
