"""Store -> tables and figures -> one report: python -m experiments.report study=NAME."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from experiments import measures, tables, tuning
from experiments.app import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.comparison import (
    best_of_k_parts,
    by_target,
    comparison_parts,
    span,
    split_seeds,
    tuning_runs,
)
from experiments.drawings import DRAWINGS, Study
from experiments.lanes import checked_study
from experiments.page import Part, Picture, Table, Text, bullet_list, write_page
from experiments.sources import FOLDER, INDEX, Section, write_sources
from experiments.store import Store
from experiments.terminal import closing_table, distinct
from optim import OPTIMIZERS

NAMES = tuple(OPTIMIZERS)
MOST_PANELS = 12
MOST_RUNS = 2_000_000  # their tables take some 3 GB
MOST_STEPS = 5_000_000  # recorded, of the runs whose histories are read
SECTION = "study"  # the name of the one listing of its runs


@disk_errors_end_here()
def report(config: DictConfig) -> Path:
    """Write the report of a study into its folder ``report``."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study)).within(MOST_RUNS)
    runs = distinct(store.runs())
    if runs.empty:
        fail(no_runs(config, store.outdated()))
    with bad_input_ends_here():
        tables.measure_of(config.measure, runs.columns)
        factor = checked_factor(config.factor)
        parts = list(study_parts(store, runs, config.study, config.measure, factor))
    path = write_page(store.folder / "report", parts)
    section = Section(SECTION, config.study, made_by(config.study), runs, parts)
    write_sources(path.parent, [section])
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


def made_by(study: str) -> str:
    """Return the command that says what a study holds; what made each run is in its file's metadata."""
    return f"python -m experiments.report study={study}"


def study_parts(store: Store, runs: pd.DataFrame, study: str, measure: str, factor: float) -> Iterator[Part]:
    """Yield the parts of a study's report."""
    runs = tables.labelled(runs)  # once for all, so that a problem has one name in every part
    if tables.LR not in runs:  # of no optimizer that ran
        runs = runs.assign(**{tables.LR: np.nan})
    choosing, reported = split_seeds(runs)
    chosen = tables.settings_shown(choosing, reported, measure)
    best = tables.runs_at(reported, chosen)
    traced = first_seeds(best, int(MOST_STEPS / max(store.steps_a_run(), 1)))
    history = store.history(traced["run"].astype(str))
    yield Text(f"# {study}")
    yield Text(overview(store, runs))
    if len(traced) < len(best):
        yield Text(f"What is drawn or computed from histories is of seeds {span(traced)}.")
    yield from table_parts(runs, chosen, traced, history, measure, factor)
    yield Text("## Figures")
    shown = first_problems(runs)
    if len(shown) < len(runs):
        yield Text(f"Of the problems, the first {MOST_PANELS} are drawn.")
    drawn_from = Study(shown, first_problems(traced), history, measure, factor)
    drawn = [draw(drawn_from) for draw in DRAWINGS]
    yield from (picture for picture in drawn if isinstance(picture, Picture))
    yield from comparison_parts(runs, measure, factor)
    yield from best_of_k_parts(runs, measure)
    yield from search_parts(store.selections())
    missing = [line for line in drawn if isinstance(line, str)]
    if missing:
        yield Text("Not drawn, for want of data:")
        yield bullet_list(missing)


def search_parts(chosen: pd.DataFrame, name: str = "selections") -> Iterator[Part]:
    """Yield what each search of a tuned study chose, and an alarm where that is at an edge of its space."""
    if chosen.empty:
        return
    flags = tuning.best_flags(chosen).columns
    winners = chosen[chosen[list(flags)].eq(True).any(axis=1)]
    searched = [key for key in winners if str(key).startswith("optimizer.") and winners[key].nunique() > 1]
    columns = ["problem", "optimizer", *searched, "trial", "median", *flags]
    yield Table(name, "The trials that the budgets chose, on the tuning seeds", winners[columns])
    yield search_alarms(chosen)


def search_alarms(chosen: pd.DataFrame) -> Text:
    """Return a line for each chosen value at the edge of its search space."""
    lines = [
        f"{optimizer} on {problem}: {line}; tune.extend=3 widens it until the best is inside"
        for (optimizer, problem), part in chosen.groupby(["optimizer", "problem"])
        for line in tuning.alarms(part.dropna(axis=1, how="all"), *space_and_limits(part, str(optimizer)))
    ]
    return bullet_list(lines) if lines else Text("No chosen value is at the edge of its search space.")


def space_and_limits(chosen: pd.DataFrame, optimizer: str) -> tuple[tuning.Space, tuning.Limits]:
    """Return the space that was searched, and what an optimizer's hyperparameters may be."""
    return json.loads(chosen["space"].iloc[0]), OPTIMIZERS[optimizer].hyperparameters()


def first_seeds(runs: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the runs of the first seeds that together have at most so many; at least those of one seed."""
    until = runs["seed"].value_counts().sort_index().cumsum()
    last = max(int((until <= most).sum()), 1) - 1
    return runs[runs["seed"] <= until.index[last]] if len(until) else runs


def first_problems(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of as many problems as a figure has room for."""
    labels = tables.problem_labels(runs)
    return runs[labels.isin(labels.cat.categories[:MOST_PANELS])]


def overview(store: Store, runs: pd.DataFrame) -> str:
    """Return in words what the study holds."""
    outdated = store.outdated()
    stale = f" {outdated:,} runs of older code are left out." if outdated else ""
    if store.below is not None:
        stale += f" Of {store.count() - outdated:,} runs, those of seeds below {store.below:,} are shown."
        if store.below <= tuning.FIRST_TUNING_SEED and not store.selections().empty:
            stale += " The tuning seeds are not among them."
        if missing := [" on ".join(pair) for pair in store.left_out()]:
            stale += f" There is none of {', '.join(missing)}."
    return (
        f"{len(runs):,} runs: {', '.join(sorted(runs['optimizer'].astype(str).unique()))} on "
        f"{', '.join(sorted(runs['problem'].astype(str).unique()))}, {runs['seed'].nunique():,} seeds, "
        f"{', '.join(str(steps) for steps in sorted(runs['steps'].unique()))} steps; "
        f"{(runs['status'] == 'diverged').mean():.1%} diverged.{stale} A diverged run counts as infinitely "
        "bad and is never dropped. Bands and q25 to q75 are quartiles over seeds. Which runs each table and "
        f"figure was made from: [runs.csv]({INDEX}), by setting [here]({FOLDER}/{SECTION}.csv); "
        f"`experiments.sources.runs_behind(TABLE, report)` takes them out of the store."
    )


def table_parts(
    runs: pd.DataFrame,
    chosen: pd.DataFrame,
    traced: pd.DataFrame,
    history: pd.DataFrame,
    measure: str,
    factor: float,
) -> Iterator[Part]:
    """Yield the tables; ``chosen`` are the settings to show, ``history`` that of the runs ``traced``."""
    choosing, reported = split_seeds(runs)
    best = tables.runs_at(reported, chosen)
    trials = tuning_runs(runs)
    swept = runs if trials.empty else trials  # the trials of a search ran on the same seeds
    yield Text("## Tables")
    yield Text(how_chosen(choosing, reported, measure))
    yield Table("settings", "What varies", tables.settings(runs))
    yield Table("best_settings", f"Best setting by median {measure}", chosen)
    yield Table(
        "steps_to_targets",
        "Median steps until the suboptimality is that fraction of its start, at the best settings",
        by_target(tables.steps_to_targets(reported, measure, chosen), "median"),
        best,
    )
    yield Table(
        "log_area",
        "Mean over the steps of the logarithm (base 10) of the suboptimality, at the best settings: the area "
        "under the logarithmic loss curve per step; lower is sooner and deeper",
        measures.log_area_table(history, traced),
        traced,
    )
    yield Table(
        "lr_robustness",
        f"Decades of learning rates whose median {measure} is within a factor of {factor:g} of the best, and "
        "the share of runs that diverged, with 95 % intervals over seeds",
        measures.lr_robustness(swept, measure, factor),
        swept,
    )
    yield Table("divergence", "Share of all runs that diverged", tables.divergence(runs))
    yield Table(
        "ranks",
        f"Rank of each optimizer's best setting by median {measure}",
        tables.ranks(reported, measure, chosen),
    )


def how_chosen(choosing: pd.DataFrame, reported: pd.DataFrame, measure: str) -> str:
    """Return in words which seeds choose settings, and which are shown."""
    if choosing is reported:
        return (
            "There are too few seeds to choose settings on some and show others: best settings are chosen by "
            "the same runs that are shown, and flatter whoever had more settings to choose from."
        )
    return (
        f"Settings are chosen by the best median {measure} on seeds {span(choosing)}; what is shown of them, "
        f"here and in the figures, is seeds {span(reported)}."
    )


main = command("report", report)

if __name__ == "__main__":
    main()
