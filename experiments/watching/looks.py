"""Looks at a study, one after another, at what it costs to list its folders."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from experiments.grid.failures import FAILURES

KINDS = ("runs", "selections")
"""The folders whose files make a study; a history goes before its runs, and is none without them."""

PAUSES = 4.0  # times what a work took, for which it then rests: it takes a fifth of the time at most


@dataclass(frozen=True)
class Clock:
    """How time is told, and how it passes.

    Attributes:
        now: seconds from some moment on; never goes back.
        wall: seconds since the epoch, as files have them.
        sleep: waits for so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Tempo:
    """How often to look, and how long.

    Attributes:
        every: seconds between two looks.
        until_quiet: seconds without a change after which a look is the last; None to look for ever.
        once: whether the first look is the last.
    """

    every: float
    until_quiet: float | None = None
    once: bool = False


@dataclass(frozen=True)
class Pieces:
    """What there is of a study on disk.

    Attributes:
        there: whether it has a folder.
        stamps: of each piece, by its path there, the size in bytes and the time of its change in ns.
    """

    there: bool
    stamps: Mapping[str, tuple[int, int]]

    @property
    def newest(self) -> float:
        """When a piece came or changed last, in seconds since the epoch; 0 if there is none."""
        return max((changed for _, changed in self.stamps.values()), default=0) / 1e9


@dataclass(frozen=True)
class Look:
    """A look at a study.

    Attributes:
        pieces: what there is.
        grown: whether that is not what there was at the look before.
        last: whether no other look follows.
    """

    pieces: Pieces
    grown: bool
    last: bool


def looks(see: Callable[[], Pieces], tempo: Tempo, clock: Clock) -> Iterator[Look]:
    """Yield looks at a study until nothing of it has changed for as long as is asked.

    A study of which there is nothing yet is waited for, however long.
    """
    before, since = None, clock.now()
    while True:
        pieces = see()
        grown, before = pieces != before, pieces
        since = clock.now() if grown else since
        ends = since + tempo.until_quiet if tempo.until_quiet is not None and pieces.stamps else None
        last = tempo.once or (ends is not None and clock.now() >= ends)
        yield Look(pieces, grown, last)
        if last:
            return
        left = tempo.every if ends is None else ends - clock.now()
        clock.sleep(max(min(tempo.every, left), 0.0))


def pieces_in(folder: Path) -> Pieces:
    """Return what there is of a study; no file is opened.

    Raises:
        OSError: a folder is there and cannot be looked into.
    """
    stamps: dict[str, tuple[int, int]] = {}
    for kind in KINDS:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder / kind) as entries:
            for entry in entries:
                if entry.name.endswith(".parquet"):
                    add_stamp(stamps, f"{kind}/{entry.name}", entry)
    add_stamp(stamps, FAILURES, folder / FAILURES)
    return Pieces(bool(stamps) or folder.is_dir(), stamps)


def add_stamp(stamps: dict[str, tuple[int, int]], name: str, file: Path | os.DirEntry[str]) -> None:
    """Add the stamp of a file, unless it is not there: another process has removed it, say."""
    with suppress(FileNotFoundError):
        found = file.stat()
        stamps[name] = found.st_size, found.st_mtime_ns


class Pace:
    """When something that takes time may be done again, so that it does not take all of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.took = 0.0
        self.due = clock.now()

    def is_due(self) -> bool:
        """Tell whether it may be done now."""
        return self.clock.now() >= self.due

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Do it inside; it rests for a multiple of what this takes."""
        began = self.clock.now()
        try:
            yield
        finally:
            ended = self.clock.now()
            self.took = ended - began
            self.due = ended + self.rest

    @property
    def rest(self) -> float:
        """For how many seconds it rests."""
        return PAUSES * self.took
