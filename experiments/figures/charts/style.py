"""What all charts share: data in the specification, the optimizers' looks, what one may choose."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from experiments.figures.style import BLACK, FLOOR, looks_in

Specification = dict[str, Any]

GREY = "#8a8a8a"
"""In place of black, which a dark page does not show."""
HEIGHT = 320
CROSS = "\N{MULTIPLICATION SIGN}"
"""The sign of a cell without a number."""
DIGITS = "%.5g"


def inline(frame: pd.DataFrame) -> alt.InlineData:
    """Return a table as CSV inside the specification; what is infinite or missing is null there."""
    numbers = {str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name].dtype)}
    finite = frame.replace([np.inf, -np.inf], np.nan)
    parse = {str(name): "number" if name in numbers else "string" for name in frame}
    text = finite.to_csv(index=False, float_format=DIGITS)
    return alt.InlineData(values=text, format=alt.CsvDataFormat(type="csv", parse=parse))


def positive(values: pd.Series) -> pd.Series:
    """Return numbers as a logarithmic axis takes them: those up to the floor are drawn there."""
    return values.astype(float).clip(lower=FLOOR)


def color(table: pd.DataFrame, registry: Sequence[str]) -> alt.Color:
    """Return the colour of each optimizer in a table, the same in every chart and figure."""
    chosen = looks_in(table, registry)
    shades = [look.color if look.color != BLACK else GREY for look in chosen.values()]
    return alt.Color("optimizer:N", scale=alt.Scale(domain=list(chosen), range=shades), title=None)


def dash(table: pd.DataFrame, registry: Sequence[str]) -> alt.StrokeDash:
    """Return the dashes of each optimizer, by which they are told apart without colour."""
    chosen = looks_in(table, registry)
    dashes: Any = [[2.0 * float(n) for n in look.dashes] or [1.0, 0.0] for look in chosen.values()]
    return alt.StrokeDash("optimizer:N", scale=alt.Scale(domain=list(chosen), range=dashes), title=None)


def shown_in_legend() -> alt.Parameter:
    """Return the selection of optimizers by a click on their names; with shift, of several."""
    return alt.selection_point(name="picked", fields=["optimizer"], bind="legend")


def when_picked(picked: alt.Parameter, value: float = 1.0) -> Any:
    """Return the opacity of a mark: faint unless its optimizer is picked, or none is."""
    return alt.when(picked).then(alt.value(value)).otherwise(alt.value(0.06))


def chosen_of(name: str, options: Sequence[Any]) -> alt.Parameter:
    """Return a parameter that takes one of the options from a list."""
    values = [str(option) for option in options]
    return alt.param(name=name, value=values[0], bind=alt.binding_select(options=values, name=f"{name} "))


def measured(logarithmic: bool) -> alt.Scale:
    """Return the scale of a measure."""
    return alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)


def axis_of(logarithmic: bool) -> alt.Axis:
    """Return the axis of a measure, on which powers of ten are written as such."""
    return alt.Axis(format="~e", labelOverlap=True) if logarithmic else alt.Axis()


def finished(chart: Any) -> Specification:
    """Return the specification, as wide as its place."""
    signs = {
        "symbolType": "stroke",
        "symbolSize": 260,
        "symbolStrokeWidth": 2.5,
        "symbolOpacity": 1,
        "titleLimit": 400,
    }
    chart = chart.configure_view(stroke=None).configure_legend(orient="top", columns=6, **signs)
    text = chart.to_json(indent=None)
    views = list(dict.fromkeys(re.findall(r'"view_\d+"', text)))  # counted on from chart to chart
    for place, name in enumerate(views):
        text = text.replace(name, f'"view-{place}"')
    specification: Specification = json.loads(text)
    return specification
