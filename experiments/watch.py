"""Show a study while it grows: its best settings so far, and its page, made anew."""

from __future__ import annotations

import atexit
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich.console import Console

from experiments import tables
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.growth import Moment, Show, Told, showing, told_of
from experiments.command_line.terminal import time_text
from experiments.figures.parts import Text
from experiments.plugins.state import study_words
from experiments.report import checked_factor, no_runs, write_parts
from experiments.reports.html import stop_reloading
from experiments.reports.study import study_parts
from experiments.request.checks import checked_number, checked_study
from experiments.store.parquet import CannotWrite, Damaged
from experiments.watching.looks import Clock, Look, Pace, Pieces, Tempo, looks, pieces_in
from experiments.watching.reading import Seen, read


@dataclass(frozen=True)
class Asked:
    """What is asked for, checked.

    Attributes:
        config: the command's, for the report.
        folder: the study's.
        tempo: how often to look, and how long.
        measure: what settings are compared by.
        factor: of the report's.
        page: whether to make the page.
    """

    config: DictConfig
    folder: Path
    tempo: Tempo
    measure: str
    factor: float
    page: bool

    @property
    def where(self) -> tuple[str, ...]:
        """The words by which a command finds the study again."""
        return study_words(self.config.study, self.config.results)


class PageError(Exception):
    """A page that cannot be made; the message says why."""


@disk_errors_end_here()
def watch(config: DictConfig) -> None:
    """Show a study as it grows, until it is quiet or the command is told to end."""
    with bad_input_ends_here("watch"):
        asked = asked_for(config)
    follow(asked, Clock(), Console())


def asked_for(config: DictConfig) -> Asked:
    """Return what is asked for, else raise ValueError."""
    quiet = config.until_quiet
    tempo = Tempo(
        every=checked_number("every", config.every, 1),
        until_quiet=None if quiet is None else checked_number("until_quiet", quiet, 1),
        once=config.once,
    )
    measure = f"{config.measure}"
    tables.measure_of(measure, ())  # whether runs have it is not known yet
    folder = Path(config.results) / checked_study(config.study)
    return Asked(config, folder, tempo, measure, checked_factor(config.factor), config.page)


def follow(asked: Asked, clock: Clock, console: Console) -> None:
    """Look at a study, show it as it is, and make its page, until the last look."""
    if asked.tempo.once and not there_is(asked.folder).there:
        fail(f"study={asked.config.study}: there is no such study in {asked.config.results}")
    with quiet_page(asked.folder / "report") if asked.page else nullcontext():
        with showing(console) as show:
            watched = Watched(asked, clock, show)
            for look in looks(partial(there_is, asked.folder), asked.tempo, clock):
                watched.take(look)
        if watched.fault:
            fail(watched.page)


def there_is(folder: Path) -> Pieces:
    """Return what there is of a study; an error if its folder cannot be looked into."""
    try:
        return pieces_in(folder)
    except OSError as error:
        fail(f"{folder} cannot be looked into: {error.strerror or error}")


@contextmanager
def quiet_page(folder: Path) -> Iterator[None]:
    """Let the page of a study not load itself any more once what is done inside has ended."""
    atexit.register(stop_reloading, folder)  # a signal raises nothing, but does what is registered
    try:
        yield
    finally:
        atexit.unregister(stop_reloading)
        stop_reloading(folder)


class Watched:
    """A study as it was read last, and its page; each is made anew when there is news and time for it."""

    def __init__(self, asked: Asked, clock: Clock, show: Show) -> None:
        self.asked = asked
        self.clock = clock
        self.show = show
        self.reading, self.paging = Pace(clock), Pace(clock)
        self.told = Told(asked.folder, None, None, (), (), ())
        self.to_read = self.to_page = False
        self.page = ""
        self.fault = False

    def take(self, look: Look) -> None:
        """Read what a look has found, show it, and make the page if there is to be one."""
        self.to_read |= look.grown
        read_now = self.to_read and (look.last or self.reading.is_due())
        if read_now:
            with self.reading.timed():
                self.read(look)
        if not (self.asked.page and (look.last or (self.to_page and self.paging.is_due()))):
            self.show(self.told, self.moment(look, grown=read_now))
            return
        self.page, self.fault = "making the page", False
        self.show(self.told, replace(self.moment(look, grown=read_now and not look.last), last=False))
        with self.paging.timed():
            self.make_page(look)
        self.show(self.told, self.moment(look, paged=True))

    def moment(self, look: Look, grown: bool = False, paged: bool = False) -> Moment:
        page = "" if look.last and self.fault else self.page  # which then ends the command
        return Moment(self.clock.wall(), look.pieces.newest, grown, look.last, page, paged)

    def read(self, look: Look) -> None:
        """Read the study as it is now."""
        before = None
        if self.told.seen is not None:
            before, self.to_page = self.told.seen.count, False
            # not two studies in memory at once
            self.told = replace(self.told, seen=replace(self.told.seen, runs=pd.DataFrame()))
        try:
            seen = read(self.asked.folder) if look.pieces.there else None
        except Damaged:  # its files went while they were read: at the next look there are others
            if look.last:
                raise
            return
        asked = self.asked
        self.told = told_of(asked.folder, seen, before, asked.measure, asked.factor, asked.where)
        self.to_read, self.to_page = False, seen is not None and not seen.runs.empty

    def make_page(self, look: Look) -> None:
        """Make the page of what was read last; if that cannot be, the page that is there stays."""
        self.to_page = False
        began = self.clock.now()
        try:
            page = self.made(look)
        except PageError as error:
            self.page, self.fault = f"page not made: {error}", True
        else:
            took = time_text(self.clock.now() - began)
            self.page, self.fault = f"page made in {took}: {page}", False

    def made(self, look: Look) -> Path:
        """Make the page and return its path; unless it is the last it says that it is watched.

        Raises:
            PageError: it cannot be made.
        """
        seen, config = self.told.seen, self.asked.config
        if seen is None or seen.runs.empty:
            raise PageError(
                no_runs(self.asked.where, seen.store) if seen else f"study={config.study} is not there"
            )
        try:
            tables.measure_of(self.asked.measure, seen.runs.columns)
            title, *rest = study_parts(
                seen.store, seen.runs, self.asked.where, self.asked.measure, self.asked.factor
            )
            said = notes(seen, self.clock.wall(), look.last)
            reload = None if look.last else math.ceil(max(self.asked.tempo.every, self.paging.rest))
            return write_parts(seen.store, seen.runs, [title, *said, *rest], config, reload)[1]
        except (ValueError, Damaged, CannotWrite) as error:
            raise PageError(f"{error}") from error


def notes(seen: Seen, at: float, last: bool) -> Iterator[Text]:
    """Yield what a page says below its title: when it was made, and which files it is without."""
    if not last:
        made = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
        yield Text(f"Made {made} while the study was still growing.")
    if seen.unread:
        yield Text(f"Left out: {'; '.join(seen.unread)}.")


main = command("watch", watch)

if __name__ == "__main__":
    main()
