"""The final measure against the learning rate, with the share that diverged under it."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.lines import (
    draw_lines,
    draw_quartiles,
    is_logarithmic,
    mark_stalled,
    quartile_axis,
)
from experiments.figures.style import (
    figure,
    grid_axis,
    grid_shape,
    keep,
    label_first,
    legend,
    looks_in,
    plain,
    say_empty,
    styled,
    title,
    width_for,
)
from experiments.tables import LR, measure_of


@styled
def lr_sensitivity(
    table: pd.DataFrame, measure: str = "suboptimality", *, optimizers: Sequence[str] = ()
) -> Figure:
    """Return median and quartiles over the learning rate, and the share diverged, one problem a column.

    A frame is about a median of which half of the runs or more stalled. ``table`` is that of
    ``tables.lr_sensitivity`` for the same measure; ``optimizers`` are the registered names,
    in order.
    """
    kind, chosen = measure_of(measure, [measure]), looks_in(table, optimizers)
    logarithmic = is_logarithmic(table, kind)
    stalled = False
    problems = list(table.groupby("problem", observed=True))
    fig, uppers, lowers = paired_panels(len(problems))
    for upper, lower, (problem, part) in zip(uppers, lowers, problems, strict=False):
        limits = quartile_axis(upper, part, kind, logarithmic)
        draw_quartiles(upper, part, LR, chosen, limits)
        draw_lines(lower, part.assign(percent=100 * part["diverged"]), LR, "percent", chosen)
        grid_axis(lower, part[LR])
        stalled |= mark_stalled(upper, part, LR, "median", chosen, limits)
        lower.set_xlabel("learning rate")
        title(upper, str(problem))
    if not problems:
        say_empty(uppers[0])
    label_first(uppers, kind.final_label)
    label_first(lowers, "diverged,\n% of runs")
    legend(fig, chosen, stalled)
    return fig


def paired_panels(count: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure with so many high panels, each with a low one under it on the same x axis."""
    rows, columns = grid_shape(count)
    fig = figure(width_for(columns), 2.9 * rows)
    axes = fig.subplots(2 * rows, columns, squeeze=False, height_ratios=[3.2, 1] * rows)
    uppers, lowers = keep(list(axes[::2].flat), count), keep(list(axes[1::2].flat), count)
    for upper, lower in zip(uppers, lowers, strict=True):
        plain(upper).sharex(plain(lower))
        upper.tick_params(labelbottom=False)
        lower.set(ylim=(-12, 112), yticks=[0, 50, 100])
    return fig, uppers, lowers
