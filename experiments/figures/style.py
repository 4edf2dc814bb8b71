"""One look for all figures: sizes, colours, axes. Inches, points, and matplotlib's terms."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from textwrap import fill
from typing import Any, NamedTuple, ParamSpec

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

COLUMN, PAGE = 3.3, 6.8
"""Widths of a figure over one column and over two, in inches."""

FLOOR = 1e-16
"""Where logarithmic axes of measures end: smaller numbers are drawn there."""

STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "optimizer-lanes",
    "savefig.dpi": 200,
}
"""matplotlib's settings; to be in force also while a figure is saved."""

Style = ParamSpec("Style")


def styled(draw: Callable[Style, Figure]) -> Callable[Style, Figure]:
    """Let the decorated function draw under ``STYLE``, without touching the global settings."""

    @wraps(draw)
    def drawn(*args: Style.args, **kwargs: Style.kwargs) -> Figure:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


class Look(NamedTuple):
    """How one optimizer is drawn in every figure: it reads in grey as well."""

    color: str
    marker: str
    dashes: tuple[float, ...] | str


BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, BROWN = "#E69F00", "#56B4E9", "#000000", "#8C510A"
"""The colours of Okabe and Ito (2008), with brown for their yellow, which is too pale for lines."""

FIXED = {
    "rmsprop": Look(VERMILLION, "o", ""),
    "sgd": Look(BLUE, "s", (5, 1.5)),
    "adagrad": Look(PURPLE, "^", (1.2, 1.2)),
    "adam": Look(GREEN, "D", (5, 1.2, 1.2, 1.2)),
}
NEXT_COLORS = (ORANGE, SKY, BLACK, BROWN)
NEXT_MARKERS = ("v", "P", "X", "<", ">", "p", "h")
NEXT_DASHES: tuple[tuple[float, ...], ...] = ((3, 1), (7, 2), (3, 1, 1, 1, 1, 1), (1, 2.5), (7, 1.5, 3, 1.5))


STALLED: Any = {
    "marker": "s",
    "markersize": 7,
    "markerfacecolor": "none",
    "markeredgecolor": BLACK,
    "markeredgewidth": 0.9,
}
"""The sign of what stalled: a frame about the place where it stands still."""
HALF = 0.5
"""From this share on of its runs a median is called that of stalled runs."""


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of each optimizer.

    The four of the article keep theirs; others take the next ones in the order of ``names``,
    which should be the registry's, so that a look is the same in every figure.
    """
    others = [name for name in dict.fromkeys(names) if name not in FIXED]
    return FIXED | {name: later_look(index) for index, name in enumerate(others)}


def later_look(index: int) -> Look:
    color = NEXT_COLORS[index % len(NEXT_COLORS)]
    return Look(color, NEXT_MARKERS[index % len(NEXT_MARKERS)], NEXT_DASHES[index % len(NEXT_DASHES)])


def looks_in(table: pd.DataFrame, registry: Sequence[str]) -> dict[str, Look]:
    """Return the looks of the optimizers that occur in a table, in the registry's order."""
    present = sorted(table["optimizer"].astype(str).unique())
    order = [*registry, *(name for name in present if name not in registry)]
    chosen = looks(order)
    return {name: chosen[name] for name in order if name in present}


def dash_pattern(look: Look) -> Any:
    """Return the dashes as matplotlib's line style."""
    return (0, look.dashes) if isinstance(look.dashes, tuple) else (0, None)


# Figures and axes


def figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def width_for(columns: int) -> float:
    """Return the width, in inches, of a figure with so many panels side by side."""
    return COLUMN if columns == 1 else PAGE


def grid_shape(count: int, most: int = 3) -> tuple[int, int]:
    """Return rows and columns for so many panels; at least one, at most ``most`` side by side."""
    columns = 2 if count == 4 else min(max(count, 1), most)
    return max(-(-count // columns), 1), columns


def side_by_side(optimizers: int) -> int:
    """Return how many columns a figure has that shows each optimizer in a panel of its own."""
    return optimizers if optimizers <= 4 else 3


def panels(count: int, height: float, columns: int = 0) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels, each ``height`` inches high; one blank panel for none.

    ``columns`` is how many stand side by side; 0 leaves it to ``grid_shape``.
    """
    rows, columns = (-(-count // columns), columns) if columns and count else grid_shape(count)
    fig = figure(width_for(columns), rows * height)
    axes = list(fig.subplots(rows, columns, squeeze=False).flat)
    return fig, [plain(ax) for ax in keep(axes, count)]


def keep(axes: list[Axes], count: int) -> list[Axes]:
    """Return the first ``count`` axes, at least one, and take the others off their figure."""
    for ax in axes[max(count, 1) :]:
        ax.remove()
    return axes[: max(count, 1)]


def plain(ax: Axes) -> Axes:
    """Fix the size of the ticks, which matplotlib makes only when it draws."""
    ax.tick_params(which="major", width=0.6, length=2.5, pad=2)
    ax.tick_params(which="minor", width=0.4, length=1.5)
    ax.tick_params(axis="x", labelsize=STYLE["xtick.labelsize"])
    ax.tick_params(axis="y", labelsize=STYLE["ytick.labelsize"])
    return ax


def label_first(axes: Sequence[Axes], words: str) -> None:
    """Label the y axis of the first panel of each row."""
    for ax in axes:
        place = ax.get_subplotspec()
        ax.set_ylabel(words if place is None or place.is_first_col() else "")


def title(ax: Axes, problem: str, optimizer: str = "") -> None:
    """Name what a panel shows above it, broken into lines that fit."""
    place = ax.get_subplotspec()
    columns = place.get_gridspec().ncols if place else 1
    lines = [f"{optimizer} on", problem] if columns > 3 else [f"{optimizer} on {problem}"]
    name_lines(ax, lines if optimizer else [problem])


def name_lines(ax: Axes, lines: Sequence[str]) -> None:
    """Write these lines above a panel, each broken into lines that fit."""
    place = ax.get_subplotspec()
    columns = place.get_gridspec().ncols if place else 1
    wide = int(13 * width_for(columns) / columns)
    ax.set_title("\n".join(fill(line, wide, break_long_words=False) for line in lines), pad=4)


def say_empty(ax: Axes, words: str = "no runs") -> None:
    """Write into a panel that there is nothing to show."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color="0.4")


def legend(fig: Figure, chosen: Mapping[str, Look], stalled: bool = False) -> None:
    """Put the optimizers' legend above the panels, with the sign of what stalled if there is any."""
    lines = {
        name: Line2D([], [], color=look.color, marker=look.marker, linestyle=dash_pattern(look))
        for name, look in chosen.items()
    }
    sign = {"median run stalled": Line2D([], [], linestyle="", **STALLED)}
    figure_legend(fig, lines | (sign if stalled else {}))


MOST_ENTRIES = 8
"""More of them stand in two columns at least."""
FREE_ROWS, LEGEND_ROW = 4, 0.17
"""As many rows of a legend as a figure has room for, and the height of a further one, in inches."""


def figure_legend(fig: Figure, handles: Mapping[str, Any]) -> None:
    """Put a legend above the panels, outside the axes: as many entries side by side as fit.

    The figure grows by what a legend of many rows takes, so that the panels keep their size.
    """
    if not handles:
        return
    entry = 0.45 + 0.058 * max(map(len, handles))
    if len(handles) > MOST_ENTRIES:
        fig.set_figwidth(max(fig.get_figwidth(), 2 * entry + 0.3))
    columns = max(int(fig.get_figwidth() / entry), 1)
    rows = -(-len(handles) // columns)
    fig.set_figheight(fig.get_figheight() + LEGEND_ROW * max(rows - FREE_ROWS, 0))
    fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=-(-len(handles) // rows))


def spread(index: int, count: int, points: int) -> tuple[float, float] | int:
    """Return where line ``index`` of ``count`` has its markers: evenly along it, not on one another."""
    return (0.16 * (index + 0.5) / count, 0.16) if points > 1 else 1


# Logarithmic axes


def log_limits(values: ArrayLike, floor: float = 0.0, ceiling: float = np.inf) -> tuple[float, float]:
    """Return limits that hold the positive finite values, cut off at ``floor`` and ``ceiling``.

    Whole decades, unless the values span less than two. What lies more than three
    decades above nine tenths of the values is left outside, so that one run on its way
    to infinity does not flatten the others.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = np.clip(numbers[np.isfinite(numbers)], floor, ceiling)
    exponents = np.log10(numbers[numbers > 0]).clip(-300, 300)
    if not len(exponents):
        return 0.1, 10.0
    low, high = exponents.min(), min(exponents.max(), 3 + np.quantile(exponents, 0.9))
    if high - low < 2:
        margin = max(0.1, 0.35 - (high - low) / 2)
        return max(float(10 ** (low - margin)), floor), float(10 ** (high + margin))
    return float(10 ** np.floor(low + 1e-9)), float(10 ** np.ceil(high - 1e-9))


def log_axis(ax: Axes, axis: str, limits: tuple[float, float], floor: float = 0.0, most: int = 6) -> None:
    """Make an axis logarithmic, with at most about ``most`` labelled ticks.

    Where the axis ends at ``floor``, that tick stands for everything below as well.
    """
    low, high = limits
    getattr(ax, f"set_{axis}scale")("log")
    getattr(ax, f"set_{axis}lim")(low if low > floor else low / (high / low) ** 0.03, high)
    decades = multiples((1,), low, high)
    ticks, digits = ticks_between(low, high, most), len(decades) < 3
    line = getattr(ax, f"{axis}axis")
    line.set_major_locator(FixedLocator(ticks))
    line.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, floor, digits)))
    line.set_minor_locator(FixedLocator(decades) if len(ticks) < len(decades) <= 24 else NullLocator())
    line.set_minor_formatter(NullFormatter())


def ticks_between(low: float, high: float, most: int = 6) -> list[float]:
    """Return the powers of ten, every one or every 2nd, 4th ...; times 1, 2, 5 where they are few."""
    decades = multiples((1,), low, high)
    if len(decades) >= 3:
        every = 2 ** np.ceil(np.log2(max(len(decades) / most, 1)))
        return [tick for tick in decades if round(np.log10(tick)) % every == 0]
    ticks = multiples((1, 2, 5), low, high)
    if len(ticks) >= 2:
        return ticks
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def multiples(factors: Sequence[int], low: float, high: float) -> list[float]:
    """Return the powers of ten times the factors that lie from ``low`` to ``high``, in order."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def tick_label(value: float, floor: float = 0.0, digits: bool = False) -> str:
    """Return a number as a power of ten; in ``digits`` if asked for and they are not too many.

    A sign says that the number at ``floor`` stands for smaller ones too.
    """
    if value == 0:
        return "0"
    sign = "≤" if value <= floor * 1.001 else ""
    if digits and 1e-3 <= value < 1e4:
        return f"{sign}{value:.3g}"
    factor, exponent = f"{value:.2e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"{sign}${power}$" if float(factor) == 1 else f"{sign}${float(factor):g}\\cdot {power}$"


def grid_axis(ax: Axes, values: ArrayLike) -> None:
    """Make the x axis logarithmic over the positive values of a grid; few values are ticks themselves."""
    grid = np.unique(np.asarray(values, dtype=float))
    log_axis(ax, "x", (grid.min() / 1.25, grid.max() * 1.25))
    if len(grid) <= 4:
        ax.set_xticks(grid, [f"{value:.3g}" for value in grid])


def inside(values: ArrayLike, limits: tuple[float, float]) -> NDArray[np.float64]:
    """Return the values, those below the axis on its lower end, those far above it well outside."""
    low, high = limits
    beyond = high * (high / low) ** 0.3 if low > 0 else high + 0.3 * (high - low)
    return np.asarray(np.clip(np.asarray(values, dtype=float), low, beyond))
