"""Trials of a search as lines over parallel axes, one for each hyperparameter."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from experiments import tables
from experiments.figures.charts.settings import with_setting
from experiments.figures.charts.style import HEIGHT, Specification, chosen_of, finished, inline
from experiments.tables.varying import varying_settings

LOGARITHMIC = 30.0
"""An axis of positive values whose ends are further apart than this is logarithmic."""
MOST_LINES = 4000


def hyperparameters(runs: pd.DataFrame, measure: str) -> Specification | None:
    """Return the settings of numbered runs over parallel axes, coloured by rank; None if only one varies."""
    kind = tables.measure_of(measure, runs.columns)
    ranked = tables.ranked_settings(runs, measure)
    ranked = ranked.assign(place=ranked.groupby(tables.PAIR, observed=True).cumcount() + 1)
    many = ranked.groupby(tables.PAIR, observed=True)["place"].transform("max")
    ranked = ranked.assign(share=ranked["place"] / many)
    shown = with_setting(ranked.groupby(tables.PAIR, observed=True).head(MOST_LINES), runs)
    parts = [scaled(part) for _, part in shown.groupby("optimizer", sort=False) if len(axes(part)) > 1]
    if not parts:
        return None
    rows = pd.concat(parts, ignore_index=True)
    pair = chosen_of("search", list(rows["pair"].drop_duplicates()))
    best = alt.param(
        name="best",
        value=1.0,
        bind=alt.binding_range(min=0.02, max=1, step=0.02, name="best share of trials "),
    )
    base = alt.Chart(inline(rows)).transform_filter("datum.pair == search")
    lines = base.transform_filter("datum.share <= best").transform_calculate(
        link="'#setting-' + datum.setting"
    )
    x = alt.X("axis:N", title=None, sort=None, axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.3))
    y = alt.Y("height:Q", axis=None, scale=alt.Scale(domain=[-0.06, 1.06]))
    drawn = lines.mark_line(strokeWidth=1.6, opacity=0.65).encode(
        x,
        y,
        alt.Color(
            "share:Q", scale=alt.Scale(scheme="viridis"), title="rank, as a share of the trials (0 is best)"
        ),
        order=alt.Order("index:Q"),
        detail="setting:N",
        href="link:N",
        tooltip=["settings:N", alt.Tooltip("median:Q", title=f"median {kind.final_label}"), "place:Q"],
    )
    ends = base.mark_text(dy=0, fontSize=11).transform_aggregate(
        low="min(value)", high="max(value)", groupby=["axis"]
    )
    top = ends.transform_calculate(height="1.04").encode(x, y, alt.Text("high:Q", format=".3~g"))
    bottom = ends.transform_calculate(height="-0.04").encode(x, y, alt.Text("low:Q", format=".3~g"))
    chart = alt.layer(drawn, top, bottom).add_params(pair, best)
    return finished(chart.properties(width="container", height=HEIGHT))


def axes(part: pd.DataFrame) -> list[str]:
    """Return the hyperparameters of one optimizer that vary and are numbers."""
    keys = varying_settings(part)
    return [key for key in keys if pd.api.types.is_numeric_dtype(part[key].dtype) and part[key].nunique() > 1]


def scaled(part: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each setting and axis, its height from 0 to 1 along the axis."""
    rows = []
    for index, key in enumerate(axes(part)):
        values = part[key].astype(float)
        found = part.assign(
            index=index, axis=key.removeprefix("optimizer."), value=values, height=heights(values)
        )
        rows.append(found.dropna(subset="value"))
    table = pd.concat(rows, ignore_index=True)
    pair = table["optimizer"].astype(str) + " on " + table["problem"].astype(str)
    return table.assign(pair=pair)[
        ["pair", "index", "axis", "value", "height", "share", "place", "median", "setting", "settings"]
    ]


def heights(values: pd.Series) -> pd.Series:
    """Return where values stand between their ends, in decades if they span many."""
    low, high = values.min(), values.max()
    if low > 0 and high / low > LOGARITHMIC:
        return pd.Series(np.log(values / low) / np.log(high / low))
    return pd.Series((values - low) / (high - low))
