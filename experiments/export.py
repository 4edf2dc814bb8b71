"""A study for another tool: tables, a database, or the format of a benchmarking suite."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.exports.coco import MOST_FUNCTIONS
from experiments.exports.formats import FORMATS, TRAJECTORIES, export
from experiments.request.checks import checked_folder, checked_study
from experiments.store import Store
from experiments.tables import MEASURES
from experiments.wording import counted


@disk_errors_end_here()
def export_study(config: DictConfig) -> Path:
    """Write a study in the format that is asked for, and say what is in it and what is not."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study), read_only=True)
        to, measure = (
            checked_word("to", config.to, FORMATS),
            checked_word("measure", config.measure, MEASURES),
        )
        into = checked_into(config, store.folder / "export" / to)
    if not store.folder.is_dir():
        fail(f"study={config.study}: there is no such study in {config.results}")
    if to == "duckdb" and find_spec("duckdb") is None:
        fail("to=duckdb needs the package duckdb: pip install -e '.[export]'")
    if not store.files("runs", config.outdated):
        left = store.outdated()
        more = f"; outdated=true takes its {counted(left, 'run')} of older code" if left else ""
        fail(f"study={config.study}: it holds no runs{more}")
    with bad_input_ends_here():
        runs = export(store, to, into, config.outdated, measure)
    print(f"{counted(runs, 'run')} exported to {into}")
    for line in told(store, to, runs, config):
        print(line)
    return into


def checked_word(key: str, value: Any, allowed: Any) -> str:
    """Return ``value`` if it is one of the words that are allowed, else raise ValueError."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{key} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def checked_into(config: DictConfig, usual: Path) -> Path:
    """Return the folder to write, else raise ValueError."""
    if config.into is None:
        return usual
    return checked_folder("into", f"{config.into}", Path(f"{config.into}").expanduser())


def told(store: Store, to: str, runs: int, config: DictConfig) -> Iterator[str]:
    """Yield the lines that tell what an export does not have, and how its runs are called."""
    left = store.outdated()
    if left and not config.outdated:
        yield f"left out: {counted(left, 'run')} of older code; outdated=true takes them in"
    if pruned := len(store.pruned()):
        yield f"{counted(pruned, 'run has', 'runs have')} no history any more: it was pruned"
    if to not in TRAJECTORIES:
        return
    there = store.count() - (0 if config.outdated else left)
    if runs < there:
        yield (
            f"left out: {counted(there - runs, 'run')} without a number of {config.measure} at the start, "
            "or stored twice"
        )
    if to != "benchopt":
        yield "functions.csv, instances.csv and algorithms.csv say which problem, seed and settings each is"
        yield "evaluation 1 is the start; a run that diverged ends with its last finite number"
    if to == "coco":
        yield (
            f"cocopp takes no suite but its own: these functions are called bbob's, and of more than "
            f"{MOST_FUNCTIONS} it shows the first"
        )


main = command("export", export_study)

if __name__ == "__main__":
    main()
