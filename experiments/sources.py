"""From a number in a report to its runs: which runs each table and figure was made from.

A report has tens of thousands of runs, so their ids are not all written out. ``runs.csv``
has a row for each table and figure: the study, the command, how many runs, a digest of
their ids. ``runs/SECTION.csv`` has a row for each setting of a section. ``runs_behind``
takes the runs out of the store and holds their ids against the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.page import Part, Text
from experiments.store import Store
from experiments.tables import text
from experiments.tables.varying import columns_of, varying

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
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    tables = []
    for section in sections:
        groups = groups_of(section)
        tables.append(index_table(section, groups))
        listing(section.runs, groups).to_csv(folder / FOLDER / f"{section.name}.csv", index=False)
    pd.concat(tables, ignore_index=True).to_csv(folder / INDEX, index=False)


def readers(section: Section) -> dict[str, set[str]]:
    """Return for each table and figure the ids of the runs that it reads."""
    everything = set(section.runs["run"].astype(str))
    found: dict[str, set[str]] = {}
    for part in section.parts:
        if not isinstance(part, Text):
            read = everything if part.runs is None else set(part.runs["run"].astype(str)) & everything
            found[part.name] = found.get(part.name, set()) | read
    return found


def groups_of(section: Section) -> pd.Series:
    """Return for each run the number of its group: runs of a group are read by the same tables."""
    ids = section.runs["run"].astype(str)
    flags = [ids.isin(list(read)).map({True: "1", False: "0"}) for read in readers(section).values()]
    key = pd.Series("", index=ids.index)
    for flag in flags:
        key = key + flag
    return pd.Series(pd.factorize(key)[0] + 1, index=ids.index)


def index_table(section: Section, groups: pd.Series) -> pd.DataFrame:
    """Return a row for each table and figure: section, table, study, command, groups, runs, digest."""
    ids = section.runs["run"].astype(str)
    rows = []
    for name, read in readers(section).items():
        numbers = sorted(set(groups[ids.isin(list(read))]))
        listed = " ".join(str(number) for number in numbers)
        rows.append((section.name, name, section.study, section.command, listed, len(read), digest(read)))
    names = ["section", "table", "study", "command", "groups", "runs", "digest"]
    return pd.DataFrame(rows, columns=names)


def listing(runs: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return a row for each setting and group: group, optimizer, problem, settings, seeds, runs, first.

    ``first`` is the id of the run with the lowest seed.
    """
    rows = settings_text(runs).assign(group=groups, seed=runs["seed"], run=runs["run"].astype(str))
    keys = ["group", "optimizer", "problem", "settings"]
    table = rows.sort_values([*keys, "seed"]).groupby(keys, sort=False)
    found = table.agg(seeds=("seed", spans), runs=("run", "size"), first=("run", "first"))
    return found.reset_index()


def settings_text(runs: pd.DataFrame) -> pd.DataFrame:
    """Return of each run its optimizer, its problem's name, and what varies of both, as one types it."""
    names = runs["problem"].astype(str).str.split().str[0]
    table = pd.DataFrame({"optimizer": runs["optimizer"].astype(str), "problem": names, "settings": ""})
    for _, part in runs.groupby([table["optimizer"], names]):
        keys = varying(part, [*columns_of(part, "problem."), *columns_of(part, "optimizer."), "steps"])
        table.loc[part.index, "settings"] = written(part, keys)
    return table


def written(runs: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Return the values of these columns as ``key=value key=value``, what is missing left out."""
    words = pd.Series("", index=runs.index)
    for key in keys:
        values = {value: f" {key}={text(value, 12)}" for value in runs[key].dropna().unique()}
        words = words + runs[key].map(values).astype(object).fillna("")
    return words.str.strip()


def spans(seeds: Iterable[int]) -> str:
    """Return whole numbers as ranges, ``0-19 30``."""
    numbers = np.unique(np.asarray(list(seeds)))
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return " ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


def unspanned(words: str) -> list[int]:
    """Return the numbers of ``spans``."""
    ends = [[int(end) for end in word.split("-")] for word in words.split()]
    return [number for end in ends for number in range(end[0], end[-1] + 1)]


def digest(ids: Iterable[str]) -> str:
    """Return a hash of run ids in any order: BLAKE2b, 8 bytes, of the sorted ids, one a line."""
    return hashlib.blake2b("\n".join(sorted(ids)).encode(), digest_size=8).hexdigest()


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
    runs = Store(Path(results) / row["study"]).runs()
    found = pd.concat([at_settings(runs, lines) for _, lines in wanted.groupby(["optimizer", "problem"])])
    if digest(found["run"].astype(str)) != row["digest"]:
        raise ValueError(
            f"{table}: the store does not have its {row['runs']} runs; make them with {row['command']}"
        )
    return found.sort_index()


def at_settings(runs: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of these rows of a listing, all of one optimizer on one problem."""
    line = lines.iloc[0]
    part = runs[(runs["optimizer"] == line["optimizer"]) & (runs["problem"] == line["problem"])]
    words = (word for settings in lines["settings"] for word in settings.split())
    keys = list(dict.fromkeys(word.partition("=")[0] for word in words))
    there = pd.MultiIndex.from_arrays([written(part, keys), part["seed"]])
    wanted = lines.assign(seed=lines["seeds"].map(unspanned)).explode("seed")
    found: pd.DataFrame = part[there.isin(pd.MultiIndex.from_frame(wanted[["settings", "seed"]]))]
    return found
