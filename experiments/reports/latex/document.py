"""A report as LaTeX: a folder with its tables, its figures, a paragraph on methods, and a document of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from experiments.figures.parts import Chart, Part, Table, Text
from experiments.reports.contests import carried
from experiments.reports.latex.escape import caption, escaped
from experiments.reports.latex.figures import figure_text, save_pdf
from experiments.reports.latex.markdown import latex
from experiments.reports.latex.origin import made_with
from experiments.reports.latex.tables import table_text
from experiments.store.parquet import write_text

FOLDER = "latex"
NAME = "report.tex"
ENVIRONMENT = Environment(
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
"""Its templates do without braces, which LaTeX is full of."""


def write_latex(
    report: Path, title: str, sections: Sequence[str], methods: str, command: str, before: int | None = 2
) -> Path:
    """Write ``report.tex`` and ``methods.tex`` into the folder ``latex`` of a report; return the path.

    Args:
        report: the folder of the report, whose tables and figures ``set_sections`` has written.
        title: in words.
        sections: as LaTeX, the first what stands before the first heading.
        methods: a paragraph, as LaTeX.
        command: that writes it.
        before: how many sections come before the methods; None if all do.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    folder = report / FOLDER
    write_text(folder / "methods.tex", methods)
    page = (files("experiments.reports.latex") / f"{NAME}.j2").read_text(encoding="utf-8")
    template = ENVIRONMENT.from_string(page)
    path = folder / NAME
    text = template.render(title=escaped(title), sections=sections, before=before, command=command)
    write_text(path, text)
    return path


def set_sections(report: Path, parts: Sequence[Part]) -> list[str]:
    """Write the tables and figures of parts, and return the LaTeX of each section: ``##`` begins one.

    Raises:
        CannotWrite: as ``write_latex``.
    """
    folder = report / FOLDER
    found: list[list[str]] = [[]]
    for part in carried(parts):
        if isinstance(part, Text) and part.text.startswith("# "):  # the title, which the document has
            continue
        if isinstance(part, Text) and part.text.startswith("## "):
            found.append([])
        found[-1].append(set_part(folder, part))
    return ["\n".join(section) for section in found]


def set_part(folder: Path, part: Part) -> str:
    """Write the file of a part, if it has one, and return what stands for it in the document."""
    if isinstance(part, Text):
        return latex(part.text)
    if isinstance(part, Table):
        write_text(folder / "tables" / f"{part.name}.tex", table_text(part))
        return f"\\input{{tables/{part.name}.tex}}\n"
    if isinstance(part, Chart):
        return f"\\emph{{{caption(part.caption)}}}: to click through, in report.html.\n"
    save_pdf(part.figure, folder / "figures" / f"{part.name}.pdf")
    return figure_text(part)


def joined(paragraphs: Iterable[tuple[str, str]]) -> str:
    """Return paragraphs of methods, each under the name of its section, as one text."""
    texts = [f"\\paragraph{{{escaped(name)}}}\n{text}" for name, text in paragraphs]
    return "\n".join([*texts, f"{made_with()}.\n"])
