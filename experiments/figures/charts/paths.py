"""The path of a run over the contours of a loss, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from contourpy import contour_generator

from experiments.figures.charts.learning_curves import spaced
from experiments.figures.charts.style import (
    Specification,
    chosen_of,
    color,
    finished,
    inline,
    shown_in_legend,
    when_picked,
)
from experiments.figures.paths import DECADES, Box, Landscape, path_of, view

RESOLUTION = 140
MOST_POINTS = 250
"""Of a path."""
HEIGHT = 460


def paths(
    landscapes: Sequence[Landscape], history: pd.DataFrame, runs: pd.DataFrame, optimizers: Sequence[str] = ()
) -> Specification:
    """Return the paths of runs, one problem at a time, up to the step that a slider says."""
    walked, lines = [], []
    for landscape in landscapes:
        own = runs[runs["problem"].astype(str) == landscape.problem]
        lanes = {
            str(row["run"]): path_of(history[history["run"] == row["run"]], landscape)
            for _, row in own.iterrows()
        }
        box = view([lane for lane in lanes.values() if len(lane)], landscape.minimum)
        lines.append(contours(landscape, box))
        walked += [steps_of(row, lanes[str(row["run"])], box) for _, row in own.iterrows()]
    table, curves = pd.concat(walked, ignore_index=True), pd.concat(lines, ignore_index=True)
    last = int(table["step"].max())
    problem = chosen_of("problem", [landscape.problem for landscape in landscapes])
    until = alt.param(
        name="until",
        value=1.0,
        bind=alt.binding_range(min=0, max=1, step=0.005, name="steps, from the first to the last "),
    )
    picked = shown_in_legend()
    x = alt.X("x:Q", scale=alt.Scale(zero=False, nice=False), title="first coordinate")
    y = alt.Y("y:Q", scale=alt.Scale(zero=False, nice=False), title="second coordinate")
    ground = (
        alt.Chart(inline(curves))
        .transform_filter("datum.problem == problem")
        .mark_line(strokeWidth=0.7, color="#8a8a8a", opacity=0.7)
    )
    ground = ground.encode(
        x, y, detail="piece:N", order="place:Q", tooltip=[alt.Tooltip("level:Q", title="suboptimality")]
    )
    base = alt.Chart(inline(table)).transform_filter("datum.problem == problem")
    base = base.transform_filter(f"datum.step <= pow({last + 1}, until) - 1")
    base = base.transform_calculate(link="'#run-' + datum.run")
    shade = color(table, optimizers)
    tooltip = ["optimizer:N", "step:Q", "x:Q", "y:Q", "seed:Q", "run:N"]
    line = base.mark_line(clip=True).encode(
        x, y, shade, order="step:Q", detail="run:N", href="link:N", opacity=when_picked(picked)
    )
    dots = base.mark_point(filled=True, size=14, clip=True).encode(
        x, y, shade, href="link:N", opacity=when_picked(picked), tooltip=tooltip
    )
    head = base.transform_joinaggregate(latest="max(step)", groupby=["run"]).transform_filter(
        "datum.step == datum.latest"
    )
    head = head.mark_point(filled=True, size=110, clip=True, stroke="white").encode(
        x, y, shade, href="link:N", opacity=when_picked(picked), tooltip=tooltip
    )
    chart = alt.layer(ground, line, dots, head).add_params(problem, until, picked)
    return finished(chart.properties(width="container", height=HEIGHT))


def contours(landscape: Landscape, box: Box) -> pd.DataFrame:
    """Return the contours at powers of ten as lines: problem, level, piece, place, x, y."""
    x, y = np.meshgrid(*(np.linspace(*side, RESOLUTION) for side in box))
    height = np.asarray(landscape.suboptimality(x, y), dtype=float)
    top = np.ceil(np.log10(max(height[np.isfinite(height)].max(initial=0), 1e-12)))
    lines = contour_generator(x, y, np.ma.masked_invalid(height))
    parts: list[pd.DataFrame] = []
    for level in 10.0 ** np.arange(top - DECADES, top + 1):
        for points in lines.lines(level):
            piece = {"problem": landscape.problem, "level": level, "piece": f"{level:g} {len(parts)}"}
            parts.append(pd.DataFrame(points, columns=["x", "y"]).assign(**piece, place=range(len(points))))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["problem", "x", "y"])


def steps_of(row: pd.Series, lane: pd.DataFrame, box: Box) -> pd.DataFrame:
    """Return the points of a run's path that lie in view: problem, optimizer, seed, run, step, x, y."""
    inside = lane["x"].between(*box[0]) & lane["y"].between(*box[1])
    seen = lane[inside] if inside.any() else lane
    seen = seen.loc[spaced(seen.index.to_numpy(), MOST_POINTS)].rename_axis("step").reset_index()
    names = {"problem": str(row["problem"]), "optimizer": str(row["optimizer"])}
    return seen.assign(**names, seed=int(row["seed"]), run=str(row["run"]))
