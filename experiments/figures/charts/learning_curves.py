"""How a measure falls over the steps, with the single runs to switch on."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from experiments.figures.charts.settings import SETTING, spoken_settings
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
from experiments.tables import PAIR, measure_of
from experiments.tables import learning_curves as quartiles_by_step

MOST_POINTS = 80
"""Of a curve."""
MOST_OF_RUNS = 16_000
"""Points of single runs, all together."""


def learning_curves(
    history: pd.DataFrame, runs: pd.DataFrame, measure: str, optimizers: Sequence[str] = ()
) -> Specification:
    """Return median and quartiles over ``runs``, which are numbered, at each step, and the single runs."""
    table = thinned(quartiles_by_step(history, runs, measure))
    kind = measure_of(measure, history.columns)
    logarithmic = is_logarithmic(table, kind)
    table = table.merge(runs.drop_duplicates(PAIR)[[*PAIR, SETTING]], on=PAIR)
    singles = single_runs(history, runs, measure)
    if logarithmic:
        table = table.assign(**{key: positive(table[key]) for key in ("median", "q25", "q75")})
        singles = singles.assign(value=positive(singles["value"]))
    problem = chosen_of("problem", list(table["problem"].drop_duplicates()))
    single = alt.param(name="single", value=False, bind=alt.binding_checkbox(name="single runs "))
    picked = shown_in_legend()
    x = alt.X("step:Q", title="step")
    scale = measured(logarithmic)
    shade, pattern = color(table, optimizers), dash(table, optimizers)
    summary = alt.Chart(inline(table)).transform_filter("datum.problem == problem")
    summary = summary.transform_lookup(SETTING, from_=spoken_settings(runs))
    summary = summary.transform_calculate(link="'#setting-' + datum.setting")
    faint, full = when_picked(picked, 0.15), when_picked(picked)
    band = summary.mark_area().encode(
        x,
        alt.Y("q25:Q", scale=scale, title=kind.label, axis=axis_of(logarithmic)),
        alt.Y2("q75:Q"),
        shade,
        opacity=faint,
    )
    line = summary.mark_line().encode(x, alt.Y("median:Q", scale=scale), shade, pattern, opacity=full)
    tooltip = ["optimizer:N", "settings:N", "step:Q", "median:Q", "q25:Q", "q75:Q", "runs:Q", "diverged:Q"]
    points = summary.mark_point(size=25, filled=True).encode(
        x, alt.Y("median:Q", scale=scale), shade, opacity=full, href="link:N", tooltip=tooltip
    )
    each = alt.Chart(inline(singles)).transform_filter("single")
    each = each.transform_lookup("key", from_=known_runs(runs)).transform_filter("datum.problem == problem")
    each = each.transform_calculate(link="'#run-' + datum.run")
    lines = each.mark_line(strokeWidth=0.8).encode(
        x,
        alt.Y("value:Q", scale=scale),
        shade,
        detail="key:N",
        opacity=when_picked(picked, 0.6),
        href="link:N",
        tooltip=["optimizer:N", "seed:Q", "run:N", "status:N", "settings:N"],
    )
    chart = alt.layer(band, lines, line, points).add_params(problem, single, picked)
    return finished(chart.properties(width="container", height=HEIGHT))


def thinned(table: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """Return the rows at no more than so many steps of each problem, the first and the last among them."""
    steps = table.groupby("problem", observed=True)["step"].unique()
    keep = {(problem, step) for problem, each in steps.items() for step in spaced(np.sort(each), most)}
    there = [pair in keep for pair in zip(table["problem"], table["step"], strict=True)]
    return table[there].reset_index(drop=True)


def spaced(steps: np.ndarray[tuple[int], np.dtype[np.int64]], most: int) -> list[int]:
    """Return about so many of the steps, half of them evenly spaced, half ever closer towards the start."""
    last = len(steps) - 1
    if last < most:
        return [int(step) for step in steps]
    even = np.linspace(0, last, most // 2)
    early = np.geomspace(1, last, most // 2)
    return [int(step) for step in steps[np.unique(np.concatenate([even, early]).round().astype(int))]]


def single_runs(history: pd.DataFrame, runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the history of the first seeds of each curve, as many as there is room for: key, step, value."""
    known = pd.Index(runs["run"].astype(str))
    place = known.get_indexer(pd.Index(history["run"].astype(str)))
    rows = pd.DataFrame({"key": place, "step": history["step"], "value": history[measure].astype(float)})
    rows = rows[(place >= 0) & rows["value"].notna()]
    rows = rows.assign(problem=runs["problem"].to_numpy()[rows["key"]])
    rows = thinned(rows).drop(columns="problem")
    order = runs.reset_index(drop=True).groupby(PAIR, observed=True)["seed"].rank(method="dense")
    nth = order.to_numpy()[rows["key"]]
    until = np.cumsum(np.bincount(nth.astype(int)))
    room = max(int(np.searchsorted(until, MOST_OF_RUNS, side="right")) - 1, 1)
    return rows[nth <= room].sort_values(["key", "step"])


def known_runs(runs: pd.DataFrame) -> alt.LookupData:
    """Return what a tooltip says of each run, to be looked up by its position."""
    fields = ["run", *PAIR, "seed", "status"]
    table = runs[fields].astype({"run": str, "problem": str, "status": str}).assign(key=range(len(runs)))
    return alt.LookupData(data=inline(table), key="key", fields=fields)
