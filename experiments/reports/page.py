"""What a report is made of, and how it is written: Markdown, CSV, PNG, SVG."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from experiments.figures import STYLE
from experiments.figures.parts import Chart, Part, Table, Text
from experiments.store.parquet import replacing
from experiments.store.parquet import write_text as replace_text
from experiments.tables import cell
from experiments.wording import counted

LONGEST, SHOWN = 36, 12  # rows of a table in a page: longer ones show their first rows


def write_page(folder: Path, parts: Iterable[Part]) -> Path:
    """Write ``report.md`` with its tables and figures into ``folder`` and return its path.

    Tables go to ``tables/NAME.csv`` and ``.md``, figures to ``figures/NAME.png`` and
    ``.svg``. Equal content gives equal bytes. Who reads meanwhile sees each file whole, old or new.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    return write_text(folder, [written(folder, part) for part in parts])


def write_text(folder: Path, paragraphs: Iterable[str]) -> Path:
    """Write ``report.md``, given the Markdown of its parts, and return its path."""
    path = folder / "report.md"
    replace_text(path, "\n\n".join(paragraphs) + "\n")
    return path


def written(folder: Path, part: Part) -> str:
    """Write the files of one part and return its Markdown."""
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Table):
        markdown = table_text(part.frame)
        save_csv(folder, part.name, part.frame)
        replace_text(folder / "tables" / f"{part.name}.md", f"{markdown}\n")
        return f"*{part.caption}* ([CSV](tables/{part.name}.csv))\n\n{shortened(part.frame, markdown)}"
    if isinstance(part, Chart):
        return f"*{part.caption}*: in report.html."
    save_figure(part.figure, folder / "figures" / part.name)
    links = f"[SVG](figures/{part.name}.svg)"
    if part.frame is not None:
        save_csv(folder, part.name, part.frame)
        links += f", [CSV](tables/{part.name}.csv)"
    return f"![{part.caption}](figures/{part.name}.png)\n\n*{part.caption}* ({links})"


def save_csv(folder: Path, name: str, frame: pd.DataFrame) -> None:
    with replacing(folder / "tables" / f"{name}.csv") as temporary:
        frame.to_csv(temporary, index=False, float_format="%.12g")


def shortened(frame: pd.DataFrame, markdown: str) -> str:
    """Return the table, or its first rows if it is long."""
    if len(frame) <= LONGEST:
        return markdown
    lines = markdown.split("\n")[: 2 + SHOWN]
    return "\n".join(lines) + f"\n\n{counted(len(frame) - SHOWN, 'more row is', 'more rows are')} in the CSV."


def save_figure(figure: Figure, stem: Path) -> None:
    """Save a figure as PNG and SVG without dates or version marks."""
    marks = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    with rc_context({**STYLE}):
        for kind, metadata in marks.items():
            with replacing(Path(f"{stem}.{kind}")) as temporary:
                figure.savefig(temporary, format=kind, metadata=metadata)


def table_text(frame: pd.DataFrame) -> str:
    """Return a table in Markdown: numbers to four digits, to the right."""
    header = [str(column).replace("_", " ") for column in frame.columns]
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False)]
    rule = ["---:" if right else ":---" for right in numeric]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def file_name(title: str) -> str:
    """Return a title as a file name: lower case, words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def bullet_list(lines: Sequence[str]) -> Text:
    return Text("\n".join(f"- {line}" for line in lines))
