"""The text of a report, which is Markdown, as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from markdown_it import MarkdownIt

from experiments.reports.latex.escape import breakable, typewriter

MARKDOWN = MarkdownIt("commonmark", {"html": False})
SECTIONS = {"h1": "section*", "h2": "section", "h3": "subsection"}
STANDS = {
    **{"strong_open": r"\textbf{", "strong_close": "}", "em_open": r"\emph{", "em_close": "}"},
    **{"softbreak": "\n", "hardbreak": "\\\\\n", "link_close": "}", "hr": "\\bigskip\n\n"},
    **{"paragraph_open": "", "paragraph_close": "\n\n", "heading_close": "}\n\n"},
    **{"bullet_list_open": "\\begin{itemize}\n", "bullet_list_close": "\\end{itemize}\n\n"},
    **{"ordered_list_open": "\\begin{enumerate}\n", "ordered_list_close": "\\end{enumerate}\n\n"},
    **{"list_item_open": "\\item{} ", "list_item_close": ""},
    **{"blockquote_open": "\\begin{quote}\n", "blockquote_close": "\\end{quote}\n\n"},
}
"""What stands for the tokens that have no content."""


def latex(text: str) -> str:
    """Return the LaTeX of a text in Markdown. Of a link to a file of the report the words are left."""
    return "".join(pieces(MARKDOWN.parse(text))).strip() + "\n"


def pieces(tokens: Iterable[Any]) -> Iterator[str]:
    """Yield the LaTeX of each token."""
    for token in tokens:
        if token.type == "inline":
            yield from pieces(token.children)
        elif token.type == "code_inline":
            yield typewriter(token.content)
        elif token.type in ("fence", "code_block"):
            yield listing(token.content)
        elif token.type == "heading_open":
            yield rf"\{SECTIONS.get(token.tag, 'subsubsection')}{{"
        elif token.type == "link_open":
            yield opened(str(token.attrs["href"]))
        else:
            yield STANDS[token.type] if token.type in STANDS else breakable(token.content)


def opened(address: str) -> str:
    """Return what a link begins with."""
    if "://" not in address:
        return "{"
    address = re.sub(r"([%#])", r"\\\1", address)
    return rf"\href{{{address}}}{{"


def listing(code: str) -> str:
    """Return lines of code, those that are too long broken."""
    lines = [line.expandtabs() for line in code.rstrip("\n").split("\n")]
    indented = [("~" * (len(line) - len(line.lstrip())), line.lstrip()) for line in lines]
    code = "\\\\\n".join(rf"\texttt{{{blanks}}}{typewriter(line)}" for blanks, line in indented)
    return "\\begin{flushleft}\\small\n" + code + "\n\\end{flushleft}\n\n"
