"""A figure of a report as PDF, with the fonts that it uses inside."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from experiments.figures import STYLE
from experiments.figures.parts import Picture
from experiments.reports.latex.escape import caption
from experiments.store.parquet import replacing

TRUETYPE: Any = {"pdf.fonttype": 42}
"""Letters stay letters, which one can search and edit; matplotlib's own Type 3 many journals refuse."""

LINE = 6.6  # inches: a figure that is wider is made narrower


def save_pdf(figure: Figure, path: Path) -> None:
    """Save a figure as PDF, without a date or a version. Equal content gives equal bytes."""
    marks = {"CreationDate": None, "Creator": None, "Producer": None}
    with rc_context({**STYLE, **TRUETYPE}), quiet_fonts(), replacing(path) as temporary:
        figure.savefig(temporary, format="pdf", metadata=marks)


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """Keep what subsets the fonts from telling about each of them, as a command's logging would let it."""
    log = logging.getLogger("fontTools")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def figure_text(part: Picture) -> str:
    """Return the LaTeX that includes a figure, with its caption."""
    wide = part.figure.get_figwidth()
    width = r"\linewidth" if wide > LINE else f"{wide:.2f}in"
    ends = "" if part.caption.endswith(".") else "."
    return (
        "\\begin{figure}\n\\centering\n"
        f"\\includegraphics[width={width},height=0.85\\textheight,keepaspectratio]{{figures/{part.name}.pdf}}\n"
        f"\\caption{{{caption(part.caption)}{ends}}}\n\\label{{fig:{part.name}}}\n\\end{{figure}}\n"
    )
