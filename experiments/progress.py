"""How far a grid has come: one bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0


class Advance(Protocol):
    """Tells that so many more runs are done."""

    def __call__(self, runs: int, /) -> None: ...


@contextmanager
def progress(label: str, before: int, total: int, began: float) -> Iterator[Advance]:
    """Show ``before`` of ``total`` runs as done, and more as the yielded function is called.

    Args:
        label: what is running now.
        began: when the grid began, in seconds since the epoch.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        with bar(console) as shown:
            task = shown.add_task(label, total=total, completed=before)
            yield lambda runs, /: shown.advance(task, runs)
    else:
        yield lines(console, label, before, total, began)


class RateColumn(ProgressColumn):
    """Runs a second."""

    def render(self, task: Task) -> Text:
        return Text("runs" if task.speed is None else f"runs, {task.speed:,.0f}/s")


def bar(console: Console) -> Progress:
    """Return the bar: runs done, runs a second, time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def lines(console: Console, label: str, before: int, total: int, began: float) -> Advance:
    """Return a function that prints a line when the last one is some seconds old."""
    done, last = before, max(began, time.time() - SECONDS_BETWEEN_LINES / 2)

    def advance(runs: int, /) -> None:
        nonlocal done, last
        done += runs
        now = time.time()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            rate = done / max(now - began, 1e-9)
            left = (total - done) / rate
            console.print(f"{done:,} of {total:,} runs, {rate:,.0f} runs/s, {left:,.0f} s left ({label})")

    return advance
