"""What there is of a study and what is wrong with it, file by file, so that any size fits in memory."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.engine.recorded import recorded_steps
from experiments.request.ids import run_ids
from experiments.store import Store
from experiments.store.absent import Absent, absent_among
from experiments.store.columns import as_frame
from experiments.store.parquet import Damaged, metadata_of, one_line, read_table, readable
from experiments.store.registration import RULES, rule_faults
from experiments.store.seal import check_pages
from experiments.store.store import PRUNED, file_name, footer_of
from experiments.wording import counted

KINDS = ("runs", "history", "selections")
WIDE = ("params.", "rate.")  # the columns of a history that may be many
ID = "S24"  # a run's id as bytes
MOST_IDS = 10_000_000  # that are held at a time, some 1 GB with their order
OLD = 3600.0  # seconds after which a temporary file is no longer one that is being written
VERSIONS = ("python", "numpy", "machine", "commit")
MERGED_FROM = "studies"  # the key of what a file keeps of the studies that it came from


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file: its folder in the study, its name, and the fault in words."""

    kind: str
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}: {self.what}"


@dataclass(frozen=True)
class Examined:
    """What was found in a runs file and its history.

    Attributes:
        rows: how many runs there are, and how many rows of history, as far as they can be read.
        metadata: what is kept beside the runs.
        current: whether the present code made it.
        sealed: whether both files are sealed.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    rows: tuple[int, int] = (0, 0)
    metadata: Mapping[str, str] = field(default_factory=dict)
    current: bool = True
    sealed: bool = True


@dataclass(frozen=True)
class Audit:
    """What there is of a study, and what is wrong with it.

    Attributes:
        files: how many runs files, and how many files of selections.
        runs, steps: how many runs, each counted once, and how many recorded steps.
        copies: how often a run is there once more, with the same numbers.
        outdated: how many runs another version of the code made.
        absent: what there are runs of and is not here; they are not among the outdated.
        unsealed: how many files have no seal, so that not every changed byte is noticed.
        versions: for each kind of version, how many runs were made with each.
        pruned: how many runs have no history any more.
        studies: how many runs were merged in from each study.
        left_over: what commands that were killed have left.
        faults: what is wrong.
    """

    files: tuple[int, int]
    runs: int
    steps: int
    copies: int
    outdated: int
    absent: tuple[Absent, ...]
    unsealed: int
    versions: Mapping[str, Counter[str]]
    pruned: int
    studies: Counter[str]
    left_over: tuple[Path, ...]
    faults: tuple[Fault, ...]


def audit(store: Store) -> Audit:
    """Return what there is of a study and what is wrong with it."""
    histories = {file.name for file in store.files("history", outdated=True)}
    examined = [examine(store.folder, file.name) for file in store.files("runs", outdated=True)]
    selections = store.files("selections", outdated=True)
    sound = [each for each in examined if not each.faults]
    copies, contradictions = repeated(
        store.folder, [each.name for each in sound], sum(each.rows[0] for each in sound)
    )
    faults = [
        *(fault for each in examined for fault in each.faults),
        *contradictions,
        *(fault for file in selections for fault in selection_faults(file)),
        *(Fault(RULES, name, what) for name, what in rule_faults(store.folder)),
    ]
    versions = {key: Counter[str]() for key in VERSIONS}
    studies = Counter[str]()
    for each in examined:
        for key, count in versions.items():
            count[each.metadata.get(key, "unknown")] += each.rows[0]
        studies[each.metadata.get(MERGED_FROM, "")] += each.rows[0]
    absent = absent_among((each.rows[0], each.metadata) for each in examined)
    return Audit(
        files=(len(examined), len(selections)),
        runs=sum(each.rows[0] for each in examined) - copies,
        steps=sum(each.rows[1] for each in examined),
        copies=copies,
        outdated=sum(each.rows[0] for each in examined if not each.current) - sum(a.runs for a in absent),
        absent=absent,
        unsealed=sum(not each.sealed for each in examined),
        versions={key: +count for key, count in versions.items()},
        pruned=sum(each.rows[0] for each in examined if each.metadata.get("history") == PRUNED),
        studies=Counter({study: runs for study, runs in studies.items() if study and runs}),
        left_over=(*left_over(store.folder), *uncommitted(store, histories)),
        faults=tuple(faults),
    )


# One file


def examine(folder: Path, name: str) -> Examined:
    """Return what is in a runs file and its history."""
    runs_file, history_file = folder / "runs" / name, folder / "history" / name
    try:
        sealed = is_whole(runs_file)
        metadata, runs = metadata_of(runs_file), read_table(runs_file)
    except Damaged as error:
        return Examined(name, (Fault("runs", name, error.reason),))
    faults = [Fault("runs", name, what) for what in understood(runs_faults, name, runs, metadata)]
    steps = 0
    try:
        if history_file.exists():
            sealed &= is_whole(history_file)
            history = narrow_part(history_file)
            steps = history.num_rows
            found = understood(history_faults, history, runs, metadata) if not faults else ()
            faults += [Fault("history", name, what) for what in found]
        elif metadata.get("history") != PRUNED:
            faults.append(Fault("runs", name, "has no history"))
    except Damaged as error:
        faults.append(Fault("history", name, error.reason))
    return Examined(
        name=name,
        faults=tuple(faults),
        rows=(runs.num_rows, steps),
        metadata=metadata,
        current=footer_of(runs_file).is_current,
        sealed=sealed,
    )


def is_whole(file: Path) -> bool:
    """Raise Damaged if a byte of a file is not as it was written; tell if it has the seal that shows it."""
    with readable(file):
        return check_pages(file)


def understood(find: Callable[..., Iterator[str]], *content: Any) -> list[str]:
    """Return what is wrong with a file, also when its content is none that could have been written."""
    try:
        return list(find(*content))
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        return [f"makes no sense ({type(error).__name__}: {one_line(error)})"]


def runs_faults(name: str, runs: pa.Table, metadata: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a runs file that can be read."""
    ids = runs["run"].to_pylist()
    points, params = int(metadata["record.points"]), metadata["record.params"] == "True"
    expected = run_ids(runs.to_pandas(), points, params, metadata["code"])
    wrong = sum(found != right for found, right in zip(ids, expected, strict=True))
    if wrong:
        are_not = counted(len(ids), "id is not that of its settings", "ids are not those of their settings")
        yield f"{wrong:,} of {are_not}"
    elif name != file_name(metadata["optimizer"], metadata["problem"], ids):
        yield "its name is not that of its runs"
    if len(set(ids)) < len(ids):
        yield f"{len(ids) - len(set(ids)):,} of {counted(len(ids), 'run is', 'runs are')} repeated"


def narrow_part(file: Path) -> pa.Table:
    """Return a history without its widest columns; those are read through, a stretch at a time.

    Raises:
        Damaged: as ``read_table``.
    """
    with readable(file):
        names = pq.read_schema(file).names
        wide = [name for name in names if name.startswith(WIDE)]
        table = read_table(file, columns=[name for name in names if name not in wide])
        if wide:
            for batch in pq.ParquetFile(file, page_checksum_verification=True).iter_batches(columns=wide):
                batch.validate()
        return table


def history_faults(history: pa.Table, runs: pa.Table, metadata: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a history that can be read, given its runs."""
    [steps] = runs["steps"].unique().to_pylist()
    recorded = recorded_steps(steps, int(metadata["record.points"]))
    ids = runs["run"].to_pylist()
    if history["run"].cast(pa.string()).to_pylist()[:: len(recorded)] != ids:
        yield "is not that of its runs"
    elif history["step"].to_numpy().tolist() != np.tile(recorded, len(ids)).tolist():
        yield "has not the steps that were to be recorded"
    else:
        for name in ("loss", "suboptimality", "grad_norm", "distance"):
            last = history[name].to_numpy()[len(recorded) - 1 :: len(recorded)]
            if not np.array_equal(last, runs[name].to_numpy(), equal_nan=True):
                yield f"does not end with the {name} of its runs"


def selection_faults(file: Path) -> Iterator[Fault]:
    """Yield what is wrong with a file of selections."""
    try:
        is_whole(file)
        read_table(file)
    except Damaged as error:
        yield Fault("selections", file.name, error.reason)


def left_over(folder: Path) -> Iterator[Path]:
    """Yield the temporary files and the marks that commands have left which were killed some time ago."""
    for place in (folder, *(folder / kind for kind in (*KINDS, RULES))):
        yield from filter(is_old, sorted([*place.glob(".*.tmp"), *place.glob(".stop-*")]))


def uncommitted(store: Store, histories: set[str]) -> Iterator[Path]:
    """Yield the old ones of these histories that have no runs file: their block was not finished.

    The runs file, which comes second, makes them part of the study; its runs are run again.
    """
    alone = histories - {file.name for file in store.files("runs", outdated=True)}
    yield from filter(is_old, (store.folder / "history" / name for name in sorted(alone)))


def is_old(file: Path) -> bool:
    """Tell whether a file is too old to belong to a command that runs."""
    return file.stat().st_mtime < time.time() - OLD


# Several files


def repeated(folder: Path, names: Sequence[str], runs: int) -> tuple[int, list[Fault]]:
    """Return how many runs are there once more with the same numbers, and who contradicts whom."""
    copies = 0
    contradictions: Counter[tuple[str, str]] = Counter()
    files = [folder / "runs" / name for name in names]
    for low, high in slices(runs):
        for (one, other), ids in shared(files, low, high).items():
            wrong = len(contradicted(one, other, ids))
            copies += len(ids) - wrong
            contradictions[one.name, other.name] += wrong
    faults = []
    for (name, other_name), wrong in (+contradictions).items():
        said = counted(wrong, "of its runs has other numbers in", "of its runs have other numbers in")
        faults += [
            Fault("runs", name, f"{said} {other_name}"),
            Fault("runs", other_name, f"{said} {name}"),
        ]
    return copies, faults


def slices(runs: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the ends of slices of the ids, so that each holds about ``MOST_IDS`` of so many runs."""
    count = math.ceil(runs / MOST_IDS)
    ends = [f"{16**8 * i // count:08x}".encode() for i in range(count)] + [b"g"]  # after every id
    yield from itertools.pairwise(ends)


def shared(files: Sequence[Path], low: bytes, high: bytes) -> dict[tuple[Path, Path], list[str]]:
    """Return the runs that are in several runs files, by the first file that has them and another.

    Only ids from ``low`` to before ``high``, so that any number of runs fits in memory.
    """
    each = [sliced(file, low, high) for file in files]
    ids = np.concatenate([np.zeros(0, ID), *each])
    owner = np.repeat(np.arange(len(files)), [len(part) for part in each])
    order = np.argsort(ids, kind="stable")
    ids, owner = ids[order], owner[order]
    found: dict[tuple[Path, Path], list[str]] = {}
    for again in np.flatnonzero(ids[1:] == ids[:-1]) + 1:
        first = np.searchsorted(ids, ids[again])
        found.setdefault((files[owner[first]], files[owner[again]]), []).append(ids[again].decode())
    return found


def sliced(file: Path, low: bytes, high: bytes) -> NDArray[np.bytes_]:
    """Return the ids in a runs file that lie in a slice."""
    ids = np.array(read_table(file, columns=["run"])["run"].to_pylist(), ID)
    return ids[(ids >= low) & (ids < high)]


def contradicted(one: Path, other: Path, ids: Sequence[str]) -> set[str]:
    """Return which of these runs, which two runs files have, have other numbers in one than in the other.

    A missing number is the same as a missing one, and seconds are no numbers of a run. Their
    histories are compared as well, as far as both are there.
    """
    wrong: set[str] = set()
    pairs = [(one, other), (history_of(one), history_of(other))]
    if not all(file.exists() for file in pairs[1]):  # it was pruned
        pairs.pop()
    for pair in pairs:
        frames = [comparable(as_frame([read_table(file)], ids)) for file in pair]
        if set(frames[0]) != set(frames[1]):
            return set(ids)
        here, there = frames[0], frames[1][list(frames[0])]
        same = (here == there) | (here.isna() & there.isna())
        wrong |= set(here["run"][~same.all(axis=1)])
    return wrong


def history_of(file: Path) -> Path:
    """Return where the history of a runs file is."""
    return file.parent.parent / "history" / file.name


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in a fixed order, without what differs between copies of a run."""
    words = {name: str for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    plain = frame.drop(columns="seconds", errors="ignore").astype(words)
    return plain.sort_values([key for key in ("run", "step") if key in plain], ignore_index=True)
