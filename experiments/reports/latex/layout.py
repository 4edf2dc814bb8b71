"""How a table fits on a page: its size, where its cells wrap, into which parts it is cut if it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

LINE, TEXT_WIDTH = 483.0, 470.0
"""In points: the 17 cm between the margins of A4, and what a table may take of them."""

SEPARATION = 3.0
"""On either side of a column, in points: ``tabcolsep``."""

SIZES = {"small": 9.25, "footnotesize": 8.5, "scriptsize": 8.0}
"""Sizes from the largest on, with the width of an em in points: small letters of Computer Modern are wide."""

WRAPS_FROM, NARROWEST = 22.0, 11.0
"""Of a column of text, in em: what is wider may wrap, to no less than that."""

WIDTHS = {
    "0123456789": 0.5,
    "ijlI.,:;'|!f ": 0.3,
    '()[]-rst"`': 0.4,
    "ceazv?": 0.46,
    "mMW%@—": 0.95,
    "w∞+=<>\u00d7≤≥": 0.78,
}
EM = {letter: width for letters, width in WIDTHS.items() for letter in letters}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: the lines of its heading, as they are before they are escaped.
        numeric: whether it goes to the right.
        width: of its widest cell or line of the heading, in em.
        least: as narrow as it can be.
    """

    head: tuple[str, ...]
    numeric: bool
    width: float
    least: float


@dataclass(frozen=True)
class Layout:
    """How some of a table's columns are set.

    Attributes:
        columns: their places in the table.
        size: of the letters.
        formats: of each column, as ``tabular`` takes it; one that wraps has its share of the line.
    """

    columns: tuple[int, ...]
    size: str
    formats: tuple[str, ...]


def em(text: str) -> float:
    """Return about how wide a text is, in em."""
    return sum(EM.get(letter, 0.75 if letter.isupper() else 0.54) for letter in text)


def column(heading: str, cells: Sequence[str], numeric: bool) -> Column:
    """Return a column, given its heading and its cells before they are escaped.

    A heading takes as many lines as it needs to be no wider than the cells, or than its longest word.
    """
    words = re.split(r" |(?<=\.)(?=[a-z])", heading)
    cell = max(map(em, cells), default=0.0)
    head = tuple(stacked(words, max([cell, *map(em, words)])))
    width = max([cell, *map(em, head)])
    wraps = not numeric and cell > WRAPS_FROM
    return Column(head, numeric, width, max([NARROWEST, *map(em, head)]) if wraps else width)


def stacked(words: Sequence[str], width: float) -> Iterator[str]:
    """Yield words in lines no wider than that, unless a word is."""
    line = ""
    for word in words:
        joined = f"{line}{'' if line.endswith('.') or not line else ' '}{word}"
        if line and em(joined) > width:
            yield line
            line = word
        else:
            line = joined
    yield line


def layouts(columns: Sequence[Column], keys: int) -> list[Layout]:
    """Return how a table is set: whole, as large as it fits, or in parts that each begin with its keys.

    Args:
        columns: all of them.
        keys: how many of the first ones say what a row is of.
    """
    everything = tuple(range(len(columns)))
    for size in SIZES:
        if whole := fitted(columns, everything, size):
            return [whole]
    smallest = list(SIZES)[-1]
    parts = [everything[:keys]]
    for place in everything[keys:]:
        longer = (*parts[-1], place)
        if len(longer) > keys + 1 and fitted(columns, longer, smallest) is None:
            parts.append(everything[:keys])
            longer = (*everything[:keys], place)
        parts[-1] = longer
    even = evenly(everything[keys:], len(parts))
    if all(fitted(columns, (*everything[:keys], *part), smallest) for part in even):
        parts = [(*everything[:keys], *part) for part in even]
    return [fitted(columns, each, smallest) or squeezed(columns, each, smallest) for each in parts]


def evenly(places: tuple[int, ...], parts: int) -> list[tuple[int, ...]]:
    """Return places in so many parts, in order, that are as long as each other or shorter by one."""
    ends = [len(places) * part // parts for part in range(parts + 1)]
    return [places[start:end] for start, end in pairwise(ends)]


def fitted(columns: Sequence[Column], places: tuple[int, ...], size: str) -> Layout | None:
    """Return how these columns are set at a size; None if they do not fit."""
    there = [columns[place] for place in places]
    room = TEXT_WIDTH / SIZES[size] - len(there) * 2 * SEPARATION / SIZES[size]
    fixed = sum(each.width for each in there if each.least == each.width)
    wrapping = [each for each in there if each.least < each.width]
    left = room - fixed
    if sum(each.width for each in wrapping) <= left:
        return Layout(places, size, tuple("r" if each.numeric else "l" for each in there))
    if sum(each.least for each in wrapping) > left:
        return None
    wide = shares(wrapping, left)
    formats = [
        wrapped(wide.pop(0), size) if each.least < each.width else "r" if each.numeric else "l"
        for each in there
    ]
    return Layout(places, size, tuple(formats))


def shares(wrapping: Sequence[Column], room: float) -> list[float]:
    """Return the width of each column that may wrap: more to the wider, none less than it needs."""
    whole = sum(each.width for each in wrapping)
    spare = room - sum(each.least for each in wrapping)
    return [each.least + spare * each.width / whole for each in wrapping]


def squeezed(columns: Sequence[Column], places: Sequence[int], size: str) -> Layout:
    """Return how columns that cannot fit are set: all text wraps, as evenly as there is room."""
    there = [columns[place] for place in places]
    room = (TEXT_WIDTH - len(there) * 2 * SEPARATION) / SIZES[size]
    each_one = room / len(there)
    return Layout(tuple(places), size, tuple(wrapped(each_one, size) for _ in there))


def wrapped(width: float, size: str) -> str:
    """Return the format of a column that wraps, with its share of the line."""
    share = width * SIZES[size] / LINE
    return rf">{{\raggedright\arraybackslash}}p{{{share:.3f}\linewidth}}"
