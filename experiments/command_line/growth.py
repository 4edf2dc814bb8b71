"""What is shown of a study that grows: one picture on a terminal, a line for each growth elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from experiments import tables
from experiments.command_line.terminal import best_table, time_text
from experiments.grid.failures import summary
from experiments.tables.coverage import Where
from experiments.watching.reading import Seen, alarm_lines, prepared
from experiments.wording import counted

MOST_LINES = 6  # of failures, of alarms


@dataclass(frozen=True)
class Told:
    """What is told of a study that was read.

    Attributes:
        folder: the study's.
        seen: what it holds; None if it is not there.
        more: how many runs more than when it was read before; None if it is read for the first time.
        tables: the best settings so far with their title, or nothing.
        alarms: a line each.
        notes: what the tables cannot say, a line each.
    """

    folder: Path
    seen: Seen | None
    more: int | None
    tables: Sequence[RenderableType]
    alarms: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True)
class Moment:
    """What is told at a look, beside the study.

    Attributes:
        at: when it was, in seconds since the epoch.
        newest: when the study changed last, likewise.
        grown: whether the study was read at this look.
        last: whether no look follows.
        page: what became of the page; empty if none was made.
        paged: whether it became so at this look.
    """

    at: float
    newest: float
    grown: bool
    last: bool
    page: str = ""
    paged: bool = False


class Show(Protocol):
    """Shows a study as it is at a look."""

    def __call__(self, told: Told, moment: Moment, /) -> None: ...


def told_of(
    folder: Path, seen: Seen | None, before: int | None, measure: str, factor: float, where: Where
) -> Told:
    """Return what is told of a study, ``before`` being how many runs it had when it was read before."""
    more = None if seen is None or before is None else seen.count - before
    if seen is None or seen.runs.empty:
        return Told(folder, seen, more, (), (), ())
    runs = prepared(seen.runs)
    try:
        tables.measure_of(measure, runs.columns)
    except ValueError as error:  # no run of a problem that has it is stored yet
        return Told(folder, seen, more, (), (), [f"no best settings yet: {error}"])
    table, notes = best_table(runs, measure, tried=True)
    title = Text(f"Best settings by median {measure} so far", style="italic")
    return Told(folder, seen, more, (title, table), alarm_lines(runs, measure, factor, where), notes)


def one_line(told: Told) -> str:
    """Return how far a study is, in a line."""
    if told.seen is None:
        return f"{told.folder}: there is no such study yet"
    words = [contents(told.seen)]
    if not told.seen.runs.empty:
        words += ended(told.seen)
    if told.seen.failures:
        words.append(f"{sum(failure.count for failure in told.seen.failures):,} failed")
    if told.alarms:
        words.append(counted(len(told.alarms), "alarm"))
    return f"{told.folder}: {'; '.join(words)}"


def contents(seen: Seen) -> str:
    """Return what a study holds, in words."""
    if not seen.count:
        return "no runs yet"
    return f"{counted(seen.count, 'run')} in {counted(seen.files, 'file')}"


def ended(seen: Seen) -> Iterator[str]:
    """Yield of what the runs are, and how many of them ended otherwise than well."""
    runs = prepared(seen.runs)
    settings = runs[["optimizer", *tables.hyperparameters(runs)]].drop_duplicates()
    yield (
        f"{counted(len(settings), 'setting')} of "
        f"{counted(runs['optimizer'].nunique(), 'optimizer')} on "
        f"{counted(runs['problem'].nunique(), 'problem')}, {counted(runs['seed'].nunique(), 'seed')}"
    )
    shares = runs["status"].value_counts(normalize=True)
    yield from (f"{shares[key]:.1%} {key}" for key in ("diverged", "stalled") if shares.get(key))


def details(told: Told) -> Iterator[RenderableType]:
    """Yield the table, and the lines that go with it."""
    if told.seen is None:
        return
    yield from told.tables
    yield from map(Text, told.notes)
    failed = [f"failed: {line}" for line in summary(told.seen.failures) if not line.startswith(" ")]
    yield from map(Text, shortened(failed, "more kind of failure", "more kinds of failure"))
    alarms = [f"alarm: {line}" for line in told.alarms]
    yield from map(Text, shortened(alarms, "more alarm", "more alarms"))
    yield from (Text(f"left out: {line}") for line in told.seen.left_out)


def shortened(lines: Sequence[str], one: str, many: str) -> list[str]:
    """Return the first lines, and how many there are more."""
    more = [f"and {counted(len(lines) - MOST_LINES, one, many)}"] if len(lines) > MOST_LINES else []
    return [*lines[:MOST_LINES], *more]


def since(moment: Moment) -> str:
    """Return how long ago a study changed; nothing if there is nothing of it."""
    ago = max(moment.at - moment.newest, 0.0)  # clocks of two machines may differ
    return f"last change {time_text(ago)} ago" if moment.newest else ""


@contextmanager
def showing(console: Console) -> Iterator[Show]:
    """Show a study on a terminal in one place, elsewhere a line for each growth, and all at the end."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda told, moment: live.update(picture(told, moment), refresh=True)


def picture(told: Told, moment: Moment) -> Group:
    """Return all that is told of a study."""
    said = [one_line(told), since(moment), moment.page]
    waits = [] if told.seen or moment.last else ["waiting for it"]
    return Group(*(Text(line) for line in [*said, *waits] if line), *details(told))


class Lines:
    """Prints a line for each growth and each page, and all that there is at the last look."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.left_out = set[str]()  # of which it has been told

    def __call__(self, told: Told, moment: Moment, /) -> None:
        """Print what there is to say at a look."""
        if moment.last:
            for part in picture(told, moment).renderables:
                self.console.print(part, soft_wrap=isinstance(part, Text))
        else:
            for line in self.news(told, moment):
                at = time.strftime("%H:%M:%S", time.localtime(moment.at))
                self.console.print(Text(f"{at} {line}"), soft_wrap=True)
        self.console.file.flush()

    def news(self, told: Told, moment: Moment) -> Iterator[str]:
        """Yield the lines of a look that is not the last."""
        if moment.grown:
            waits = [] if told.seen else ["waiting for it"]
            more = [f"{told.more:+,}"] if told.more else []
            yield "; ".join(filter(None, [one_line(told), *more, since(moment), *waits]))
            new = [line for line in (told.seen.left_out if told.seen else ()) if line not in self.left_out]
            self.left_out.update(new)
            yield from (f"left out: {line}" for line in new)
        if moment.paged:
            yield moment.page
