"""Each part of a report as HTML."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt

from experiments.figures.charts.settings import SETTING
from experiments.figures.parts import Chart, Part, Picture, Table, Text
from experiments.reports.html.libraries import inside_script
from experiments.tables import PAIR, cell
from experiments.wording import counted

MOST_ROWS = 2000
"""Of a table in a page; the others are in its CSV."""

IN_A_URL = " !$'()*+,-./:;<=>?@[]^_`{|}~"
"""What may stand as it is in the data URL of an SVG, within double quotes."""
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Fold:
    """A section that folds.

    Attributes:
        title: of its heading; empty for what stands before the first.
        body: its HTML.
    """

    title: str
    body: str

    @property
    def short(self) -> str:
        """What the contents call it: of ``name: what it says`` the name."""
        return self.title.partition(": ")[0]

    @property
    def anchor(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def folds(parts: Iterable[Part], folder: Path) -> list[Fold]:
    """Return the sections of a report: a text that begins with ``##`` begins one.

    ``folder`` is that of the report, which has the files of its figures.
    """
    found = [("", list[str]())]
    for part in parts:
        if isinstance(part, Text) and part.text.startswith("## "):
            title, _, rest = part.text.removeprefix("## ").partition("\n")
            found.append((title, [markdown(rest)] if rest.strip() else []))
        else:
            found[-1][1].append(fragment(part, folder))
    return [Fold(title, "\n".join(body)) for title, body in found]


def fragment(part: Part, folder: Path) -> str:
    """Return the HTML of one part."""
    if isinstance(part, Text):
        return markdown(part.text)
    if isinstance(part, Table):
        return table_fragment(part)
    return picture_fragment(part, folder)


def markdown(text: str) -> str:
    return str(MARKDOWN.render(text))


# Tables


def table_fragment(part: Table) -> str:
    """Return a table with its caption; numbers carry their full value, by which they are sorted."""
    shown = part.frame.head(MOST_ROWS)
    more = len(part.frame) - len(shown)
    note = (
        f" {counted(more, 'more row is', 'more rows are')} in the file tables/{part.name}.csv."
        if more
        else ""
    )
    head = "".join(f'<th scope="col">{escape(heading(name))}</th>' for name in shown)
    cells = shown.map(table_cell)
    for column, link in links_of(part, shown).items():
        cells[column] = [
            cell.replace(">", f'><a href="{to}">', 1).replace("</td>", "</a></td>") if to else cell
            for cell, to in zip(cells[column], link, strict=True)
        ]
    rows = "\n".join(f"<tr>{''.join(row)}</tr>" for row in cells.itertuples(index=False))
    return (
        f'<figure class="table" id="table-{part.name}"><figcaption>{escape(part.caption)}.{note}</figcaption>'
        f'<div class="scroll"><table class="data"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div></figure>"
    )


def heading(column: object) -> str:
    return str(column).replace("_", " ")


def links_of(part: Table, rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return where the name of the optimizer leads in each row that tells of one setting; empty elsewhere."""
    runs = part.runs if part.shown is None else part.shown
    if runs is None or SETTING not in runs or not set(PAIR) <= set(rows):
        return {}
    there = runs[[*PAIR, SETTING]].drop_duplicates().astype(dict.fromkeys(PAIR, str))
    alone = there[~there.duplicated(PAIR, keep=False)].set_index(PAIR)[SETTING]
    numbers = alone.reindex(pd.MultiIndex.from_frame(rows[PAIR].astype(str)))
    return {"optimizer": [f"#setting-{int(n)}" if n == n else "" for n in numbers]}


def table_cell(value: Any) -> str:
    """Return a cell; one of a number says by ``data-order`` where it stands, infinity and none last."""
    words = escape(cell(value).replace("\\|", "|"))
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return f"<td>{words}</td>"
    order = f"{value:.12g}" if np.isfinite(value) else "1e308"
    return f'<td class="number" data-order="{order}">{words}</td>'


# Figures


def picture_fragment(part: Picture | Chart, folder: Path) -> str:
    """Return a figure with its caption: its chart if it has one, else as it is drawn for print."""
    drawn = (
        chart_fragment(part.caption, part.chart())
        if part.chart is not None
        else static_fragment(part, folder)
    )
    return f'<figure id="figure-{part.name}">{drawn}<figcaption>{escape(part.caption)}.</figcaption></figure>'


def chart_fragment(caption: str, specification: dict[str, Any]) -> str:
    """Return the place of a chart and its specification, which the page draws."""
    text = inside_script(json.dumps(specification, separators=(",", ":"), allow_nan=False))
    return (
        f'<div class="chart" role="figure" aria-label="{escape(caption)}"></div>'
        f'<script type="application/json">{text}</script>'
    )


def static_fragment(part: Picture, folder: Path) -> str:
    """Return a figure as an image inside the page: the SVG or the PNG of the report, whichever is smaller."""
    drawn = folder / "figures" / part.name
    vector = quote(Path(f"{drawn}.svg").read_text(encoding="utf-8"), safe=IN_A_URL)
    raster = b64encode(Path(f"{drawn}.png").read_bytes()).decode("ascii")
    urls = f"data:image/svg+xml,{vector}", f"data:image/png;base64,{raster}"
    return f'<img src="{min(urls, key=len)}" alt="{escape(part.caption)}">'
