"""How far a grid has come: one bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TimeRemainingColumn,
)
from rich.text import Text

from experiments.wording import counted

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_LOOKS = 1.0


class Advance(Protocol):
    """Tells that so many more runs were run, and so many more found in the store."""

    def __call__(self, ran: int, reused: int, /) -> None: ...


def untold(ran: int, reused: int, /) -> None:
    """Tell nobody."""


CURRENT: ContextVar[Advance] = ContextVar("CURRENT", default=untold)
"""Whom this process tells of its progress: a bar that is shown here, or the process that shows it."""


@contextmanager
def progress(total: int) -> Iterator[None]:
    """Show how many of ``total`` runs are done, as ``CURRENT`` is told. Stored ones are left out."""
    console = Console(stderr=True)
    if console.is_terminal:
        with bar(console) as shown, current(on_bar(shown, shown.add_task("", total=total), total)):
            yield
    else:
        with current(lines(console, total)):
            yield


@contextmanager
def current(advance: Advance) -> Iterator[None]:
    """Tell ``advance`` of the progress inside."""
    before = CURRENT.set(advance)
    try:
        yield
    finally:
        CURRENT.reset(before)


@contextmanager
def following(count: Callable[[], int]) -> Iterator[None]:
    """Tell of runs that other processes store meanwhile, as ``count`` finds them once a second."""
    advance, over = CURRENT.get(), Event()

    def follow(seen: int) -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            now = count()
            advance(now - seen, 0)
            seen = now

    watcher = Thread(target=follow, args=(count(),), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def on_bar(shown: Progress, task: TaskID, total: int) -> Advance:
    """Return a function that moves the bar; what was stored already shortens it."""

    def advance(ran: int, reused: int, /) -> None:
        nonlocal total
        total -= reused
        shown.update(task, advance=ran, total=total)

    return advance


class RateColumn(ProgressColumn):
    """Runs a second."""

    def render(self, task: Task) -> Text:
        return Text("runs" if task.speed is None else f"runs, {task.speed:,.0f}/s")


def bar(console: Console) -> Progress:
    """Return the bar: runs done, runs a second, time left."""
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def lines(console: Console, total: int) -> Advance:
    """Return a function that prints a line when the last one is some seconds old."""
    done, began = 0, time.monotonic()
    last = began - SECONDS_BETWEEN_LINES / 2

    def advance(ran: int, reused: int, /) -> None:
        nonlocal done, total, last
        done, total = done + ran, total - reused
        now = time.monotonic()
        if ran and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            rate = done / max(now - began, 1e-9)
            left = (total - done) / rate
            console.print(f"{done:,} of {counted(total, 'run')}, {rate:,.0f} runs/s, {left:,.0f} s left")

    return advance
