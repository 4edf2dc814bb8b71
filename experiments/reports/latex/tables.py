"""A table of a report as a ``booktabs`` file, by pandas' Styler; the best bold where a test decides it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.figures.parts import Contest, Table
from experiments.reports.latex.escape import breakable, caption, number, value
from experiments.reports.latex.layout import SEPARATION, Column, Layout, column, layouts
from experiments.tables import cell
from experiments.wording import counted

MOST_ROWS = 200
"""Of a table in LaTeX; the others are in its CSV."""

ON_ONE_PAGE = 40
"""Rows of a table that is kept together; longer ones go on over several pages."""

BEST = "bfseries:;boldmath:;"
EQUAL = "underline:--rwrap;"


def table_text(part: Table) -> str:
    """Return the file of a table, which needs ``booktabs``, ``longtable`` and ``array``.

    One that is too wide for a page comes in several, each with the columns that say what a row is of.
    """
    if part.frame.empty or not len(part.frame.columns):
        return f"\\emph{{{caption(part.caption)}}}: no rows.\n"
    columns = [column_of(part.frame, place) for place in range(part.frame.shape[1])]
    found = layouts(columns, keys_of(part.frame))
    return "\n".join(
        set_table(part, layout, columns, (number, len(found))) for number, layout in enumerate(found, 1)
    )


def column_of(frame: pd.DataFrame, place: int) -> Column:
    values = frame.iloc[:MOST_ROWS, place]
    cells = [plain(each) for each in values]
    return column(
        heading(frame.columns[place]), cells, pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place])
    )


def plain(thing: object) -> str:
    """Return a value about as wide as it is printed, before it is escaped."""
    words = thing if isinstance(thing, str) else cell(thing)
    return re.sub(r"^(-?[\d.]+)e([+-])0?(\d+)$", r"\1 x 10\2\3", words)


def heading(name: object) -> str:
    return str(name).replace("_", " ")


def keys_of(frame: pd.DataFrame) -> int:
    """Return how many of the first columns say what a row is of: those of text, two at most, one at least."""
    texts = [not pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes]
    leading = texts.index(False) if False in texts else len(texts)
    return min(max(leading, 1), 2)


def set_table(part: Table, layout: Layout, columns: list[Column], of: tuple[int, int]) -> str:
    """Return one of the parts, ``of`` so many, that a table is set in."""
    shown = part.frame.iloc[:MOST_ROWS, list(layout.columns)]
    heads = [head(columns[place]) for place in layout.columns]
    styler = (
        cells_of(shown, layout)
        .style.hide(axis="index")
        .format_index(lambda place: heads[int(str(place))], axis=1)
    )
    if part.contest is not None:
        styler = styler.apply(lambda _: marks(shown, part.contest), axis=None)
    long = len(shown) > ON_ONE_PAGE
    name = part.name if of[1] == 1 else f"{part.name}-{of[0]}"
    there = part.contest is not None and part.contest.column in shown
    text = styler.to_latex(
        hrules=True,
        column_format=f"@{{}}{''.join(layout.formats)}@{{}}",
        environment="longtable" if long else None,
        caption=" ".join(caption(each) for each in said(part if there else replace(part, contest=None), of)),
        label=f"tab:{name}",
        position_float=None if long else "centering",
    )
    size = f"\\{layout.size}\\setlength{{\\tabcolsep}}{{{SEPARATION:g}pt}}"
    if long:
        return f"\\begingroup{size}\\setlength{{\\LTcapwidth}}{{\\linewidth}}\n{text}\\endgroup\n"
    return text.replace("\\begin{tabular}", f"{size}\n\\begin{{tabular}}", 1)


def cells_of(shown: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the cells as LaTeX; the columns are numbered, as names may be there twice."""
    found = {}
    for place, form in enumerate(layout.formats):
        wraps = form not in ("l", "r")
        texts = [
            breakable(each) if wraps and isinstance(each, str) else value(each)
            for each in shown.iloc[:, place]
        ]  # the end of a row would take what begins the next for its own
        found[place] = ["{}" + text if text.startswith(("[", "*")) else text for text in texts]
    return pd.DataFrame(found, dtype=object)


def head(of: Column) -> str:
    """Return the heading of a column, in as many lines as it takes."""
    lines = [number(line) for line in of.head]
    if len(lines) == 1:
        return lines[0]
    stack = r" \\ ".join(lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{'r' if of.numeric else 'l'}@{{}}}}{stack}\end{{tabular}}"


def said(part: Table, of: tuple[int, int]) -> Iterator[str]:
    """Yield what the table is, how much of it is there, and what its marks mean."""
    yield f"{part.caption}{'' if part.caption.endswith('.') else '.'}"
    if of[1] > 1:
        yield f"Columns, part {of[0]} of {of[1]}."
    if (more := len(part.frame) - MOST_ROWS) > 0:
        yield f"{counted(more, 'more row is', 'more rows are')} in tables/{part.name}.csv of the report."
    if part.contest is not None:
        yield marks_meaning(part.contest)


def marks_meaning(contest: Contest) -> str:
    where = heading(contest.column)
    return f"Of {where}, bold is the best, underlined what is not shown to be worse ({contest.test})."


def marks(shown: pd.DataFrame, contest: Contest) -> np.ndarray:
    """Return the style of each cell: shape (rows, columns)."""
    styles = np.full(shown.shape, "", dtype=object)
    for place, name in enumerate(shown.columns):
        if name == contest.column:
            rows = slice(len(shown))
            styles[np.asarray(contest.best[rows]), place] = BEST
            styles[np.asarray(contest.equal[rows]), place] = EQUAL
    return styles
