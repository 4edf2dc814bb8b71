"""Step functions, such as distribution functions, one line per optimizer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from experiments.figures.style import Look, dash_pattern, spread


def draw_steps(ax: Axes, table: pd.DataFrame, x: str, chosen: dict[str, Look], end: float) -> None:
    """Draw the column ``share`` over ``x`` up to ``end``, constant to the right of each row."""
    table = table[table[x] <= end]
    for index, (name, look) in enumerate(chosen.items()):
        part = table[table["optimizer"].astype(str) == name].sort_values(x)
        shares = part["share"].to_numpy(float)
        places = np.append(part[x].to_numpy(float), end)
        ax.step(
            places,
            np.append(shares, shares[-1:] if len(shares) else [0.0]),
            where="post",
            color=look.color,
            linestyle=dash_pattern(look),
            marker=look.marker,
            markeredgewidth=0,
            markevery=spread(index, len(chosen), len(places)),
            label=name,
        )
    ax.set_ylim(-0.03, 1.03)
