"""Write the tables, figures and comparisons of a study as one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from experiments import tables
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.terminal import closing_table
from experiments.figures.parts import Part, Picture, Table
from experiments.plugins.state import study_words
from experiments.reports.html import Fold, listed, runs_fold, write_document
from experiments.reports.latex import (
    Studied,
    left_out,
    origin_of,
    set_sections,
    study_methods,
    write_latex,
)
from experiments.reports.page import write_page
from experiments.reports.sources import Section, write_sources
from experiments.reports.study import SECTION, study_parts
from experiments.request.checks import checked_number, checked_study, checked_switch
from experiments.store import MOST_READ, Store
from experiments.tables.coverage import Where, quoted
from experiments.tables.distinct import distinct
from experiments.wording import counted

ONE_BY_ONE = ("learning_curves", "paths")
"""The figures that show single runs."""


@disk_errors_end_here()
def report(config: DictConfig) -> Path:
    """Write the report of a study into its folder ``report``."""
    with bad_input_ends_here():
        as_latex = checked_switch("latex", config.latex)
        store = Store(Path(config.results) / checked_study(config.study)).within(MOST_READ)
    where = study_words(config.study, config.results)
    runs = runs_shown(store)
    if runs.empty:
        fail(no_runs(where, store))
    with bad_input_ends_here():
        tables.measure_of(config.measure, runs.columns)
        factor = checked_factor(config.factor)
        parts = list(study_parts(store, runs, where, config.measure, factor))
    path, page = write_parts(store, runs, parts, config)
    paper = f" and, for LaTeX, {set_in_latex(store, runs, parts, config)}" if as_latex else ""
    closing_table(runs, config.measure)
    for absent in store.absent():
        print(f"left out: {absent}")
    print(f"report written to {path} and, to send, {page}{paper}")
    return path


def runs_shown(store: Store) -> pd.DataFrame:
    """Return the runs that a report is of: each setting and seed once."""
    return distinct(store.runs(), store.with_params())


def write_parts(
    store: Store, runs: pd.DataFrame, parts: Sequence[Part], config: DictConfig, reload: int | None = None
) -> tuple[Path, Path]:
    """Write the report of these runs of a study, given its parts, and return the paths of its two pages.

    Args:
        reload: after how many seconds the page loads itself anew; never if None.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    path = write_page(store.folder / "report", parts)
    where = study_words(config.study, config.results)
    section = Section(SECTION, config.study, made_by(where), runs, parts)
    write_sources(path.parent, [section])
    more = [behind(store, runs, parts, config.measure, where)]
    return path, write_document(path.parent, config.study, parts, more, reload)


def set_in_latex(store: Store, runs: pd.DataFrame, parts: Sequence[Part], config: DictConfig) -> Path:
    """Write the folder ``latex`` of a report and return the path of its document."""
    folder = store.folder / "report"
    studied = Studied(runs, store.selections(), origin_of(store), left_out(store))
    methods = study_methods(studied, parts, config.measure, float(config.factor))
    command = f"{made_by(study_words(config.study, config.results))} latex=true"
    return write_latex(folder, config.study, set_sections(folder, parts), methods, command)


def behind(store: Store, runs: pd.DataFrame, parts: Sequence[Part], measure: str, where: Where) -> Fold:
    """Return the section of a page to which the points of its figures lead."""
    known = tables.numbered(tables.labelled(runs))
    drawn = [part.runs for part in parts if isinstance(part, Picture) and part.name in ONE_BY_ONE]
    shown = known[known["run"].isin(pd.concat([runs.head(0), *drawn])["run"])]
    told = [part.shown for part in parts if isinstance(part, Table) and part.shown is not None]
    linked = pd.concat([known.head(0), *told])["setting"]
    listing = listed(store, known, shown, linked, measure, where)
    return runs_fold(listing, known["setting"].nunique())


def checked_factor(factor: Any) -> float:
    """Return ``factor`` if it is a number from 1, else raise ValueError."""
    return checked_number("factor", factor, 1)


def no_runs(where: Where, store: Store) -> str:
    """Return the line for a study without runs of the present code."""
    absent = store.absent()
    if absent:
        return f"{where[0]}: it holds {'; '.join(map(str, absent))}"
    outdated = store.outdated()
    made = f"its {counted(outdated, 'run is', 'runs are')} of older code" if outdated else "it holds no runs"
    return (
        f"{where[0]}: {made}; make some with python -m experiments.run -m "
        f"'optimizer=glob(*)' {' '.join(map(quoted, where))}"
    )


def made_by(where: Where) -> str:
    """Return the command that says what a study holds; what made each run is in its file's metadata."""
    return f"python -m experiments.report {' '.join(map(quoted, where))}"


main = command("report", report)
if __name__ == "__main__":
    main()
