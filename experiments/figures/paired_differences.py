"""Paired differences or ratios with their intervals: a forest plot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.style import (
    BLACK,
    PAGE,
    Look,
    figure,
    legend,
    log_axis,
    log_limits,
    looks_in,
    plain,
    say_empty,
    styled,
)

NEUTRAL = Look(BLACK, "o", "")


@styled
def paired_differences(
    table: pd.DataFrame, label: str, *, ratio: bool = False, optimizers: Sequence[str] = ()
) -> Figure:
    """Return a row per comparison with its estimate and interval; filled if it excludes no effect.

    Args:
        table: columns comparison, value, low, high, and optimizer if there are several
            against one; in the order of the rows. An infinite end is an arrow.
        label: what the numbers are, with the direction: "steps, SGD / RMSprop".
        ratio: no effect is 1, on a logarithmic axis; else 0.
        optimizers: the registered names, in order.
    """
    chosen = looks_in(table, optimizers) if "optimizer" in table else {"": NEUTRAL}
    comparisons = list(dict.fromkeys(table["comparison"].astype(str)))
    rows = max(len(comparisons), 1)
    fig = figure(0.72 * PAGE, 0.55 + rows * max(0.2, 0.11 * len(chosen)) + 0.25 * ("optimizer" in table))
    ax = plain(fig.subplots())
    if table.empty:
        say_empty(ax)
        return fig
    limits = value_axis(ax, table, ratio)
    ax.axvline(float(ratio), color="0.5", linewidth=0.8)
    for order, (name, look) in enumerate(chosen.items()):
        part = table[table["optimizer"].astype(str) == name] if name else table
        places = np.array([comparisons.index(str(row)) for row in part["comparison"]])
        draw_rows(ax, part, places + dodge(order, len(chosen)), look, limits, float(ratio))
    ax.set_yticks(range(len(comparisons)), comparisons)
    ax.set_ylim(len(comparisons) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(label)
    if "optimizer" in table:
        legend(fig, chosen)
    return fig


def dodge(order: int, count: int) -> float:
    """Return how far below its row's middle the estimate of one of several optimizers is."""
    return 0.7 * ((order + 0.5) / count - 0.5)


def value_axis(ax: Axes, table: pd.DataFrame, ratio: bool) -> tuple[float, float]:
    """Scale the x axis to the finite numbers, with no effect on it, and return its limits."""
    around = (0.8, 1.25) if ratio else (0.0,)
    numbers = np.append(table[["value", "low", "high"]].to_numpy(float), around)
    numbers = numbers[np.isfinite(numbers)]
    if ratio:
        limits = log_limits(numbers[numbers > 0])
        log_axis(ax, "x", limits)
        return limits
    margin = 0.06 * (float(np.ptp(numbers)) or 1.0)
    limits = float(numbers.min()) - margin, float(numbers.max()) + margin
    ax.set_xlim(limits)
    return limits


def draw_rows(
    ax: Axes,
    part: pd.DataFrame,
    places: NDArray[Any],
    look: Look,
    limits: tuple[float, float],
    null: float,
) -> None:
    """Draw the estimates of one optimizer at those heights."""
    value, low, high = (part[name].to_numpy(float) for name in ("value", "low", "high"))
    ax.hlines(places, low.clip(*limits), high.clip(*limits), color=look.color, linewidth=1.2)
    for end, sign, beyond in ((limits[0], "<", low < limits[0]), (limits[1], ">", high > limits[1])):
        if not beyond.any():
            continue
        ax.plot(
            np.full(beyond.sum(), end),
            places[beyond],
            sign,
            color=look.color,
            clip_on=False,
            markersize=4,
            markeredgewidth=0,
        )
    clear = (low > null) | (high < null)
    for rows, face in ((clear, look.color), (~clear, "white")):
        seen = rows & (value >= limits[0]) & (value <= limits[1])
        ax.plot(
            value[seen],
            places[seen],
            linestyle="",
            marker=look.marker,
            color=look.color,
            markerfacecolor=face,
            markeredgewidth=0.9,
            markersize=4,
        )
