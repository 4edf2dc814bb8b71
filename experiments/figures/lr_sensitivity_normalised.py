"""Sensitivity to the learning rate, each optimizer relative to its own best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.lines import draw_lines, mark_stalled
from experiments.figures.style import (
    figure,
    grid_shape,
    inside,
    keep,
    label_first,
    legend,
    log_axis,
    looks_in,
    plain,
    say_empty,
    styled,
    title,
    width_for,
)
from experiments.tables import LR, PAIR, Measure, measure_of

WORST = 1000.0
"""Where the axis ends: what is a thousand times worse than the best is lost."""


@styled
def lr_sensitivity_normalised(
    table: pd.DataFrame,
    measure: str = "suboptimality",
    factor: float = 2.0,
    *,
    optimizers: Sequence[str] = (),
) -> Figure:
    """Return how much worse than its best each optimizer gets with distance from its best rate.

    ``table`` is that of ``tables.lr_sensitivity`` for the same measure; ``factor`` is drawn
    as a line, below which a learning rate is good. A frame is about a median of which half
    of the runs or more stalled; ``optimizers`` are the registered names, in order.
    """
    table = normalised(table, measure_of(measure, [measure]))
    chosen = looks_in(table, optimizers)
    stalled = False
    problems = list(table.groupby("problem", observed=True))
    rows, columns = grid_shape(len(problems))
    fig = figure(width_for(columns), 2.3 * rows)
    axes = [plain(ax) for ax in keep(list(fig.subplots(rows, columns, squeeze=False).flat), len(problems))]
    for ax, (problem, part) in zip(axes, problems, strict=False):
        draw_panel(ax, part, factor)
        draw_lines(ax, part, "relative_lr", "drawn", chosen)
        stalled |= mark_stalled(ax, part, "relative_lr", "drawn", chosen, (1.0, WORST))
        ax.set_xlabel("learning rate / its best")
        title(ax, str(problem))
    if not problems:
        say_empty(axes[0])
    label_first(axes, "median, times worse\nthan its best")
    legend(fig, chosen, stalled)
    return fig


def normalised(table: pd.DataFrame, kind: Measure) -> pd.DataFrame:
    """Return the table with ``relative_lr`` and ``worse``, 1 at each optimizer's best."""
    best = table.loc[table["best"], [*PAIR, LR, "median"]].rename(columns={LR: "best_lr", "median": "top"})
    table = table.merge(best, on=PAIR)
    value, top = table["median"].clip(lower=kind.floor), table["top"].clip(lower=kind.floor)
    worse = top / value.where(value > 0, np.nan) if kind.higher_is_better else value / top
    worse = worse.fillna(np.inf).where(np.isfinite(table["top"]))
    drawn = inside(worse, (1.0, WORST))
    return table.assign(relative_lr=table[LR] / table["best_lr"], worse=worse, drawn=drawn)


def draw_panel(ax: Axes, part: pd.DataFrame, factor: float) -> None:
    """Scale the axes and draw where good ends."""
    places, seen = part["relative_lr"], part.loc[part["worse"] < WORST, "relative_lr"]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.1, 10.0)
    # what leaves at the top does so within half a decade of what is seen
    log_axis(ax, "x", (max(low / 3, float(places.min()) / 1.25), min(high * 3, float(places.max()) * 1.25)))
    log_axis(ax, "y", (0.75, WORST))
    ax.axhspan(0.75, factor, color="0.95", zorder=0)
    ax.axhline(factor, color="0.6", linewidth=0.8, linestyle=":")
