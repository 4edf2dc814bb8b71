"""What a study can do without: named first, then removed, so that what is left is sound at every moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from experiments.grid.failures import FAILURES
from experiments.store import Store
from experiments.store.audit import history_of, left_over, uncommitted
from experiments.store.parquet import append_lines, metadata_of, read_table, write_table, writing
from experiments.store.store import PRUNED, code_now


@dataclass(frozen=True)
class Piece:
    """Some files of a study that belong together.

    Attributes:
        what: for which of ``KINDS`` they are there.
        name: of what they are, in words.
        runs: how many runs they hold, or recorded failures.
        files: where they are; a runs file stands before its history.
        size: in bytes.
    """

    what: str
    name: str
    runs: int
    files: tuple[Path, ...]
    size: int


# What there is


def pieces(store: Store, kinds: Iterable[str]) -> list[Piece]:
    """Return what there is of each of these kinds, which are keys of ``KINDS``; no file is in two."""
    found: list[Piece] = []
    for kind in KINDS:
        if kind in kinds:
            taken = {file for piece in found for file in piece.files}
            each = KINDS[kind](store)
            found += [piece for piece in each if not taken.intersection(piece.files)]
    return found


def outdated(store: Store) -> Iterator[Piece]:
    """Yield the runs, and the selections, that another version of the code made, version by version."""
    yield from of_other_code(store, "outdated", known=True)


def unknown(store: Store) -> Iterator[Piece]:
    """Yield those whose optimizer, problem, engine or schedule is not known here, and may be elsewhere."""
    yield from of_other_code(store, "unknown", known=False)


def of_other_code(store: Store, what: str, *, known: bool) -> Iterator[Piece]:
    """Yield the runs and selections that the present code did not make, of parts that it knows or not."""
    groups: dict[str, list[tuple[int, tuple[Path, ...]]]] = {}
    for kind in ("runs", "selections"):
        for file in store.files(kind, outdated=True):
            footer = store.footer(file)
            if footer.is_current or (code_now(footer._asdict()) is not None) != known:
                continue
            commit = metadata_of(file).get("commit", "")
            made = f"code {footer.code or 'unknown'}" + (f", commit {commit}" if commit else "")
            words = "" if kind == "runs" else "selections of "
            files = (file, history_of(file)) if kind == "runs" else (file,)
            name = f"{words}{footer.optimizer} on {footer.problem}, {made}"
            groups.setdefault(name, []).append((footer.rows if kind == "runs" else 0, files))
    for name, members in sorted(groups.items()):
        yield piece(what, name, sum(rows for rows, _ in members), [f for _, files in members for f in files])


def histories(store: Store) -> Iterator[Piece]:
    """Yield the histories of all runs, by optimizer and problem; what the runs ended with stays."""
    groups: dict[str, list[Path]] = {}
    rows: dict[str, int] = {}
    for file in store.files("runs", outdated=True):
        if history_of(file).exists():
            footer = store.footer(file)
            name = f"{footer.optimizer} on {footer.problem}"
            groups.setdefault(name, []).append(history_of(file))
            rows[name] = rows.get(name, 0) + footer.rows
    for name, files in sorted(groups.items()):
        yield piece("histories", name, rows[name], files)


def failed(store: Store) -> Iterator[Piece]:
    """Yield what commands left that failed or were killed, what was set aside, and the list of failures."""
    alone = {file.name for file in store.files("history", outdated=True)}
    left = [*left_over(store.folder), *uncommitted(store, alone)]
    if left:
        yield piece("failed", "left by commands that were killed", 0, left)
    damaged = sorted(file for file in (store.folder / "set_aside").rglob("*") if file.is_file())
    if damaged:
        yield piece("failed", "set aside as damaged", 0, damaged)
    listed = store.folder / FAILURES
    if listed.exists():
        yield piece("failed", "list of failures", len(listed.read_text("utf-8").splitlines()), [listed])


def piece(what: str, name: str, runs: int, files: Sequence[Path]) -> Piece:
    there = tuple(file for file in files if file.exists())
    return Piece(what, name, runs, there, sum(file.stat().st_size for file in there))


KINDS: dict[str, Callable[[Store], Iterator[Piece]]] = {
    "outdated": outdated,
    "unknown": unknown,
    "histories": histories,
    "failed": failed,
}
"""What can be removed from a study; a file is counted to the first that it is of."""


# What goes


def remove(found: Sequence[Piece]) -> None:
    """Remove what was found, and nothing else; what another process adds meanwhile stays.

    A kill in between leaves a sound study, and the same command goes on: runs go before their history,
    which is then among what killed commands leave, and a runs file says that its history is pruned
    before that goes.

    Raises:
        CannotWrite: a folder is read-only, say.
        Damaged: a runs file whose history is to go cannot be read.
    """
    for each in found:
        for file in each.files:
            if each.what == "histories":
                mark_pruned(file.parent.parent / "runs" / file.name)
            if file.name == FAILURES:
                remove_lines(file, each.runs)
            else:
                unlink(file)
        for folder in {file.parent for file in each.files if "set_aside" in file.parts}:
            with suppress(OSError):  # not empty, or removed by another process
                folder.rmdir()
                folder.parent.rmdir()


def mark_pruned(runs: Path) -> None:
    """Write a runs file anew that says that its history is pruned; it is there all the time."""
    write_table(read_table(runs), runs, {**metadata_of(runs), "history": PRUNED})


def unlink(file: Path) -> None:
    """Remove a file; it is no error if another process was faster."""
    with writing(file.parent):
        file.unlink(missing_ok=True)


def remove_lines(file: Path, count: int) -> None:
    """Remove the first lines of a file to which others may append, and the file if none is left."""
    old = file.with_name(f".{file.name}.old")
    with writing(file.parent):
        os.replace(file, old)  # what is appended from now on goes to a new file
        later = old.read_text("utf-8").splitlines()[count:]
    append_lines(file, later)
    unlink(old)
