"""The whole page: its sections put into the template, with the libraries that it carries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from experiments.figures.parts import Part
from experiments.reports.html.fragments import Fold, folds
from experiments.reports.html.libraries import inside_script, libraries
from experiments.reports.sources import FOLDER
from experiments.store.parquet import write_text

NAME = "report.html"
RELOADING = re.compile(r"<!--reloads-->.*?<!--/reloads-->\n", re.DOTALL)
"""What a page has that loads itself anew, and no other has."""


def write_document(
    folder: Path, title: str, parts: Iterable[Part], more: Iterable[Fold] = (), reload: int | None = None
) -> Path:
    """Write ``report.html`` into ``folder`` and return its path. Equal content gives equal bytes.

    Args:
        more: sections that stand after those of the parts.
        reload: after how many seconds the page loads itself anew; never if None.
    """
    return write_folds(folder, title, [*folds(parts, folder), *more], reload)


def write_folds(folder: Path, title: str, sections: Sequence[Fold], reload: int | None = None) -> Path:
    """Write ``report.html``, given its sections, the first of which stands before the contents.

    Who reads it meanwhile sees it whole, old or new.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    path = folder / NAME
    write_text(path, document(title, sections, reload))
    return path


def stop_reloading(folder: Path) -> None:
    """Let the page in this folder, if there is one, not load itself any more; it stays as it is else."""
    path = folder / NAME
    if path.is_file():
        there = path.read_text(encoding="utf-8")
        if RELOADING.search(there):
            write_text(path, RELOADING.sub("", there))


def document(title: str, sections: Sequence[Fold], reload: int | None = None) -> str:
    """Return the page; the first section with a title stands open."""
    carried = libraries()
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(own("page.html.j2"))
    return template.render(
        title=title,
        head=Markup(sections[0].body),
        sections=[(each, Markup(linked(each.body))) for each in sections[1:]],
        style=Markup(carried.table_style + own("page.css")),
        script=Markup(inside_script(own("page.js"))),
        charts=Markup(carried.charts),
        tables=carried.tables,
        reload=reload,
    )


def linked(body: str) -> str:
    """Return HTML whose links to the listings of runs lead to their places in the page."""
    return re.sub(rf'href="{FOLDER}/(\w+)\.csv"', r'href="#runs-\1"', body)


def own(name: str) -> str:
    """Return a file that lies beside this one."""
    return (files("experiments.reports.html") / name).read_text(encoding="utf-8")
