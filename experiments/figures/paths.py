"""The paths that runs took over the contours of a loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from experiments.figures.style import (
    STALLED,
    Look,
    figure_legend,
    looks_in,
    panels,
    say_empty,
    side_by_side,
    styled,
    tick_label,
    title,
)
from experiments.tables import labelled

Array = NDArray[np.float64]
Box = tuple[tuple[float, float], tuple[float, float]]
RESOLUTION = 301
DECADES = 6
GREYS = ListedColormap([str(grey) for grey in np.linspace(0.99, 0.70, DECADES)])
START: dict[str, Any] = {"marker": "o", "markersize": 5, "color": "white", "markeredgecolor": "black"}
MINIMUM: dict[str, Any] = {"marker": "*", "markersize": 11, "color": "white", "markeredgecolor": "black"}
LOST: dict[str, Any] = {"marker": "x", "markersize": 5.5, "color": "black", "markeredgewidth": 1.3}
ENDS: dict[str, dict[str, Any]] = {"diverged": LOST, "stalled": STALLED}
"""The signs that end the paths of runs by their status."""
POWERS: dict[str, Any] = {"marker": "o", "markersize": 3.5, "color": "0.45", "markeredgecolor": "white"}


@dataclass(frozen=True)
class Landscape:
    """A loss seen in two of its coordinates.

    Attributes:
        problem: the problem whose runs are drawn, named as in the table ``runs``.
        suboptimality: maps two arrays of one shape, the coordinates, to an array of that
            shape: the loss above its minimum, the other coordinates at the minimum.
        minimum: the two coordinates of the minimum.
        names: what the coordinates are called.
        coordinates: which of the parameters they are.
    """

    problem: str
    suboptimality: Callable[[Array, Array], Array]
    minimum: tuple[float, float]
    names: tuple[str, str] = ("$x_1$", "$x_2$")
    coordinates: tuple[int, int] = (0, 1)


@styled
def paths(
    landscapes: Sequence[Landscape],
    history: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    optimizers: Sequence[str] = (),
) -> Figure:
    """Return the path of every run over log-spaced contours, a panel for each landscape and optimizer.

    ``history`` must have the parameters (``params.0`` ...). Dots stand at steps 1, 10,
    100 ... (the recorded ones nearest to them); a cross ends the path of a run that
    diverged, a frame that of one that stalled. ``optimizers`` are the registered names, in
    order.
    """
    runs = labelled(runs)
    chosen = looks_in(runs, optimizers)
    count = len(chosen)
    fig, axes = panels(len(landscapes) * count, 1.95 if count > 2 else 2.5, side_by_side(count))
    for index, landscape in enumerate(landscapes if count else []):
        row = axes[index * count : (index + 1) * count]
        contours = draw_landscape(row, landscape, runs, history, chosen)
        bar = fig.colorbar(contours, ax=row, label="suboptimality", aspect=22, pad=0.02)
        bar.ax.set_yticks(list(contours.levels), [tick_label(level) for level in contours.levels])
    if not landscapes or not count:
        say_empty(axes[0])
    signs = {"start": START, "steps 1, 10, 100 …": POWERS, "minimum": MINIMUM}
    signs |= {status: sign for status, sign in ENDS.items() if (runs["status"] == status).any()}
    figure_legend(fig, {name: Line2D([], [], linestyle="", **sign) for name, sign in signs.items()})
    return fig


def draw_landscape(
    axes: list[Axes], landscape: Landscape, runs: pd.DataFrame, history: pd.DataFrame, chosen: dict[str, Look]
) -> ContourSet:
    """Draw one optimizer a panel over the same contours, and return these."""
    runs = runs[runs["problem"].astype(str) == landscape.problem]
    rows = history[history["run"].isin(runs["run"])]
    lanes = {run: path_of(part, landscape) for run, part in rows.groupby("run", observed=True)}
    box = view([lane for lane in lanes.values() if len(lane)], landscape.minimum)
    for ax, (name, look) in zip(axes, chosen.items(), strict=True):
        contours = draw_contours(ax, landscape, box)
        for run, status in runs.loc[runs["optimizer"] == name, ["run", "status"]].to_numpy():
            if run in lanes and len(lanes[run]):
                draw_path(ax, lanes[run], look, box, status)
        ax.plot(*landscape.minimum, linestyle="", zorder=1.9, **MINIMUM)
        ax.set(xlim=box[0], ylim=box[1], xlabel=landscape.names[0], ylabel="")
        ax.grid(visible=False)
        title(ax, landscape.problem, name)
    axes[0].set_ylabel(landscape.names[1])
    return contours


def path_of(history: pd.DataFrame, landscape: Landscape) -> pd.DataFrame:
    """Return where a run was before it diverged: columns x and y, by recorded step."""
    path = history.set_index("step").sort_index()
    path = path[[f"params.{i}" for i in landscape.coordinates]].set_axis(["x", "y"], axis=1)
    return path.dropna()


def view(lanes: list[pd.DataFrame], minimum: tuple[float, float]) -> Box:
    """Return the limits of x and y: all starts, the minimum, and paths that do not stray too far."""
    ends = np.array([minimum, *(lane.to_numpy()[0] for lane in lanes)])
    low, high = ends.min(axis=0), ends.max(axis=0)
    reach = np.maximum(high - low, 0.5 * max((high - low).max(), 1e-9))
    points = np.concatenate([ends, *lanes])
    near = points[((points >= low - 1.25 * reach) & (points <= high + 1.25 * reach)).all(axis=1)]
    low, high = near.min(axis=0), near.max(axis=0)
    margin = 0.08 * np.maximum(high - low, reach)
    x, y = ((float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True))
    return x, y


def draw_contours(ax: Axes, landscape: Landscape, box: Box) -> ContourSet:
    """Fill between contours at powers of ten, six decades down from the highest in view."""
    x, y = np.meshgrid(*(np.linspace(*side, RESOLUTION) for side in box))
    height = np.asarray(landscape.suboptimality(x, y), dtype=float)
    top = np.ceil(np.log10(max(height[np.isfinite(height)].max(initial=0), 1e-12)) - 1e-9)
    levels = 10.0 ** np.arange(top - DECADES, top + 1)
    height = np.clip(np.nan_to_num(height, nan=np.inf), levels[0], levels[-1])
    lines = levels[(levels > max(levels[2], height.min())) & (levels < height.max())]
    if len(lines):
        ax.contour(x, y, height, levels=lines, colors="0.6", linewidths=0.4, zorder=1)
    filled = ax.contourf(
        x, y, height, levels=levels, cmap=GREYS, norm=LogNorm(levels[0], levels[-1]), zorder=0.5
    )
    filled.set_rasterized(True)
    return filled


def draw_path(ax: Axes, lane: pd.DataFrame, look: Look, box: Box, status: str) -> None:
    """Draw one run's path with its start and its dots; if it was lost, the sign where it leaves the view."""
    if status in ENDS:
        inside = lane["x"].between(*box[0]) & lane["y"].between(*box[1])
        lane = lane.loc[: inside[inside].index[-1]]
        ax.plot(*lane.to_numpy()[-1], linestyle="", zorder=4.5, **ENDS[status])
    sns.lineplot(lane, x="x", y="y", sort=False, estimator=None, errorbar=None, color=look.color, ax=ax)
    dots = lane.iloc[nearest_powers(lane.index.to_numpy())]
    ax.plot(dots["x"], dots["y"], linestyle="", zorder=4, **{**POWERS, "color": look.color})
    ax.plot(*lane.to_numpy()[0], linestyle="", zorder=4.5, **START)


def nearest_powers(steps: NDArray[np.int64]) -> list[int]:
    """Return the positions of the steps nearest to 1, 10, 100 ..., up to the last."""
    powers = 10 ** np.arange(int(np.log10(max(steps.max(), 1))) + 1)
    return sorted({int(np.abs(steps - power).argmin()) for power in powers})
