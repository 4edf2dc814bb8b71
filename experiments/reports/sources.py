"""From a number in a report to its runs: which runs each table and figure was made from.

A report has tens of thousands of runs, so their ids are not all written out. ``runs.csv``
has a row for each table and figure: the study, the command, how many runs, a digest of
their ids. ``runs/SECTION.csv`` has a row for each setting of a section. ``runs_behind``
takes the runs out of the store and holds their ids against the digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.figures.parts import Part, Text
from experiments.store import Store
from experiments.store.columns import as_frame
from experiments.store.parquet import read_table, replacing
from experiments.tables import text
from experiments.tables.coverage import spans
from experiments.tables.distinct import distinct
from experiments.tables.varying import backend_columns, columns_of, hyperparameters, varying
from experiments.wording import counted

Mask = NDArray[np.bool_]

INDEX, FOLDER = "runs.csv", "runs"


@dataclass(frozen=True)
class Section:
    """A part of a report whose runs are of one study.

    Attributes:
        name: of its file.
        study: the folder of its runs.
        command: what makes them.
        runs: all that it reads.
        parts: its tables and figures; ``runs`` of a part tells which it reads, if not all.
    """

    name: str
    study: str
    command: str
    runs: pd.DataFrame
    parts: Sequence[Part]


def write_sources(folder: Path, sections: Iterable[Section]) -> None:
    """Write ``runs.csv`` and ``runs/SECTION.csv`` into the folder of a report."""
    write_index(folder, [write_listing(folder, section) for section in sections])


def write_listing(folder: Path, section: Section) -> pd.DataFrame:
    """Write ``runs/SECTION.csv`` and return the section's rows of ``runs.csv``."""
    groups = groups_of(section)
    with replacing(folder / FOLDER / f"{section.name}.csv") as temporary:
        listing(section.runs, groups).to_csv(temporary, index=False)
    return index_table(section, groups)


def write_index(folder: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Write ``runs.csv``, given the rows of each section."""
    with replacing(folder / INDEX) as temporary:
        pd.concat(tables, ignore_index=True).to_csv(temporary, index=False)


def readers(section: Section) -> dict[str, Mask]:
    """Return for each table and figure which of the section's runs it reads: (runs,), true or false."""
    place = pd.Index(section.runs["run"].astype(str))
    found: dict[str, Mask] = {}
    for part in section.parts:
        if not isinstance(part, Text):
            read = np.full(len(place), part.runs is None)
            if part.runs is not None:
                at = place.get_indexer(pd.Index(part.runs["run"].astype(str).unique()))
                read[at[at >= 0]] = True
            found[part.name] = found.get(part.name, False) | read
    return found


def groups_of(section: Section) -> pd.Series:
    """Return for each run the number of its group: runs of a group are read by the same tables."""
    groups = np.zeros(len(section.runs), dtype=np.int64)
    for read in readers(section).values():
        groups = pd.factorize(2 * groups + read)[0]
    return pd.Series(groups + 1, index=section.runs.index)


def index_table(section: Section, groups: pd.Series) -> pd.DataFrame:
    """Return a row for each table and figure: section, table, study, command, groups, runs, digest."""
    ids = section.runs["run"].astype(str).to_numpy(dtype=object)
    order = np.argsort(ids)
    digests: dict[bytes, str] = {}  # many tables read the same runs
    rows = []
    for name, read in readers(section).items():
        key = np.packbits(read).tobytes()
        if key not in digests:
            digests[key] = digest_of_sorted(ids[order][read[order]])
        listed = " ".join(str(number) for number in np.unique(groups.to_numpy()[read]))
        rows.append((section.name, name, section.study, section.command, listed, read.sum(), digests[key]))
    names = ["section", "table", "study", "command", "groups", "runs", "digest"]
    return pd.DataFrame(rows, columns=names)


def listing(runs: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return a row for each setting and group: group, optimizer, problem, settings, seeds, runs, first.

    ``first`` is the id of the run with the lowest seed.
    """
    rows = settings_text(runs).assign(group=groups, seed=runs["seed"], run=runs["run"].astype(str))
    keys = ["group", "optimizer", "problem", "settings"]
    rows = rows.astype(dict.fromkeys(keys[1:], "category"))  # a million texts sort as their few codes
    table = rows.sort_values([*keys, "seed"]).groupby(keys, sort=False, observed=True)
    found = table.agg(seeds=("seed", spans), runs=("run", "size"), first=("run", "first"))
    return found.reset_index()


def settings_text(runs: pd.DataFrame) -> pd.DataFrame:
    """Return of each run its optimizer, its problem's name, and what varies of both, as one types it."""
    names = runs["problem"].astype(str).str.split().str[0]
    table = pd.DataFrame({"optimizer": runs["optimizer"].astype(str), "problem": names, "settings": ""})
    for _, part in runs.groupby([table["optimizer"], names]):
        keys = varying(part, [*columns_of(part, "problem."), *hyperparameters(part), "steps"])
        keys += varying(part, backend_columns(part))
        table.loc[part.index, "settings"] = written(part, keys)
    return table


def written(runs: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Return the values of these columns as ``key=value key=value``, what is missing left out."""
    words = pd.Series("", index=runs.index)
    for key in keys:
        values = {value: f" {key}={text(value, 12)}" for value in runs[key].dropna().unique()}
        words = words + runs[key].map(values).astype(object).fillna("")
    return words.str.strip()


def words_of(settings: str) -> list[str]:
    """Return each ``key=value`` of settings as ``written`` joins them; a value may have blanks in it."""
    return re.split(r" (?=[\w.]+=)", settings) if settings else []


def key_of(word: str) -> str:
    return word.partition("=")[0]


def unspanned(words: str) -> list[int]:
    """Return the numbers of ``coverage.spans``."""
    ends = [[int(end) for end in word.split("-")] for word in words.split()]
    return [number for end in ends for number in range(end[0], end[-1] + 1)]


def digest(ids: Iterable[str]) -> str:
    """Return a hash of run ids in any order: BLAKE2b, 8 bytes, of the sorted ids, one a line."""
    return digest_of_sorted(sorted(ids))


def digest_of_sorted(ids: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()


def runs_behind(table: str, report: Path | str = "results/article", results: Path | str = "results") -> Any:
    """Return the runs, a DataFrame as the store gives it, that a table or figure was made from.

    Args:
        table: its name: that of its file, without the ending.
        report: the folder of the report.
        results: the folder that holds the studies.

    Raises:
        ValueError: there is no such table, or the store does not have its very runs.
    """
    index = pd.read_csv(Path(report) / INDEX, dtype=str).set_index("table")
    if table not in index.index:
        raise ValueError(f"table must be one of {', '.join(index.index)}, got {table!r}")
    row = index.loc[table]
    wanted = pd.read_csv(Path(report) / FOLDER / f"{row['section']}.csv", dtype=str, keep_default_na=False)
    wanted = wanted[wanted["group"].isin(row["groups"].split())]
    store = Store(Path(results) / row["study"])
    found = stored(store, wanted)
    if len(found) > int(str(row["runs"])):  # a run that was recorded twice is shown once
        found = distinct(found, store.with_params())
    if digest(found["run"].astype(str)) != row["digest"]:
        missing = counted(int(str(row["runs"])), "run; make it", "runs; make them")
        raise ValueError(f"{table}: the store does not have its {missing} with {row['command']}")
    return found


def stored(store: Store, wanted: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of these rows of a listing; a file at a time, since all may not fit into memory."""
    asked: dict[tuple[str, str], list[Asked]] = {}
    for (optimizer, problem), lines in wanted.groupby(["optimizer", "problem"]):
        rule = str(optimizer).partition(":")[0]  # files are told by it alone, whatever its label
        asked.setdefault((rule, str(problem)), []).append(Asked.of(str(optimizer), lines))
    tables = []
    for file in store.files("runs", outdated=False):
        footer = store.footer(file)
        if those := asked.get((footer.optimizer, footer.problem)):
            table = read_table(file)
            tables += [each.among(table) for each in those]
    frame = as_frame(tables, None)
    return frame.drop_duplicates("run", ignore_index=True)


@dataclass(frozen=True)
class Asked:
    """Which runs of an optimizer on a problem are asked for.

    Attributes:
        optimizer: with its label, if it has one.
        keys: the columns by whose values the listing tells settings apart, in the order of the alphabet:
            which of them a setting has, and so the order in which they are met, differs from row to row.
        runs: the settings, as written there but in that order, and the seed of each.
    """

    optimizer: str
    keys: Sequence[str]
    runs: pd.MultiIndex

    @classmethod
    def of(cls, optimizer: str, lines: pd.DataFrame) -> Asked:
        """Return what these rows of a listing ask for, all of this optimizer on one problem."""
        words = {settings: words_of(settings) for settings in lines["settings"].unique()}
        keys = {key_of(word) for each in words.values() for word in each}
        ordered = {settings: " ".join(sorted(each, key=key_of)) for settings, each in words.items()}
        runs = lines.assign(seed=lines["seeds"].map(unspanned)).explode("seed")
        pairs = pd.MultiIndex.from_arrays([runs["settings"].map(ordered), runs["seed"].astype(np.int64)])
        return cls(optimizer, sorted(keys), pairs.unique())

    def among(self, table: pa.Table) -> pa.Table:
        """Return those of the runs in a table that are asked for."""
        table = table.filter(pc.equal(table["optimizer"].cast(pa.string()), self.optimizer))
        keys = [key for key in self.keys if key in table.column_names]
        rows = table.select(["seed", *keys]).to_pandas()
        there = pd.MultiIndex.from_arrays([written(rows, keys), rows["seed"]])
        return table.filter(pa.array(self.runs.get_indexer(there) >= 0))
