"""The final measure over two hyperparameters."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike

from experiments.figures.style import (
    FLOOR,
    HALF,
    figure_legend,
    label_first,
    log_axis,
    log_limits,
    panels,
    say_empty,
    styled,
    tick_label,
    title,
)
from experiments.tables import Measure, best_pairs, is_target, measure_of, text

CMAP = "viridis"
HATCH: dict[str, Any] = {"hatch": "//////", "facecolor": "#f2f2f2", "edgecolor": "#8a8a8a", "linewidth": 0.0}
RING: dict[str, Any] = {
    "marker": "o",
    "linestyle": "",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
}
FRAME: dict[str, Any] = {"facecolor": "none", "edgecolor": "black", "linewidth": 1.0}
NAMES = {"lr": "learning rate"}


@styled
def heat_map(
    runs: pd.DataFrame,
    x: str = "optimizer.lr",
    y: str = "optimizer.beta",
    measure: str = "suboptimality",
) -> Figure:
    """Return the median over two hyperparameters, a panel for each problem and optimizer that has both.

    Where others vary too, a cell is the best of its settings. Hatched: the median run
    diverged. In a frame: half of the runs or more stalled. White: not run. A ring marks
    the best setting.
    """
    table, kind = best_pairs(runs, x, y, measure), measure_of(measure, runs.columns)
    norm = color_scale(table["median"], kind)
    groups = list(table.groupby(["optimizer", "problem"], observed=True))
    problems = table["problem"].nunique()
    fig, axes = panels(len(groups), 2.1, problems if problems <= 3 else 0)
    for ax, ((optimizer, problem), part) in zip(axes, groups, strict=False):
        draw_cells(ax, part.pivot(index=y, columns=x, values="median"), norm)
        draw_frame(ax, part.pivot(index=y, columns=x, values="stalled"))
        draw_ring(ax, part.pivot(index=y, columns=x, values="best"))
        ax.set(xlabel=spoken(x), ylabel="")
        title(ax, str(problem), str(optimizer))
    if not groups:
        say_empty(axes[0])
    label_first(axes, spoken(y))
    if np.isfinite(table["median"]).any():
        color_bar(fig, axes, norm, kind)
    figure_legend(fig, signs(table, measure))
    return fig


def signs(table: pd.DataFrame, measure: str) -> dict[str, Any]:
    """Return the handles of what the legend explains: the ring, the hatching and frames if there are any."""
    lost = "not reached by the median run" if is_target(measure) else "median run diverged"
    ring = {"best setting": Line2D([], [], **RING)} if table["best"].any() else {}
    hatch = {lost: Patch(**HATCH)} if np.isinf(table["median"]).any() else {}
    frame = {"median run stalled": Patch(**FRAME)} if (table["stalled"] >= HALF).any() else {}
    return ring | hatch | frame


def color_scale(values: ArrayLike, kind: Measure) -> Normalize:
    """Return one scale for all panels, logarithmic where low is good and nothing is negative."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not kind.higher_is_better and (numbers >= 0).all():
        return LogNorm(*log_limits(numbers, max(kind.floor, FLOOR)), clip=True)
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    return Normalize(low, high if high > low else low + 1, clip=True)


def draw_cells(ax: Axes, cells: pd.DataFrame, norm: Normalize) -> None:
    """Draw the cells of one panel; ``cells`` has a row for each y and a column for each x."""
    values = cells.to_numpy(dtype=float)
    colored = cells.clip(lower=norm.vmin).where(np.isfinite(values))
    scale: dict[str, Any] = {"cmap": CMAP, "norm": norm, "vmin": norm.vmin, "vmax": norm.vmax}
    sns.heatmap(colored, ax=ax, cbar=False, rasterized=values.size > 2000, **scale)
    lost = [Rectangle((column, row), 1, 1) for row, column in np.argwhere(np.isinf(values))]
    ax.add_collection(PatchCollection(lost, **HATCH))
    ax.invert_yaxis()
    ax.grid(visible=False)
    label_cells(ax, "x", cells.columns, 5)
    label_cells(ax, "y", cells.index, 9)


def draw_frame(ax: Axes, stalled: pd.DataFrame) -> None:
    """Draw a line about the cells in a table of shares that are those of stalled runs."""
    inside = np.pad(stalled.to_numpy(float) >= HALF, 1)
    below = [[(c - 1, r), (c, r)] for r, c in np.argwhere(inside[1:] != inside[:-1])]
    left = [[(c, r - 1), (c, r)] for r, c in np.argwhere(inside[:, 1:] != inside[:, :-1])]
    style: dict[str, Any] = {"capstyle": "projecting", "clip_on": False}
    for color, width in (
        (("white", 2.2), ("black", FRAME["linewidth"])) if below else ()
    ):  # seen on any colour
        ax.add_collection(LineCollection(below + left, color=color, linewidth=width, **style))


def draw_ring(ax: Axes, best: pd.DataFrame) -> None:
    """Mark the cells of the table of flags that are true."""
    for row, column in np.argwhere(best.eq(True).to_numpy()):
        ax.plot(column + 0.5, row + 0.5, **RING)


def label_cells(ax: Axes, axis: str, values: pd.Index, most: int) -> None:
    """Label at most about ``most`` cells along an axis, by preference zero and the powers of ten."""
    powers = round_places(values) if len(values) > most else []
    places = powers or list(range(len(values)))
    shown = places[:: -(-len(places) // most)]
    words = [tick_label(values[place]) if powers else spoken(values[place]) for place in shown]
    getattr(ax, f"set_{axis}ticks")([place + 0.5 for place in shown], words, rotation=0)


def round_places(values: pd.Index) -> list[int]:
    """Return where zero and the powers of ten stand, if there are two or more."""
    if pd.api.types.is_string_dtype(values):
        return []
    with np.errstate(divide="ignore"):
        exponents = np.log10(values.to_numpy(dtype=float))
    places = np.flatnonzero(np.isinf(exponents) | np.isclose(exponents, np.round(exponents)))
    return [int(place) for place in places] if len(places) > 1 else []


def spoken(value: object) -> str:
    """Return a hyperparameter's name or value as it is written on an axis."""
    whole = isinstance(value, float | int | np.number) and 1e3 <= value < 1e5
    name = text(value, 5 if whole else 3).removeprefix("optimizer.")
    return NAMES.get(name, name)


def color_bar(fig: Figure, axes: list[Axes], norm: Normalize, kind: Measure) -> None:
    """Add one colour bar for all panels, labelled."""
    source = ScalarMappable(norm, CMAP)
    bar = fig.colorbar(source, ax=axes, label=f"median {kind.final_label}", aspect=25, pad=0.02)
    if isinstance(norm, LogNorm):
        log_axis(bar.ax, "y", (float(norm.vmin or 0), float(norm.vmax or 1)), max(kind.floor, FLOOR))
        bar.ax.set_ylim(norm.vmin, norm.vmax)
    bar.ax.grid(visible=False)
