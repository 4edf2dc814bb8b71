"""Pictures of studies with many optimizers, and of searches."""

import numpy as np
import pytest
from drawn import LRS
from frames import frames, stacked
from matplotlib import rc_context
from matplotlib.lines import Line2D

from experiments.figures.drawings import MOST_MAPS, Study, map_of_two, varied_pair
from experiments.figures.parts import Picture
from experiments.figures.style import STYLE, figure, figure_legend


def search(trials: int) -> np.ndarray:
    """Return the decay rates of a random search."""
    return np.random.default_rng(0).uniform(0.5, 1, trials)


def test_a_search_has_no_map() -> None:
    parts = [
        frames("rmsprop", "quadratic", {"lr": [rate], "beta": [beta]})
        for rate, beta in zip(LRS, search(len(LRS)), strict=True)
    ]
    runs, history = stacked(*parts)
    assert varied_pair(runs) is None
    said = map_of_two(Study(runs, runs, history))
    assert str(said).startswith("a map over two hyperparameters: sweep two")


def test_a_grid_beside_a_search_has_a_map() -> None:
    parts = [
        frames("adam", "quadratic", {"lr": [rate], "beta1": [beta]})
        for rate, beta in zip(LRS, search(len(LRS)), strict=True)
    ]
    runs, _ = stacked(*parts, frames("rmsprop", "quadratic", {"lr": LRS, "beta": [0.9, 0.99]}))
    assert varied_pair(runs) == ("optimizer.lr", "optimizer.beta")


def test_of_many_maps_the_first_are_drawn_and_the_others_counted() -> None:
    runs, history = frames("rmsprop", "quadratic", {"lr": LRS, "beta": [0.9, 0.99]})
    many = stacked(
        *((runs.assign(problem=f"p{i}"), history) for i in range(MOST_MAPS + 3)),
    )[0]
    drawn = map_of_two(Study(many, many, history))
    assert isinstance(drawn, Picture)
    assert drawn.caption.endswith(f"the first {MOST_MAPS} of {MOST_MAPS + 3} maps")
    assert sum(bool(ax.get_title()) for ax in drawn.figure.axes) == MOST_MAPS


@pytest.mark.parametrize("count", [3, 8, 16, 40])
def test_a_legend_of_many_leaves_the_panels_their_size(count: int) -> None:
    with rc_context(STYLE):
        fig = figure(3.2, 2.4)
        ax = fig.subplots()
        fig.draw_without_rendering()
        before = ax.get_window_extent().height
        figure_legend(fig, {f"lookahead.sgd:momentum{i}": Line2D([], []) for i in range(count)})
        fig.draw_without_rendering()
        legend = fig.legends[0].get_window_extent()
    assert legend.y0 >= ax.get_window_extent().y1
    assert legend.x0 >= 0
    assert ax.get_window_extent().height > before / 2
