"""What a report is made of: text, tables, figures with their captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph, heading or list in Markdown."""

    text: str


@dataclass(frozen=True)
class Contest:
    """Which values of a column a test of the report tells to be best, and which it does not tell from them.

    Attributes:
        column: whose values.
        best: of each row whether its value is the best, of all or of its problem.
        equal: of each row whether it is not the best and not shown to be worse.
        test: in words.
    """

    column: str
    best: tuple[bool, ...]
    equal: tuple[bool, ...]
    test: str


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        name: that of its files.
        runs: those that it was made from, if not from all of its section.
        shown: those at the settings that its rows tell of, a setting for each problem and optimizer, if
            they are not all that it was made from.
        contest: what a test says of its values; None where the report has none.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    runs: pd.DataFrame | None = None
    shown: pd.DataFrame | None = None
    contest: Contest | None = None


@dataclass(frozen=True)
class Picture:
    """A figure with its caption.

    Attributes:
        name: that of its files.
        frame: what it shows, as numbers.
        runs: those that it was made from, if not from all of its section.
        chart: makes the same as a Vega-Lite specification, for a page to click through.
    """

    name: str
    caption: str
    figure: Figure
    frame: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    chart: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Chart:
    """A figure that is only to click through, in the page of the report.

    Attributes:
        name: its own.
        chart: makes its Vega-Lite specification.
        runs: those that it was made from, if not from all of its section.
    """

    name: str
    caption: str
    chart: Callable[[], dict[str, Any]]
    runs: pd.DataFrame | None = None


Part = Text | Table | Picture | Chart
