"""How fast optimizers come nearer, over the condition number, beside what theory says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.style import (
    PAGE,
    Look,
    figure,
    figure_legend,
    log_axis,
    log_limits,
    looks_in,
    plain,
    say_empty,
    styled,
)

LINES: Mapping[str, tuple[str, Any]] = {
    "gradient_descent": (r"gradient descent, $(k-1)/(k+1)$", (0, ())),
    "heavy_ball": (r"heavy ball, $(\sqrt{k}-1)/(\sqrt{k}+1)$", (0, (5, 1.5))),
    "nesterov": (r"Nesterov, $1-2/\sqrt{3k+1}$", (0, (3, 1, 1, 1))),
    "nesterov_standard": (r"Nesterov, $1-1/\sqrt{k}$", (0, (1, 1.2))),
    "guaranteed": (r"Nesterov, any function, $\sqrt{1-1/\sqrt{k}}$", (0, (1, 4))),
}
"""What the lines of theory are called, and their dashes."""

GREY = "0.45"
LEAST_MARGIN = 0.02
"""Above and below 1, whatever the ratios."""


@styled
def contractions(
    table: pd.DataFrame, bounds: pd.DataFrame, *, optimizers: Sequence[str] = (), tolerance: float = 0.0
) -> Figure:
    """Return the share of the distance that a step takes away, observed and at optimal settings.

    On the right the observed e-folds a step over those that theory has for the run's own settings.

    Args:
        table: columns optimizer, condition, lost, low, high (shares of the distance, with their ends), and
            ratio, ratio_low, ratio_high, NaN where theory says nothing.
        bounds: columns method, condition, lost.
        optimizers: the registered names, in order.
        tolerance: half the height of the band about 1 on the right.
    """
    fig = figure(PAGE, 2.9)
    left, right = (plain(ax) for ax in fig.subplots(1, 2))
    chosen = looks_in(table, optimizers)
    for method, rows in bounds.groupby("method", sort=False):
        left.plot(rows["condition"], rows["lost"], color=GREY, linewidth=1, linestyle=LINES[str(method)][1])
    draw_points(left, table, ("lost", "low", "high"), chosen, apart=1.05)
    log_axis(left, "y", log_limits([*table["lost"], *bounds["lost"]]))
    left.set_ylabel("share lost in a step")
    known = table.dropna(subset="ratio")
    with_theory = {
        name: look for name, look in chosen.items() if (known["optimizer"].astype(str) == name).any()
    }
    right.axhline(1, color=GREY, linewidth=0.8, zorder=1)
    if tolerance:
        right.axhspan(1 - tolerance, 1 + tolerance, color="0.9", zorder=0)
    draw_points(right, known, ("ratio", "ratio_low", "ratio_high"), with_theory, apart=1.25)
    right.set_ylabel("observed / theory")
    right.set_ylim(*ratio_limits(known, tolerance))
    for ax in (left, right):
        ax.set_xlabel("condition number k")
        log_axis(ax, "x", (bounds["condition"].min() / 2, bounds["condition"].max() * 2))
    if known.empty:
        say_empty(right, "theory says nothing\nof these settings")
    lines = {
        name: Line2D([], [], color=GREY, linewidth=1, linestyle=dashes)
        for method, (name, dashes) in LINES.items()
        if (bounds["method"] == method).any()
    }
    points = {
        name: Line2D([], [], color=look.color, marker=look.marker, linestyle="")
        for name, look in chosen.items()
    }
    figure_legend(fig, points | lines)
    return fig


def ratio_limits(known: pd.DataFrame, tolerance: float) -> tuple[float, float]:
    """Return limits that hold ratios, their ends and the band, and do not show rounding as a difference."""
    numbers = known[["ratio", "ratio_low", "ratio_high"]].to_numpy(float)
    low = float(np.min(numbers, initial=1 - tolerance))
    high = float(np.max(numbers, initial=1 + tolerance))
    margin = max(0.08 * (high - low), LEAST_MARGIN - tolerance)
    return low - margin, high + margin


def draw_points(
    ax: Axes, table: pd.DataFrame, columns: tuple[str, str, str], chosen: Mapping[str, Look], apart: float
) -> None:
    """Draw a marker with its interval for each row; those of one optimizer a factor from the next one's."""
    value, low, high = columns
    for index, (name, look) in enumerate(chosen.items()):
        rows = table[table["optimizer"].astype(str) == name]
        aside = apart ** (index - (len(chosen) - 1) / 2)
        ends = np.abs(rows[[low, high]].to_numpy(float).T - rows[value].to_numpy(float))
        ax.errorbar(
            rows["condition"].to_numpy(float) * aside,
            rows[value].to_numpy(float),
            yerr=ends,
            fmt=look.marker,
            color=look.color,
            markersize=4,
            markerfacecolor="none",
            markeredgewidth=0.9,
            elinewidth=0.8,
        )
