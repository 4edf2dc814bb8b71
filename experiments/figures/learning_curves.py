"""How a measure falls over the steps, one panel per problem."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.figures.lines import draw_quartiles, is_logarithmic, mark_stalled, quartile_axis
from experiments.figures.style import (
    label_first,
    legend,
    looks_in,
    panels,
    say_empty,
    styled,
    tick_label,
    title,
)
from experiments.tables import PAIR, divergence, measure_of
from experiments.tables import learning_curves as quartiles_by_step


@styled
def learning_curves(
    history: pd.DataFrame,
    runs: pd.DataFrame,
    measure: str = "suboptimality",
    *,
    optimizers: Sequence[str] = (),
) -> Figure:
    """Return the median over ``runs`` with its quartile band at each recorded step, per optimizer.

    Runs that diverged count as infinite from that step on: the curve leaves the panel
    at the top. A frame ends a curve of which half of the runs or more stalled.
    ``optimizers`` are the registered names, in order.
    """
    table = quartiles_by_step(history, runs, measure)
    kind, chosen = measure_of(measure, history.columns), looks_in(table, optimizers)
    logarithmic = is_logarithmic(table, kind)
    ends = table.drop_duplicates(PAIR, keep="last").merge(divergence(runs)[[*PAIR, "stalled"]], on=PAIR)
    stalled = False
    problems = list(table.groupby("problem", observed=True))
    fig, axes = panels(len(problems), 2.3)
    for ax, (problem, part) in zip(axes, problems, strict=False):
        ceiling = 1e3 * part.loc[part["step"] == part["step"].min(), "q75"].max()
        limits = quartile_axis(ax, part, kind, logarithmic, ceiling)
        step_axis(ax, part["step"])
        draw_quartiles(ax, part, "step", chosen, limits, every_point=False)
        stalled |= mark_stalled(ax, ends[ends["problem"] == problem], "step", "median", chosen, limits)
        ax.set_xlabel("steps")
        title(ax, str(problem))
    if not problems:
        say_empty(axes[0])
    label_first(axes, kind.label)
    legend(fig, chosen, stalled)
    return fig


def step_axis(ax: Axes, steps: "pd.Series[int]") -> None:
    """Make the x axis logarithmic in the steps, with step 0 on it if it is among them."""
    first, last = min(int(steps.min()), 1), max(int(steps.max()), 2)
    ax.set_xscale("log") if first else ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    powers = range(int(np.log10(last)) + 1)
    ticks = ({} if first else {0: "0"}) | {10**k: tick_label(10**k) if k else "1" for k in powers}
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(first, last * 1.1)
