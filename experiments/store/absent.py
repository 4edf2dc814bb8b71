"""What a study holds runs of and this process does not have: parts from outside that were not named, say."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from experiments.engine.fingerprint import not_here
from experiments.wording import counted


@dataclass(frozen=True, order=True)
class Absent:
    """What there are runs of in a study and is not here.

    Attributes:
        parts: as one types them.
        plugins: the word of the command that made them that may bring it; empty if there was none.
        runs: how many.
    """

    parts: str
    plugins: str
    runs: int = 0

    def __str__(self) -> str:
        brought = f"; {self.plugins} was typed where they were made" if self.plugins else ""
        return f"{counted(self.runs, 'run')} of {self.parts}, which is not here{brought}"


def absent_among(files: Iterable[tuple[int, Mapping[str, str]]]) -> tuple[Absent, ...]:
    """Return what files have runs of and is not here, given the rows of each and what its footer tells."""
    counts = Counter[Absent]()
    for rows, told in files:
        if told.get("code"):
            parts = not_here(*(told.get(key, "") for key in ("optimizer", "problem", "schedule")))
            counts[Absent(" ".join(parts), plugins_in(told.get("command", "")))] += rows if parts else 0
    return tuple(replace(absent, runs=runs) for absent, runs in sorted((+counts).items()))


def plugins_in(command: str) -> str:
    """Return the word of a command that names parts from outside; empty if there is none."""
    with suppress(ValueError):  # a quote that is not closed
        return next((word for word in shlex.split(command) if word.startswith("plugins=")), "")
    return ""
