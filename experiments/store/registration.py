"""Rules that a study is judged by, written down before its runs: immutable, dated, with what was there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from experiments.store.parquet import Damaged, readable, sync_folder, writing
from experiments.store.store import names_in

RULES = "rules"
"""The folder of a study that holds them."""

HEAD = "# What runs are judged by, written down before they are made. Nothing changes this file."
RULE, SEAL = "rule: |", "seal: "


@dataclass(frozen=True)
class Registered:
    """A rule as it was written down.

    Attributes:
        name: of its claim.
        digest: of its text.
        when: the date and time, in UTC.
        there: the runs files that the study held then; files do not change, so no later run is in one of
            them.
        text: the rule.
    """

    name: str
    digest: str
    when: str
    there: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.digest}.yaml"


def digest_of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def register(study: Path, name: str, text: str) -> Registered:
    """Write a rule down, with the date and what the study holds, unless it is there; return it as it was
    written.

    Raises:
        CannotWrite: the folder is read-only, say.
        Damaged: it is there, and not as it was written.
    """
    folder = study / RULES
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = Registered(name, digest_of(text), now, tuple(sorted(names_in(study / "runs"))), text)
    path = folder / new.file
    if not path.exists():
        with writing(folder) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="\n") as file:
                file.write(content_of(new))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(folder)
    return read_rule(path)


def registered(study: Path, name: str) -> list[Registered]:
    """Return all rules that this claim has had in a study, in the order in which they were written down.

    Raises:
        Damaged: a file is not as it was written.
    """
    found = [read_rule(path) for path in rule_files(study)]
    return sorted((each for each in found if each.name == name), key=lambda each: each.when)


def rule_files(study: Path) -> list[Path]:
    """Return the files of rules in a study, in a fixed order."""
    return sorted((study / RULES).glob("*.yaml"))


def content_of(rule: Registered) -> str:
    """Return the content of the file of a rule."""
    lines = [HEAD, f"claim: {rule.name}", f"registered: {rule.when}", f"there: {listed(rule.there)}", RULE]
    above = "\n".join([*lines, *(f"  {line}" for line in lines_of(rule.text))]) + "\n"
    return f"{above}{SEAL}{digest_of(above)}\n"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; ``splitlines`` would break them at other characters too."""
    return text.removesuffix("\n").split("\n")


def listed(names: Sequence[str]) -> str:
    """Return names as a list of YAML, one a line."""
    return "".join(f"\n- {name}" for name in names) or "[]"


def read_rule(path: Path) -> Registered:
    """Return what a file of a rule holds.

    Raises:
        Damaged: it is not as it was written.
    """
    with readable(path):
        content = path.read_text(encoding="utf-8")
    above, _, seal = content.rpartition(SEAL)
    head, _, body = above.partition(f"\n{RULE}\n")
    if seal.strip() != digest_of(above):
        raise Damaged(path, "it is not as it was written")
    _, claim, when, _, *there = head.split("\n")
    text = "".join(f"{line[2:]}\n" for line in lines_of(body))
    found = Registered(
        name=claim.partition(": ")[2],
        digest=digest_of(text),
        when=when.partition(": ")[2],
        there=tuple(line.removeprefix("- ") for line in there),
        text=text,
    )
    if path.name != found.file:
        raise Damaged(path, "its name is not that of its rule")
    return found


def rule_faults(study: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and what is wrong with it, for each rule that is not as it was written."""
    for path in rule_files(study):
        try:
            read_rule(path)
        except Damaged as error:
            yield path.name, error.reason
