"""Where a claim holds, over two axes."""

from __future__ import annotations

import altair as alt
import pandas as pd

from experiments.figures.charts.style import CROSS, HEIGHT, Specification, chosen_of, finished, inline
from experiments.figures.claim_map import axis_name, color_scale, undecided


def claim_map(table: pd.DataFrame, x: str, y: str, label: str, failed: str) -> Specification:
    """Return a map of a ratio, purple where it is above 1; a dot where its interval holds 1."""
    norm = color_scale(table)
    problems = table["problem"].astype(str) if "problem" in table else pd.Series("all", table.index)
    rows = pd.DataFrame({"problem": problems, "x": table[x], "y": table[y], "ratio": table["ratio"]})
    rows["unclear"] = undecided(table).astype(int) if "low" in table else 0
    for end in {"low", "high"} & set(table):
        rows[end] = table[end]
    shown = chosen_of("problem", list(problems.drop_duplicates()))
    base = alt.Chart(inline(rows)).transform_filter("datum.problem == problem")
    across = alt.X("x:O", title=axis_name(x), axis=alt.Axis(format=".3~g", labelOverlap=True))
    upwards = alt.Y(
        "y:O", title=axis_name(y), sort="descending", axis=alt.Axis(format=".3~g", labelOverlap=True)
    )
    scale = alt.Scale(
        type="log", scheme="purpleorange", reverse=True, clamp=True, domain=[norm.vmin, norm.vmax]
    )
    names = {"x": axis_name(x), "y": axis_name(y)}
    [str(key) for key in rows if key not in ("problem", "unclear")]
    keys = [str(key) for key in rows if key not in ("problem", "unclear")]
    tooltip = [alt.Tooltip(f"{key}:Q", title=names.get(key, key)) for key in keys]
    cells = base.mark_rect().encode(
        across, upwards, alt.Color("ratio:Q", scale=scale, title=label), tooltip=tooltip
    )
    dots = base.transform_filter("datum.unclear == 1").mark_point(
        filled=True, color="black", stroke="white", size=28, opacity=1
    )
    lost = base.transform_filter("!isValid(datum.ratio)").mark_text(text=CROSS)
    note = {"text": "", "subtitle": f"• the interval holds 1;  {CROSS} {failed}", "anchor": "start"}
    layers = [
        cells,
        dots.encode(across, upwards, tooltip=tooltip),
        lost.encode(across, upwards, tooltip=tooltip),
    ]
    chart = alt.layer(*layers).add_params(shown).properties(width="container", height=HEIGHT, title=note)
    return finished(chart)
