"""The critical-difference diagram: mean ranks over instances, and which of them differ."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import BLACK, PAGE, figure, looks, styled
from experiments.inference import CriticalDifference
from experiments.wording import counted

ROW = 0.17
"""Height of one name, in inches."""
MOST_NUMBERS = 16
"""So many ranks have room for their number."""
LETTER, BLANK, AXIS = 0.062, 0.65, 2.0
"""Width of a letter of a name, of the rank and the blanks beside it, and of the axis at least, in inches."""


@styled
def critical_difference(found: CriticalDifference, *, optimizers: Sequence[str] = ()) -> Figure:
    """Return the diagram of Demšar (2006): the best is on the left, a bar joins who do not differ.

    ``optimizers`` are the registered names, in order.
    """
    ranks = found.mean_ranks
    rows = -(-len(ranks) // 2)
    bars = len(found.cliques)
    height = ROW * (rows + 0.6 * bars + 4.2)
    beside = BLANK + LETTER * max(map(len, ranks))
    width = max(0.72 * PAGE, min(AXIS + 2 * beside, PAGE))
    fig = figure(width, height)
    fig.set_layout_engine("none")
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.axis("off")
    # one unit across is one rank, one unit down is one row; names stand outside the axis
    span = max(len(ranks) - 1, 1)
    margin = span * beside / (width - 2 * beside)
    ax.set(xlim=(1 - margin, len(ranks) + margin), ylim=(rows + 0.6 * bars + 1.0, -3.3))
    draw_axis(ax, len(ranks), found)
    for order, (first, *_, last) in enumerate(found.cliques):
        y = 0.55 + 0.6 * order
        ends = [ranks[first] - 0.012 * span, ranks[last] + 0.012 * span]
        ax.plot(ends, [y, y], color="0.25", linewidth=2.6, solid_capstyle="butt")
    draw_names(ax, found, [*optimizers, *sorted(set(ranks) - set(optimizers))], 0.6 * bars + 1.2)
    return fig


def draw_axis(ax: Axes, count: int, found: CriticalDifference) -> None:
    """Draw the scale of ranks, what it is, and above it how long the critical difference is."""
    ax.plot([1, count], [0, 0], color=BLACK, linewidth=0.8)
    for rank in range(1, count + 1):
        ax.plot([rank, rank], [0, -0.22], color=BLACK, linewidth=0.8)
        if rank % (-(-count // MOST_NUMBERS)) == 0 or rank == 1:
            ax.text(rank, -0.35, f"{rank}", ha="center", va="bottom", fontsize=7)
    ax.text(
        1 + 1.05 * (count - 1),
        0,
        f"mean rank over\n{counted(found.instances, 'instance')}",
        va="center",
        linespacing=1.1,
    )
    shown = min(found.difference, count - 1)
    ax.plot([1, 1 + shown], [-1.6, -1.6], color=BLACK, linewidth=0.8)
    for end in (1, 1 + found.difference)[: 2 if shown == found.difference else 1]:  # open if it is longer
        ax.plot([end, end], [-1.75, -1.45], color=BLACK, linewidth=0.8)
    ax.text(1, -1.9, f"CD = {found.difference:.2f}", ha="left", va="bottom")


def draw_names(ax: Axes, found: CriticalDifference, registry: Sequence[str], top: float) -> None:
    """Lead from each rank to its name: the better half on the left, the others on the right."""
    chosen, names = looks(registry), list(found.mean_ranks)
    half, span = -(-len(names) // 2), max(len(names) - 1, 1)
    for place, name in enumerate(names):
        left = place < half
        row = top + (place if left else len(names) - 1 - place)
        rank, side = found.mean_ranks[name], (1 - 0.035 * span if left else len(names) + 0.035 * span)
        look = chosen[name]
        ax.plot([rank, rank, side], [0, row, row], color=look.color, linewidth=0.9)
        ax.plot([rank], [0], color=look.color, marker=look.marker, clip_on=False, zorder=5)
        words = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        ax.text(
            side + (-0.015 if left else 0.015) * span, row, words, ha="right" if left else "left", va="center"
        )
