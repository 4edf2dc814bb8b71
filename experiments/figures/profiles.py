"""Performance profiles and data profiles, side by side."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.steps import draw_steps
from experiments.figures.style import (
    PAGE,
    figure,
    legend,
    log_axis,
    looks_in,
    plain,
    say_empty,
    styled,
)

WIDEST = 100.0
"""Ratios beyond this are not shown."""


@styled
def profiles(
    performance: pd.DataFrame,
    data: pd.DataFrame,
    r_max: float = 4.0,
    *,
    optimizers: Sequence[str] = (),
    unit: str = "steps",
) -> Figure:
    """Return the share of problems solved, over the ratio to the best and over gradients.

    ``performance`` and ``data`` are the tables of ``measures.performance_profile`` and
    ``measures.data_profile`` for the same costs; ``optimizers`` are the registered names, in
    order; ``unit`` is what costs are counted in. Grey: the area that the score of AlgoPerf averages
    over, linear in the ratio.
    """
    chosen = looks_in(performance, optimizers)
    fig = figure(PAGE, 2.5)
    left, right = (plain(ax) for ax in fig.subplots(1, 2, sharey=True))
    if performance.empty:
        say_empty(left)
        say_empty(right)
        return fig
    draw_performance(left, performance, r_max, chosen, unit)
    draw_data(right, data, chosen)
    left.set_ylabel("share of problems solved")
    legend(fig, chosen)
    return fig


def draw_performance(ax: Axes, table: pd.DataFrame, r_max: float, chosen: dict, unit: str) -> None:  # type: ignore[type-arg]
    end = max(min(float(table["ratio"].max()) * 1.1, WIDEST), 1.25 * r_max)
    ax.axvspan(1, r_max, color="0.95", zorder=0)
    ax.axvline(r_max, color="0.6", linewidth=0.8, linestyle=":")
    draw_steps(ax, table, "ratio", chosen, end)
    ax.set_xscale("log")
    ax.set_xlim(0.96, end)
    ticks = sorted({1.0, 2.0, r_max} | {tick for tick in (10.0, 20.0, 50.0, 100.0) if r_max < tick <= end})
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(f"{unit}, as a multiple of the fewest")
    ax.set_title("performance profile", pad=4)


def draw_data(ax: Axes, table: pd.DataFrame, chosen: dict) -> None:  # type: ignore[type-arg]
    table = table[table["gradients"] > 0]
    last = float(table["gradients"].max()) if len(table) else 10.0
    first = min(float(table["gradients"].min()), last / 10) if len(table) else 1.0
    draw_steps(ax, started(table, first, chosen), "gradients", chosen, 1.2 * last)
    log_axis(ax, "x", (first, 1.2 * last))
    ax.set_xlabel("evaluations of the gradient")
    ax.set_title("data profile", pad=4)


def started(table: pd.DataFrame, first: float, chosen: dict) -> pd.DataFrame:  # type: ignore[type-arg]
    """Return the table with share 0 for each optimizer just before the first row of all."""
    zeros = pd.DataFrame({"optimizer": list(chosen), "gradients": first * 0.99, "share": 0.0})
    return pd.concat([zeros, table], ignore_index=True)
