"""Store -> tables and figures -> one report: python -m experiments.report study=NAME."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from experiments import tables, tuning
from experiments.app import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.comparison import best_of_k_parts, by_target, comparison_parts
from experiments.drawings import DRAWINGS, Study
from experiments.lanes import checked_study
from experiments.page import Part, Picture, Table, Text, bullet_list, write_page
from experiments.store import Store
from experiments.terminal import closing_table, distinct
from optim import OPTIMIZERS

NAMES = tuple(OPTIMIZERS)
MOST_PANELS = 12


@disk_errors_end_here()
def report(config: DictConfig) -> Path:
    """Write the report of a study into its folder ``report``."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study))
    runs = distinct(store.runs())
    if runs.empty:
        fail(no_runs(config, store.outdated()))
    with bad_input_ends_here():
        tables.measure_of(config.measure, runs.columns)
        factor = checked_factor(config.factor)
        parts = list(study_parts(store, runs, config.study, config.measure, factor))
    path = write_page(store.folder / "report", parts)
    closing_table(runs, config.measure)
    print(f"report written to {path}")
    return path


def checked_factor(factor: Any) -> float:
    """Return ``factor`` if it is a number from 1, else raise ValueError."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor < np.inf:
        raise ValueError(f"factor must be a number in [1, inf), got {factor!r}")
    return float(factor)


def no_runs(config: DictConfig, outdated: int) -> str:
    """Return the line for a study without runs of the present code."""
    made = f"its {outdated:,} runs are of older code" if outdated else "it holds no runs"
    return (
        f"study={config.study}: {made}; make some with python -m experiments.run -m "
        f"'optimizer=glob(*)' study={config.study} results={config.results}"
    )


def study_parts(store: Store, runs: pd.DataFrame, study: str, measure: str, factor: float) -> Iterator[Part]:
    """Yield the parts of a study's report."""
    yield Text(f"# {study}")
    yield Text(overview(store, runs))
    yield from table_parts(runs, measure, factor)
    yield Text("## Figures")
    shown = first_problems(runs)
    if len(shown) < len(runs):
        yield Text(f"Of the problems, the first {MOST_PANELS} are drawn.")
    best = tables.runs_at(shown, tables.best_settings(shown, measure))
    drawn_from = Study(shown, best, store.history(best["run"].astype(str)), measure, factor)
    drawn = [draw(drawn_from) for draw in DRAWINGS]
    yield from (picture for picture in drawn if isinstance(picture, Picture))
    yield from comparison_parts(runs, measure, factor)
    yield from best_of_k_parts(runs, measure)
    yield from search_parts(store)
    missing = [line for line in drawn if isinstance(line, str)]
    if missing:
        yield Text("Not drawn, for want of data:")
        yield bullet_list(missing)


def search_parts(store: Store) -> Iterator[Part]:
    """Yield what each search of a tuned study chose, and an alarm where that is at an edge of its space."""
    chosen = store.selections()
    if chosen.empty:
        return
    flags = tuning.best_flags(chosen).columns
    winners = chosen[chosen[list(flags)].eq(True).any(axis=1)]
    searched = [key for key in winners if str(key).startswith("optimizer.") and winners[key].nunique() > 1]
    columns = ["problem", "optimizer", *searched, "trial", "median", *flags]
    yield Table("selections", "The trials that the budgets chose, on the tuning seeds", winners[columns])
    lines = [
        f"{optimizer} on {problem}: {line}; tune.extend=3 widens it until the best is inside"
        for (optimizer, problem), part in chosen.groupby(["optimizer", "problem"])
        for line in tuning.alarms(part.dropna(axis=1, how="all"), *space_and_limits(part, str(optimizer)))
    ]
    yield bullet_list(lines) if lines else Text("No chosen value is at the edge of its search space.")


def space_and_limits(chosen: pd.DataFrame, optimizer: str) -> tuple[tuning.Space, tuning.Limits]:
    """Return the space that was searched, and what an optimizer's hyperparameters may be."""
    return json.loads(chosen["space"].iloc[0]), OPTIMIZERS[optimizer].hyperparameters()


def first_problems(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of as many problems as a figure has room for."""
    labels = tables.problem_labels(runs)
    return runs[labels.isin(labels.cat.categories[:MOST_PANELS])]


def overview(store: Store, runs: pd.DataFrame) -> str:
    """Return in words what the study holds."""
    outdated = store.outdated()
    stale = f" {outdated:,} runs of older code are left out." if outdated else ""
    return (
        f"{len(runs):,} runs: {', '.join(sorted(runs['optimizer'].astype(str).unique()))} on "
        f"{', '.join(sorted(runs['problem'].astype(str).unique()))}, {runs['seed'].nunique():,} seeds, "
        f"{', '.join(str(steps) for steps in sorted(runs['steps'].unique()))} steps; "
        f"{(runs['status'] == 'diverged').mean():.1%} diverged.{stale} A diverged run counts as infinitely "
        "bad and is never dropped. Bands and q25 to q75 are quartiles over seeds."
    )


def table_parts(runs: pd.DataFrame, measure: str, factor: float) -> Iterator[Part]:
    """Yield the tables."""
    yield Text("## Tables")
    yield Text(
        "Best settings are chosen here, and in the figures, by the same runs that are shown; the comparison "
        "further down chooses on other seeds than it reports."
    )
    yield Table("settings", "What varies", tables.settings(runs))
    yield Table("best_settings", f"Best setting by median {measure}", tables.best_settings(runs, measure))
    yield Table(
        "steps_to_targets",
        "Median steps until the suboptimality is that fraction of its start, at the best settings",
        by_target(tables.steps_to_targets(runs, measure), "median"),
    )
    yield Table(
        "lr_width",
        f"Learning rates whose median {measure} is within a factor of {factor:g} of the best",
        tables.lr_width(runs, measure, factor),
    )
    yield Table("divergence", "Share of all runs that diverged", tables.divergence(runs))
    yield Table(
        "ranks", f"Rank of each optimizer's best setting by median {measure}", tables.ranks(runs, measure)
    )


main = command("report", report)

if __name__ == "__main__":
    main()
