"""Run every experiment on the article, or on what others found, decide every claim, and write one report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig
from rich.table import Table as TerminalTable

from experiments.claims import CLAIMS
from experiments.claims.base import ARTICLE
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.terminal import print_table
from experiments.figures.parts import Part, Text
from experiments.reports.article import Made, Task, all_made, opening_parts, short_parts
from experiments.reports.experiments import ExperimentFailed, Grid, run_all
from experiments.reports.html import folds, sources_fold, write_folds
from experiments.reports.latex import joined, set_sections, write_latex
from experiments.reports.page import write_text, written
from experiments.reports.sources import write_index
from experiments.request.checks import checked_switch
from experiments.store.parquet import replacing

ABOUT = Text("## How to read this")


@disk_errors_end_here()
def reproduce(config: DictConfig) -> Path:
    """Write results/article, or the folder that ``of`` names: report.md, claims.csv, tables and figures."""
    sections_of = checked_report(config.of, config.sections)
    with bad_input_ends_here():
        as_latex = checked_switch("latex", config.latex)
    names = checked_claims(config.claims, sections_of.claims, config.of)
    beside = dict(sections_of.beside) if config.claims is None else {}
    results = Path(config.results)
    experiments = {name: CLAIMS[name].experiment for name in names} | {name: name for name in beside}
    grids = all_run(list(dict.fromkeys([*beside, *experiments.values()])), beside, results)
    folder = results / config.of
    tasks = [replace(task, latex=as_latex) for task in tasks_of(experiments, grids, results, folder, beside)]
    sections = all_made(tasks)
    verdicts = pd.concat([section.verdict for section in sections if len(section.verdict)], ignore_index=True)
    opening = list(opening_parts(sections_of.title, sections_of.note, folder, verdicts, sections))
    head = [written(folder, part) for part in opening]
    path = write_text(folder, [*head, *(text for section in sections for text in section.paragraphs)])
    write_index(folder, [section.index for section in sections])
    index = pd.concat([section.index for section in sections], ignore_index=True)
    beginning = [Text(f"# {sections_of.title}"), *short_parts(verdicts), ABOUT, *opening[1:-1]]
    first = folds(beginning, folder)
    rest = [fold for section in sections for fold in section.folds]
    page = write_folds(folder, sections_of.title, [*first, *rest, sources_fold(folder, index)])
    with replacing(folder / "claims.csv") as temporary:
        verdicts.to_csv(temporary, index=False, float_format="%.6g")
    show(verdicts)
    paper = f" and, for LaTeX, {set_in_latex(config, beginning, tasks, sections)}" if as_latex else ""
    print(f"report written to {path} and, to send, {page}{paper}")
    return path


def set_in_latex(
    config: DictConfig, beginning: Sequence[Part], tasks: Sequence[Task], sections: Sequence[Made]
) -> Path:
    """Write the document of a report, whose sections are written, and return its path."""
    folder = tasks[0].folder
    first = set_sections(folder, beginning)
    rest = [text for section in sections for text in section.latex]
    methods = joined((task.name, section.methods) for task, section in zip(tasks, sections, strict=True))
    command = f"python -m experiments.reproduce of={config.of} latex=true"
    return write_latex(folder, config.sections[config.of].title, [*first, *rest], methods, command, None)


def tasks_of(
    experiments: Mapping[str, str],
    grids: Mapping[str, Grid],
    results: Path,
    folder: Path,
    headings: Mapping[str, str],
) -> list[Task]:
    """Return what is to be made of each section, given its experiment."""
    first: dict[str, str] = {}  # section of each experiment
    for name, experiment in experiments.items():
        first.setdefault(experiment, name)
    return [
        Task(name, e, grids[e], results, folder, headings.get(name, ""), first[e] if first[e] != name else "")
        for name, e in experiments.items()
    ]


def all_run(experiments: Sequence[str], long: Iterable[str], results: Path) -> dict[str, Grid]:
    """Run the experiments and return what each asks for; one that fails ends the command."""
    try:
        with bad_input_ends_here():
            return run_all(experiments, long, results)
    except ExperimentFailed as error:
        fail(f"{error}")


def checked_report(of: Any, sections: DictConfig) -> DictConfig:
    """Return what a report's sections are; one that is not there ends the command."""
    if of not in sections:
        fail(f"of must be one of {', '.join(map(str, sections))}, got {of!r}")
    found: DictConfig = sections[of]
    return found


def checked_claims(names: Any, first: Sequence[str], of: str = ARTICLE) -> list[str]:
    """Return the claims of a report asked for, all by default, in their order; bad input ends the command.

    ``first`` are those that come first in the report; a claim that is not among them comes after.
    """
    there = [name for name, claim in CLAIMS.items() if claim.of == of]
    order = [*(name for name in first if name in there), *(name for name in there if name not in first)]
    if names is None:
        return order
    asked = list(names) if isinstance(names, Sequence) and not isinstance(names, str) else [names]
    unknown = [name for name in asked if name not in there]
    if unknown or not asked:
        got = repr(unknown[0]) if unknown else "none"
        fail(f"claims must be among {', '.join(order)}, as claims=[{order[0]}], got {got}")
    return [name for name in order if name in asked]


def show(verdicts: pd.DataFrame) -> None:
    """Print the verdicts."""
    table = TerminalTable()
    for name in ("claim", "verdict", "evidence"):
        table.add_column(name, overflow="fold")
    for _, row in verdicts.iterrows():
        table.add_row(row["claim"], row["verdict"], row["evidence"])
    print_table("Verdicts", table)


main = command("reproduce", reproduce)
if __name__ == "__main__":
    # what worker processes are handed belongs to this module by its name; run that one
    from experiments.reproduce import main as only_main

    only_main()
