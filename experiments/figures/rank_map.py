"""A map of ranks: each optimizer in each problem instance, under each schedule."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import PAGE, figure, styled, title
from experiments.wording import counted

ROW, HEAD = 0.15, 1.35
"""Height of one optimizer, and of titles and the problems' names below, in inches."""


@styled
def rank_map(table: pd.DataFrame) -> Figure:
    """Return a map of ranks from 1, the best, a panel for each schedule; the best on average is on top.

    Columns: optimizer, problem, schedule, rank. The mean rank stands beside each name.
    """
    names = ["optimizer", "problem", "schedule"]
    table = table.astype(dict.fromkeys(names, str))
    means = table.groupby("optimizer")["rank"].mean().sort_values(kind="stable")
    schedules = list(dict.fromkeys(table["schedule"]))
    fig = figure(PAGE, HEAD + ROW * len(means))
    axes = fig.subplots(1, len(schedules), sharey=True, squeeze=False)[0]
    for ax, schedule in zip(axes, schedules, strict=True):
        cells = table[table["schedule"] == schedule].pivot(
            index="optimizer", columns="problem", values="rank"
        )
        draw_ranks(ax, cells.reindex(means.index), len(means), annotated=len(schedules) <= 4)
        title(ax, schedule)
    axes[0].set_yticks([number + 0.5 for number in range(len(means))])
    axes[0].set_yticklabels([f"{name}  {mean:.1f}" for name, mean in means.items()], rotation=0)
    fig.supxlabel(
        f"rank among {counted(len(means), 'optimizer')}, 1 the best; mean beside the name", fontsize=8
    )
    return fig


def draw_ranks(ax: Axes, cells: pd.DataFrame, worst: int, *, annotated: bool) -> None:
    """Draw the ranks under one schedule: dark for the best, which also reads in grey."""
    sns.heatmap(
        cells,
        ax=ax,
        vmin=1,
        vmax=worst,
        cmap="mako",
        cbar=False,
        annot=annotated,
        fmt=".3g",
        annot_kws={"fontsize": 5},
        linewidths=0.4,
        linecolor="white",
    )
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    ax.grid(False)
