"""What the tests of figures share."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.reports import page

Frames = tuple[pd.DataFrame, pd.DataFrame]


LRS = np.logspace(-4, 0, 5)


def without_rendering(patched: pytest.MonkeyPatch) -> None:
    """Let the figures of a report be drawn, and their files be left empty, which is quicker."""

    def touched(figure: Figure, stem: Path) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for ending in (".png", ".svg"):
            stem.with_name(f"{stem.name}{ending}").touch()

    patched.setattr(page, "save_figure", touched)


def texts(fig: Figure) -> list[str]:
    return [text.get_text() for legend in fig.legends for text in legend.get_texts()]


def titles(fig: Figure) -> list[str]:
    return [ax.get_title() for ax in fig.axes if ax.get_title()]


def line(ax: Axes, name: str) -> Any:
    return next(line for line in ax.lines if line.get_label() == name)
