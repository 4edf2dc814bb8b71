"""The runs of one study taken over into another: none twice, none lost, and where each came from."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from experiments.grid.failures import FAILURES
from experiments.store import Store
from experiments.store.audit import KINDS, MERGED_FROM, contradicted, history_of, shared, slices
from experiments.store.columns import as_frame
from experiments.store.parquet import append_lines, copy_file, metadata_of, read_table, write_table
from experiments.store.store import PRUNED, file_name, footer_of

APART = "conflicts_{name}"
"""The folder in a study, a study itself, that keeps the runs of another which contradict its own."""

CONFLICTS = ["run", "optimizer", "problem", "seed", "number", "kept", "other"]
MADE_ANEW = ("report", "diff", "export")  # folders of a study that its commands write from its runs


@dataclass(frozen=True)
class Merged:
    """What was taken over from one study.

    Attributes:
        name: of that study.
        added: how many runs are new.
        there: how many were there already with the same numbers.
        restored: of how many of these the history, which had been pruned, is there again.
        conflicts: those that have other numbers there, and the first number that differs.
        apart: the folders that keep these.
        selections, failures: how many files of selections, and records of failures, are new.
        left: what else is in its folder, and was left there.
    """

    name: str
    added: int
    there: int
    restored: int
    conflicts: pd.DataFrame
    apart: tuple[Path, ...]
    selections: int
    failures: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What is known of the runs in a file: which are stored already, the same or with other numbers.

    ``others`` has for each runs file that holds such runs the ids of those that contradict it.
    """

    same: frozenset[str]
    others: Mapping[Path, frozenset[str]]

    @property
    def all(self) -> frozenset[str]:
        return self.same.union(*self.others.values())


def merge(source: Path, name: str, target: Path) -> Merged:
    """Take over what a study holds into another, which is there or not, and return what that was.

    Both are sound. Every file is written whole, a block's runs after its history, so that a merge
    that is killed is carried on by the same command. Runs of older code are taken over too.

    Args:
        name: what the study is called, kept with each of its files.
    """
    files = Store(source).files("runs", outdated=True)
    known = known_runs(files, target)
    conflicts, apart = [], dict[Path, None]()
    added = there = restored = 0
    for file in files:
        ids = ids_of(file)
        found = known.get(file, Known(frozenset(), {}))
        for other, wrong in found.others.items():
            conflicts.append(numbers_apart(other, file, wrong))
            apart[keep_apart(file, wrong, name, target)] = None
        new = [run for run in ids if run not in found.all]
        if new:
            take_over(file, new if len(new) < len(ids) else None, target, name)
        elif is_pruned(target / "runs" / file.name) and history_of(file).exists():
            take_over(file, None, target, name)  # the same runs, with the history that they lack there
            restored += len(ids)
        added += len(new)
        there += len(found.same)
    return Merged(
        name=name,
        added=added,
        there=there,
        restored=restored,
        conflicts=pd.concat([pd.DataFrame(columns=CONFLICTS), *conflicts], ignore_index=True),
        apart=tuple(apart),
        selections=merge_selections(source, name, target, apart),
        failures=merge_failures(source, name, target),
        left=tuple(left_behind(source)),
    )


def known_runs(files: Sequence[Path], target: Path) -> dict[Path, Known]:
    """Return of each of these runs files which of its runs the target, or a file before it, has."""
    stored = set(Store(target).files("runs", outdated=True))
    every = [*sorted(stored), *files]
    same: dict[Path, set[str]] = {}
    others: dict[Path, dict[Path, set[str]]] = {}
    for low, high in slices(sum(footer_of(file).rows for file in every)):
        for (one, other), ids in shared(every, low, high).items():
            if other in stored:  # copies that were there before
                continue
            wrong = contradicted(one, other, ids)
            same.setdefault(other, set()).update(set(ids) - wrong)
            if wrong:
                others.setdefault(other, {}).setdefault(one, set()).update(wrong)
    return {
        file: Known(
            frozenset(same.get(file, ())),
            {one: frozenset(ids) for one, ids in others.get(file, {}).items()},
        )
        for file in {*same, *others}
    }


def is_pruned(file: Path) -> bool:
    """Tell whether there is a runs file that says that its history was pruned."""
    return file.exists() and footer_of(file).history == PRUNED


def ids_of(file: Path) -> list[str]:
    ids: list[str] = read_table(file, columns=["run"])["run"].cast(pa.string()).to_pylist()
    return list(dict.fromkeys(ids))


def take_over(file: Path, ids: Sequence[str] | None, target: Path, name: str) -> None:
    """Write the runs of a file, or only these, into another study, with all that is kept beside them.

    The history comes first: the runs file is the commit. A history whose runs are all taken is
    copied as it is.
    """
    metadata = with_study(metadata_of(file), name)
    history, runs = history_of(file), read_table(file)
    if ids is None:
        if history.exists():
            copy_file(history, target / "history" / file.name)
        write_table(runs, target / "runs" / file.name, metadata)
        return
    wanted = pa.array(ids, pa.string())
    part = runs.filter(pc.is_in(runs["run"].cast(pa.string()), wanted))
    renamed = file_name(metadata["optimizer"], metadata["problem"], part["run"].cast(pa.string()).to_pylist())
    if history.exists():
        steps = read_table(history, filters=pc.field("run").isin(wanted))
        write_table(steps, target / "history" / renamed, metadata_of(history))
    write_table(part, target / "runs" / renamed, metadata)


def with_study(metadata: Mapping[str, str], name: str) -> dict[str, str]:
    """Return what is kept beside rows with the study that they come from; the first made them."""
    before = metadata.get(MERGED_FROM)
    return {**metadata, MERGED_FROM: f"{before}, {name}" if before else name}


# What contradicts


def keep_apart(file: Path, ids: frozenset[str], name: str, target: Path) -> Path:
    """Keep these runs of a file in a study of their own inside the target, and return its folder.

    Runs that are kept there already with the same numbers are not kept again; with others,
    they go to a folder of the next number.
    """
    for folder in folders_apart(name, target):
        stored = Store(folder).files("runs", outdated=True)
        found = {one: ids.intersection(ids_of(one)) for one in stored}
        if any(own and contradicted(one, file, sorted(own)) for one, own in found.items()):
            continue
        new = ids.difference(*found.values())
        if new:
            take_over(file, [run for run in ids_of(file) if run in new], folder, name)
        return folder
    raise AssertionError("there is always another folder")


def folders_apart(name: str, target: Path) -> Iterator[Path]:
    """Yield the folders that may keep what contradicts the target, the first of which is usually free."""
    first = target / APART.format(name=Path(name).name)
    yield first
    yield from (first.with_name(f"{first.name}_{number}") for number in itertools.count(2))


def numbers_apart(one: Path, other: Path, ids: frozenset[str]) -> pd.DataFrame:
    """Return a row for each of these runs of two files: the first number that differs, and both values."""
    here, there = (
        as_frame([read_table(file)], ids).astype(object).drop_duplicates("run").sort_values("run")
        for file in (one, other)
    )
    columns = [key for key in map(str, here) if key in there and key != "seconds"]
    a, b = (frame[columns].to_numpy(object) for frame in (here, there))
    differ = ~((a == b) | (pd.isna(a) & pd.isna(b))).astype(bool)
    first, row = differ.argmax(axis=1), np.arange(len(a))
    known = differ.any(axis=1)
    found = here[["run", "optimizer", "problem", "seed"]].assign(
        number=np.where(known, np.array(columns, object)[first], "history"),
        kept=pd.Series(a[row, first], index=here.index).where(known),
        other=pd.Series(b[row, first], index=here.index).where(known),
    )
    return found[CONFLICTS]


# What is beside the runs


def merge_selections(source: Path, name: str, target: Path, apart: dict[Path, None]) -> int:
    """Take over how the trials of searches compared, and return how many files were new.

    A search that compared otherwise is kept apart, as runs are: its folder is entered in ``apart``.
    """
    new = 0
    for file in Store(source).files("selections", outdated=True):
        table, metadata = read_table(file), with_study(metadata_of(file), name)
        for folder in itertools.chain([target], folders_apart(name, target)):
            path = folder / "selections" / file.name
            if path.exists() and not same_rows(read_table(path), table):
                continue
            if not path.exists():
                write_table(table, path, metadata)
                new += folder == target
            if folder != target:
                apart[folder] = None
            break
    return new


def same_rows(one: pa.Table, other: pa.Table) -> bool:
    """Tell whether two tables have the same rows, a missing number being the same as a missing one."""
    frames = [table.replace_schema_metadata(None).to_pandas() for table in (one, other)]
    return bool(frames[0].equals(frames[1]))


def merge_failures(source: Path, name: str, target: Path) -> int:
    """Append the records of failures that the target has not, each with its study; return how many."""
    file, own = source / FAILURES, target / FAILURES
    if not file.exists():
        return 0
    there = set(own.read_text(encoding="utf-8").splitlines()) if own.exists() else set()
    lines = [with_origin(line, name) for line in file.read_text(encoding="utf-8").splitlines() if line]
    new = [line for line in dict.fromkeys(lines) if line not in there]
    append_lines(own, new)
    return len(new)


def with_origin(line: str, name: str) -> str:
    """Return a line of a list of failures with the study that it comes from, unless it names one."""
    try:
        return json.dumps({"study": name, **json.loads(line)})
    except ValueError:  # cut short: a command was killed, or the disk was full
        return line


def left_behind(source: Path) -> Iterator[str]:
    """Yield what is in the folder of a study that no merge takes over and no command makes anew."""
    known = {*KINDS, *MADE_ANEW, FAILURES}
    for entry in sorted(source.iterdir()):
        if entry.name not in known and not entry.name.startswith("."):
            yield entry.name
