"""The final measure over two hyperparameters."""

from __future__ import annotations

import altair as alt
import pandas as pd

from experiments import tables
from experiments.figures.charts.settings import with_setting
from experiments.figures.charts.style import (
    CROSS,
    HEIGHT,
    Specification,
    chosen_of,
    finished,
    inline,
    positive,
)
from experiments.figures.lines import is_logarithmic


def heat_map(runs: pd.DataFrame, x: str, y: str, measure: str) -> Specification:
    """Return the median of numbered runs over two hyperparameters, the best where others vary."""
    ranked = tables.ranked_settings(runs, measure).drop_duplicates([*tables.PAIR, x, y])
    table = with_setting(ranked.dropna(subset=[x, y]), runs)
    kind = tables.measure_of(measure, runs.columns)
    logarithmic = is_logarithmic(table, kind)
    if logarithmic:
        table = table.assign(median=positive(table["median"]))
    pair = table["optimizer"].astype(str) + " on " + table["problem"].astype(str)
    table = table.assign(pair=pair, x=table[x], y=table[y], cost=kind.cost(table["median"]))
    shown = chosen_of("map", list(pair.drop_duplicates()))
    base = alt.Chart(inline(table[["pair", "x", "y", "median", "diverged", "runs", "setting", "settings"]]))
    base = base.transform_filter("datum.pair == map")
    base = base.transform_calculate(link="'#setting-' + datum.setting")
    scale = alt.Scale(
        type="log" if logarithmic else "linear", scheme="viridis", reverse=not kind.higher_is_better
    )
    cells = base.mark_rect().encode(
        alt.X("x:O", title=x.removeprefix("optimizer."), axis=alt.Axis(format=".3~g", labelOverlap=True)),
        alt.Y("y:O", title=y.removeprefix("optimizer."), sort="descending", axis=alt.Axis(format=".3~g")),
        alt.Color("median:Q", scale=scale, title=f"median {kind.final_label}"),
        href="link:N",
        tooltip=["settings:N", "median:Q", "diverged:Q", "runs:Q"],
    )
    lost = (
        base.transform_filter("!isValid(datum.median)")
        .mark_text(text=CROSS)
        .encode(
            alt.X("x:O"),
            alt.Y("y:O", sort="descending"),
            href="link:N",
            tooltip=["settings:N", "diverged:Q", "runs:Q"],
        )
    )
    chart = alt.layer(cells, lost).add_params(shown)
    return finished(chart.properties(width="container", height=HEIGHT))
