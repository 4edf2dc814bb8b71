"""Write the tables, figures and comparisons of a study as one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from experiments import tables
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.terminal import closing_table
from experiments.figures.parts import Part, Picture, Table
from experiments.plugins.state import words as plugin_words
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
from experiments.request.checks import checked_study, checked_switch
from experiments.store import MOST_READ, Store
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
    runs = distinct(store.runs(), store.with_params())
    if runs.empty:
        fail(no_runs(config, store))
    with bad_input_ends_here():
        tables.measure_of(config.measure, runs.columns)
        factor = checked_factor(config.factor)
        parts = list(study_parts(store, runs, config.study, config.measure, factor))
    path = write_page(store.folder / "report", parts)
    section = Section(SECTION, config.study, made_by(config.study), runs, parts)
    write_sources(path.parent, [section])
    page = write_document(path.parent, config.study, parts, [behind(store, runs, parts, config)])
    paper = f" and, for LaTeX, {set_in_latex(store, runs, parts, config)}" if as_latex else ""
    closing_table(runs, config.measure)
    for absent in store.absent():
        print(f"left out: {absent}")
    print(f"report written to {path} and, to send, {page}{paper}")
    return path


def set_in_latex(store: Store, runs: pd.DataFrame, parts: Sequence[Part], config: DictConfig) -> Path:
    """Write the folder ``latex`` of a report and return the path of its document."""
    folder = store.folder / "report"
    studied = Studied(runs, store.selections(), origin_of(store), left_out(store))
    methods = study_methods(studied, parts, config.measure, float(config.factor))
    command = f"{made_by(config.study)} latex=true"
    return write_latex(folder, config.study, set_sections(folder, parts), methods, command)


def behind(store: Store, runs: pd.DataFrame, parts: Sequence[Part], config: DictConfig) -> Fold:
    """Return the section of a page to which the points of its figures lead."""
    known = tables.numbered(tables.labelled(runs))
    drawn = [part.runs for part in parts if isinstance(part, Picture) and part.name in ONE_BY_ONE]
    shown = known[known["run"].isin(pd.concat([runs.head(0), *drawn])["run"])]
    told = [part.shown for part in parts if isinstance(part, Table) and part.shown is not None]
    linked = pd.concat([known.head(0), *told])["setting"]
    where = (f"study={config.study}", *plugin_words())
    listing = listed(store, known, shown, linked, config.measure, where)
    return runs_fold(listing, known["setting"].nunique())


def checked_factor(factor: Any) -> float:
    """Return ``factor`` if it is a number from 1, else raise ValueError."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor < np.inf:
        raise ValueError(f"factor must be a number in [1, inf), got {factor!r}")
    return float(factor)


def no_runs(config: DictConfig, store: Store) -> str:
    """Return the line for a study without runs of the present code."""
    absent = store.absent()
    if absent:
        return f"study={config.study}: it holds {'; '.join(map(str, absent))}"
    outdated = store.outdated()
    made = f"its {counted(outdated, 'run is', 'runs are')} of older code" if outdated else "it holds no runs"
    return (
        f"study={config.study}: {made}; make some with python -m experiments.run -m "
        f"'optimizer=glob(*)' study={config.study} results={config.results}"
    )


def made_by(study: str) -> str:
    """Return the command that says what a study holds; what made each run is in its file's metadata."""
    return f"python -m experiments.report study={study}"


main = command("report", report)
if __name__ == "__main__":
    main()
