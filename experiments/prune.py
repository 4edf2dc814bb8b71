"""What a study can do without: named, then removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.table import Table

from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.terminal import print_table, size_text
from experiments.request.checks import checked_study
from experiments.store import Store
from experiments.together.pruning import KINDS, Piece, pieces, remove
from experiments.wording import counted


@disk_errors_end_here()
def prune(config: DictConfig) -> None:
    """Name what a study can do without, and with ``dry_run=false`` remove it."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study))
        kinds = checked_kinds(config.what)
    if not store.folder.is_dir():
        fail(f"study={config.study}: there is no such study in {config.results}")
    found = pieces(store, kinds)
    if not found:
        print(f"{store.folder}: nothing to remove of {', '.join(kinds)}")
        return
    show(found)
    files = counted(sum(len(piece.files) for piece in found), "file")
    size = size_text(sum(piece.size for piece in found))
    if config.dry_run:
        print(f"{files}, {size}, in {store.folder}. Nothing was removed; dry_run=false removes this.")
        return
    remove(found)
    print(f"removed {files}, {size}; {store.folder} holds {counted(Store(store.folder).count(), 'run')}")


def checked_kinds(what: Any) -> list[str]:
    """Return the kinds of what is to be removed, else raise ValueError."""
    kinds = [f"{kind}" for kind in what]
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong or not kinds:
        got = repr(wrong[0]) if wrong else "none"
        raise ValueError(f"what must be among {', '.join(KINDS)}, as what=[outdated], got {got}")
    return kinds


def show(found: Sequence[Piece]) -> None:
    """Print what would go, or goes: every piece by its name."""
    shown = Table()
    shown.add_column("what")
    shown.add_column("of", overflow="fold")
    for name in ("runs", "files", "size"):
        shown.add_column(name, justify="right")
    for piece in found:
        runs = f"{piece.runs:,}" if piece.runs else "-"
        shown.add_row(piece.what, piece.name, runs, f"{len(piece.files):,}", size_text(piece.size))
    print_table("What can go", shown)


main = command("prune", prune)

if __name__ == "__main__":
    main()
