"""The article's figure: the data and the fitted curve."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from experiments.figures.style import BLUE, COLUMN, figure, plain, styled

RED = "#D7191C"


@styled
def fit(x: ArrayLike, y: ArrayLike, curve: ArrayLike, *, title: str = "RMSprop fits the quadratic") -> Figure:
    """Return a scatter of ``y`` over ``x`` with the fitted ``curve`` in red; each of shape (points,)."""
    fig = figure(COLUMN, 2.5)
    ax = plain(fig.add_subplot())
    order = np.argsort(np.asarray(x))
    sns.scatterplot(x=np.asarray(x), y=np.asarray(y), ax=ax, s=11, color=BLUE, alpha=0.7, label="data points")
    ax.plot(np.asarray(x)[order], np.asarray(curve)[order], color=RED, linewidth=1.6, label="fitted curve")
    ax.set(xlabel="X", ylabel="y", title=title)
    ax.legend(loc="best", handlelength=1.5)
    return fig
