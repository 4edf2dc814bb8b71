"""The runs behind the points of a page: of each setting its configuration, its runs' ids, its command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.figures.charts.settings import SETTING
from experiments.figures.parts import Table
from experiments.reports.html.fragments import Fold, fragment
from experiments.reports.sources import FOLDER
from experiments.store import Store
from experiments.tables import cell, text
from experiments.tables.coverage import Where, making, spans
from experiments.tables.varying import swept
from experiments.wording import counted

MOST_SETTINGS = 4000
MOST_RUNS = 3000
"""Runs that have a line each; of other settings the ids stand together."""
MOST_IDS = 12
"""Of a setting whose runs have no line each."""
USUAL_POINTS = 100
SECTION = "study"
GROUPS = ("optimizer.", "schedule", "problem.")


@dataclass(frozen=True)
class Listed:
    """Whose entries a page has.

    Attributes:
        runs: all numbered runs of the study.
        shown: those that figures show one by one.
        measure: what they are compared by.
        where: the words for the study, for the commands.
        recorded: of runs that are listed, how many steps and whether the parameters were recorded.
    """

    runs: pd.DataFrame
    shown: pd.DataFrame
    measure: str
    where: Where
    recorded: Mapping[str, tuple[int, bool]]


def listed(
    store: Store, runs: pd.DataFrame, shown: pd.DataFrame, linked: pd.Series, measure: str, where: Where
) -> Listed:
    """Return whose entries a page has: the settings shown, then those linked, then others up to a limit."""
    order = pd.unique(pd.concat([shown[SETTING], linked, runs[SETTING]]))[:MOST_SETTINGS]
    kept = runs[runs[SETTING].isin(order)]
    recorded = store.recordings(kept["run"].astype(str))
    return Listed(kept, shown.head(MOST_RUNS), measure, where, recorded)


def runs_fold(listing: Listed, settings: int) -> Fold:
    """Return the section that has an entry for each setting; ``settings`` is how many there are in all."""
    there = listing.runs[SETTING].nunique()
    left = settings - there
    note = (
        f"<p>Of {counted(settings, 'setting')}, those that the figures show at their best and others up to "
        f"{there:,}; the settings of all are in the file runs/study.csv.</p>"
        if left
        else ""
    )
    head = (
        "<p>Each point of a figure leads here by a click: the configuration, the ids of the runs, and the "
        "command that makes them again. A click on a command marks it whole, to copy.</p>"
    )
    return Fold("Runs", f'<div id="runs-{SECTION}"></div>' + head + note + "\n".join(entries(listing)))


def sources_fold(folder: Path, index: pd.DataFrame) -> Fold:
    """Return the listing of each section's runs, given the folder of a report and its index."""
    rows = index.drop_duplicates("section")[["section", "study", "command"]]
    parts = [source(folder, *row) for row in rows.itertuples(index=False, name=None)]
    return Fold("Runs", "\n".join(parts))


def source(folder: Path, name: str, study: str, command: str) -> str:
    """Return the listing of one section's runs, with the command that makes them."""
    runs = pd.read_csv(folder / FOLDER / f"{name}.csv", keep_default_na=False)
    table = Table(f"runs-{name}", "Settings, seeds, and the id of the run with the lowest seed", runs)
    said = f"{name}: {counted(int(runs['runs'].sum()), 'run')} of study={study}"
    return (
        f'<details id="runs-{name}"><summary>{escape(said)}</summary>'
        f'<p><code tabindex="0">{escape(command)}</code></p>{fragment(table, folder)}</details>'
    )


def entries(listing: Listed) -> Iterator[str]:
    """Yield the entry of each setting, by optimizer and problem."""
    varied = swept(listing.runs)
    one_by_one = set(listing.shown["run"].astype(str))
    runs = listing.runs.sort_values([SETTING, "seed"], kind="stable")
    starts = np.flatnonzero(np.diff(runs[SETTING], prepend=-1))
    firsts = runs.iloc[starts].to_dict("records")
    seeds, ids = runs["seed"].to_numpy(), runs["run"].astype(str).to_numpy(dtype=object)
    shown = runs[runs["run"].astype(str).isin(one_by_one)]
    rows = {number: part.to_dict("records") for number, part in shown.groupby(SETTING)}
    for first, start, end in zip(firsts, starts, [*starts[1:], len(runs)], strict=True):
        of_setting = dict(zip(ids[start:end], seeds[start:end], strict=True))
        yield entry(first, of_setting, rows.get(first[SETTING], []), varied, listing)


def entry(
    first: Mapping[Any, Any],
    seeds: Mapping[str, int],
    shown: Sequence[Mapping[Any, Any]],
    varied: Sequence[str],
    listing: Listed,
) -> str:
    """Return the entry of one setting.

    Args:
        first: its run with the lowest seed.
        seeds: of all its runs, by id, ascending.
        shown: those of its runs that have a line each.
        varied: the hyperparameters that vary.
        listing: whose entries the page has.
    """
    words = " ".join(
        f"{key.removeprefix('optimizer.')}={text(first[key], 4)}"
        for key in varied
        if first[key] == first[key]
    )
    recorded = record_words(listing.recorded.get(str(first["run"])))
    command = making(first, list(seeds.values()), recorded, listing.where)
    rows = "".join(run_row(row, recorded, listing) for row in shown)
    table = f"<table><thead><tr>{HEAD}<th>final {escape(listing.measure)}</th><th>command</th></tr></thead>"
    lines = f'<div class="scroll">{table}<tbody>{rows}</tbody></table></div>' if rows else ""
    rest = {run: seed for run, seed in seeds.items() if run not in {str(row["run"]) for row in shown}}
    return (
        f'<details id="setting-{first[SETTING]}"><summary>{escape(str(first["optimizer"]))} on '
        f"{escape(str(first['problem']))}: {escape(words)}</summary>"
        f"<p>{escape(configuration(first))}</p><p>{counted(len(seeds), 'run')}, "
        f"seeds {spans(seeds.values())}: "
        f'<code tabindex="0">{escape(command)}</code></p>{lines}{together(rest)}</details>'
    )


HEAD = "<th>seed</th><th>run</th><th>status</th>"


def run_row(run: Mapping[Any, Any], recorded: list[str], listing: Listed) -> str:
    """Return the line of one run, to which its curve leads."""
    command = making(run, [run["seed"]], recorded, listing.where)
    return (
        f'<tr id="run-{run["run"]}"><td class="number">{run["seed"]}</td><td><code>{run["run"]}</code></td>'
        f'<td>{run["status"]}</td><td class="number">{escape(cell(run[listing.measure]))}</td>'
        f'<td><code tabindex="0">{escape(command)}</code></td></tr>'
    )


def together(seeds: Mapping[str, int]) -> str:
    """Return the ids of runs that have no line each, by seed; of very many the first."""
    pairs = [f"{seed}: {run}" for run, seed in list(seeds.items())[:MOST_IDS]]
    more = len(seeds) - len(pairs)
    rest = f", and {more:,} more" if more else ""
    return f"<p>Ids by seed: {', '.join(pairs)}{rest}.</p>" if pairs else ""


def configuration(run: Mapping[Any, Any]) -> str:
    """Return all settings of a run as ``key=value``."""
    keys = [key for key in run if str(key).startswith(GROUPS)]
    there = [key for key in keys if run[key] is not None and run[key] == run[key]]
    backend = [key for key in ("steps", "engine", "dtype", "device") if key in run]
    return ", ".join(f"{key}={text(run[key], 12)}" for key in [*there, *backend])


def record_words(recorded: tuple[int, bool] | None) -> list[str]:
    """Return the words for what is recorded of a run, where that is not what is by default."""
    points, params = recorded or (USUAL_POINTS, False)
    words = [] if points == USUAL_POINTS else [f"record.points={points}"]
    return [*words, "record.params=true"] if params else words
