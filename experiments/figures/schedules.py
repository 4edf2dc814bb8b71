"""The learning rate over the steps of a run, one panel per schedule."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.figures.style import BLUE, label_first, panels, say_empty, styled, title


@styled
def schedules(table: pd.DataFrame, *, names: Sequence[str] = ()) -> Figure:
    """Return the rate of every update, as a share of the learning rate, for each schedule.

    ``table`` has a row for each ``schedule`` and ``step``, from 0, with the ``rate`` of the update
    that follows. ``names`` are the registered schedules, in order; others come after them.
    """
    present = list(dict.fromkeys(table["schedule"].astype(str)))
    ordered = sorted(present, key=lambda name: names.index(name) if name in names else len(names))
    fig, axes = panels(len(ordered), 1.5)
    highest = max(1.0, float(table["rate"].max())) if ordered else 1.0
    for ax, name in zip(axes, ordered, strict=False):
        draw_panel(ax, table[table["schedule"].astype(str) == name].sort_values("step"), highest)
        title(ax, name)
    if not ordered:
        say_empty(axes[0], "no schedules")
    label_first(axes, "rate / lr")
    return fig


def draw_panel(ax: Axes, part: pd.DataFrame, highest: float) -> None:
    """Draw the rates of one schedule; each holds from its step to the next."""
    last = int(part["step"].max()) + 1
    steps, rates = [*part["step"], last], [*part["rate"], part["rate"].iloc[-1]]
    ax.step(steps, rates, where="post", color=BLUE)
    ax.set(xlabel="steps", xlim=(-0.02 * last, 1.02 * last), ylim=(-0.04 * highest, 1.06 * highest))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))
