"""The final measure against the learning rate, with the share that diverged under it."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from experiments import tables
from experiments.figures.charts.settings import with_setting
from experiments.figures.charts.style import (
    HEIGHT,
    Specification,
    axis_of,
    chosen_of,
    color,
    dash,
    finished,
    inline,
    measured,
    positive,
    shown_in_legend,
    when_picked,
)
from experiments.figures.lines import is_logarithmic

TOOLTIP = ["optimizer:N", "settings:N", "median:Q", "q25:Q", "q75:Q", "runs:Q", "diverged:Q", "stalled:Q"]


def lr_sensitivity(
    runs: pd.DataFrame, measure: str, factor: float, optimizers: Sequence[str] = ()
) -> Specification:
    """Return median and quartiles of numbered runs over the learning rate, a problem at a time."""
    table = at_settings(runs, measure, factor)
    kind = tables.measure_of(measure, [measure])
    logarithmic = is_logarithmic(table, kind)
    if logarithmic:
        table = table.assign(**{key: positive(table[key]) for key in tables.QUARTILES})
    table = table.rename(columns={tables.LR: "lr"})
    problem = chosen_of("problem", list(table["problem"].drop_duplicates()))
    picked = shown_in_legend()
    x = alt.X("lr:Q", scale=alt.Scale(type="log"), title="learning rate")
    scale = measured(logarithmic)
    shade, pattern = color(table, optimizers), dash(table, optimizers)
    base = alt.Chart(inline(table)).transform_filter("datum.problem == problem")
    base = base.transform_calculate(link="'#setting-' + datum.setting")
    full = when_picked(picked)
    y = alt.Y("median:Q", scale=scale)
    band = base.mark_area().encode(
        x,
        alt.Y("q25:Q", scale=scale, title=kind.final_label, axis=axis_of(logarithmic)),
        alt.Y2("q75:Q"),
        shade,
        opacity=when_picked(picked, 0.15),
    )
    line = base.mark_line().encode(x, y, shade, pattern, opacity=full)
    points = base.mark_point(filled=True, size=35).encode(
        x, y, shade, opacity=full, href="link:N", tooltip=TOOLTIP
    )
    lost = base.mark_line(point=True).encode(
        x,
        alt.Y("diverged:Q", title="share diverged", scale=alt.Scale(domain=[0, 1])),
        shade,
        pattern,
        opacity=full,
        href="link:N",
        tooltip=TOOLTIP,
    )
    upper = alt.layer(band, line, points.add_params(picked)).properties(width="container", height=HEIGHT)
    chart = alt.vconcat(upper, lost.properties(width="container", height=80)).add_params(problem)
    return finished(chart)


def at_settings(runs: pd.DataFrame, measure: str, factor: float) -> pd.DataFrame:
    """Return the table of the sensitivity with the number of each row's setting, its best of the others."""
    table = tables.lr_sensitivity(runs, measure, factor)
    best = tables.best_settings(runs, measure)
    others = [key for key in tables.hyperparameters(best) if key != tables.LR]
    plain = {"problem": str, "optimizer": str}
    full = table.astype(plain).merge(best.astype(plain)[[*tables.PAIR, *others]], on=tables.PAIR)
    return with_setting(full, runs).drop(columns=others).assign(problem=table["problem"].to_numpy())
