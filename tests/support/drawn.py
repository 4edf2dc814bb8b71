"""What the tests of figures share."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Frames = tuple[pd.DataFrame, pd.DataFrame]


LRS = np.logspace(-4, 0, 5)


def texts(fig: Figure) -> list[str]:
    return [text.get_text() for legend in fig.legends for text in legend.get_texts()]


def titles(fig: Figure) -> list[str]:
    return [ax.get_title() for ax in fig.axes if ax.get_title()]


def line(ax: Axes, name: str) -> Any:
    return next(line for line in ax.lines if line.get_label() == name)
