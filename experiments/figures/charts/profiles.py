"""Performance profile and data profile side by side."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from experiments.figures.charts.style import (
    HEIGHT,
    Specification,
    color,
    dash,
    finished,
    inline,
    shown_in_legend,
    when_picked,
)


def profiles(
    performance: pd.DataFrame, data: pd.DataFrame, optimizers: Sequence[str] = (), unit: str = "steps"
) -> Specification:
    """Return the share of problem-target pairs solved within a ratio of the best, and in so many steps."""
    picked = shown_in_legend()
    ratio = f"{unit}, as a multiple of the fewest"
    panels = [
        panel(table, column, title, picked, optimizers)
        for table, column, title in (
            (performance, "ratio", ratio),
            (data, "gradients", "evaluations of the gradient"),
        )
    ]
    first, *others = panels
    return finished(alt.vconcat(first.add_params(picked), *others))


def to_the_end(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the table with the last share of each optimizer at the end of the axis too."""
    last = table.drop_duplicates("optimizer", keep="last")
    return pd.concat([table, last.assign(**{column: 1.1 * table[column].max()})], ignore_index=True)


def panel(
    table: pd.DataFrame, column: str, title: str, picked: alt.Parameter, optimizers: Sequence[str]
) -> alt.Chart:
    """Return one profile."""
    table = to_the_end(table[table[column] > 0], column)
    x = alt.X(f"{column}:Q", scale=alt.Scale(type="log"), title=title)
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), title="share solved")
    line = alt.Chart(inline(table)).mark_line(interpolate="step-after", point={"size": 12})
    encoded: alt.Chart = line.encode(
        x,
        y,
        color(table, optimizers),
        dash(table, optimizers),
        opacity=when_picked(picked),
        tooltip=["optimizer:N", f"{column}:Q", "share:Q"],
    )
    return encoded.properties(height=HEIGHT * 0.7)
