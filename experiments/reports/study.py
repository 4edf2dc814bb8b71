"""The report of a study: its tables, figures and comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments import measures, tables
from experiments.figures import charts
from experiments.figures.drawings import DRAWINGS, Study
from experiments.figures.parts import Chart, Part, Picture, Table, Text
from experiments.reports.answer import answer_parts
from experiments.reports.comparison import best_of_k_parts, by_target, parts_of, uneven_parts, words
from experiments.reports.page import bullet_list
from experiments.reports.searches import search_parts
from experiments.reports.sources import FOLDER, INDEX
from experiments.reports.tuning_costs import tuning_cost_parts
from experiments.store import Store
from experiments.store.sample import Sample
from experiments.tables.coverage import Where, spans
from experiments.tuning.protocol import Split, budgets, searched_or_swept, split, tuning_runs
from experiments.wording import counted
from optim import OPTIMIZERS

NAMES = tuple(OPTIMIZERS)
MOST_PANELS = 12
MOST_STEPS = 5_000_000  # recorded, of the runs whose histories are read
SECTION = "study"  # the name of the one listing of its runs


def study_parts(
    store: Store, runs: pd.DataFrame, where: Where, measure: str, factor: float
) -> Iterator[Part]:
    """Yield the parts of a study's report; ``where`` is what a command calls the study by."""
    # Once for all, so that a problem has one name, and a setting one number, in every part.
    runs = tables.numbered(tables.labelled(runs))
    if tables.LR not in runs:  # of no optimizer that ran
        runs = runs.assign(**{tables.LR: np.nan})
    by_use = split(runs, where)
    chosen = tables.settings_shown(by_use.choosing, by_use.shown, measure)
    best = tables.runs_at(by_use.shown, chosen)
    pruned = store.pruned()
    with_history = best[~best["run"].isin(pruned)]
    traced = first_seeds(with_history, int(MOST_STEPS / max(store.steps_a_run(), 1)))
    history = store.history(traced["run"].astype(str))
    yield Text(f"# {store.folder.name}")
    yield from answer_parts(by_use, measure, factor, where)
    yield Text("## What the study holds")
    yield Text(overview(store, runs))
    if store.sample is not None:
        yield Table("sample", "Which runs are shown, of how many", sample_table(store.sample, runs))
    if pruned:
        yield Text(
            f"The history of {counted(len(pruned), 'run')} was pruned. What is drawn or computed from "
            f"histories is of the others, at the best settings {len(with_history):,} of "
            f"{counted(len(best), 'run')}."
        )
    if len(traced) < len(with_history):
        yield Text(
            f"What is drawn or computed from histories is of {len(traced):,} of "
            f"{counted(len(with_history), 'run')}, "
            f"the first of each optimizer on each problem: {words(spans(traced['seed']))}."
        )
    yield from table_parts(runs, by_use, chosen, traced, history, measure, factor, where)
    yield Text("## Figures")
    shown = first_problems(runs)
    if len(shown) < len(runs):
        yield Text(f"Of the problems, the first {MOST_PANELS} are drawn.")
    drawn_from = Study(shown, first_problems(traced), history, measure, factor)
    drawn = [draw(drawn_from) for draw in DRAWINGS]
    yield from (picture for picture in drawn if isinstance(picture, Picture))
    yield from parts_of(by_use, measure, factor, where)
    yield from best_of_k_parts(tuning_runs(runs), measure)
    yield from parallel_parts(searched_or_swept(runs), measure)
    yield from tuning_cost_parts(runs, store.selections())
    yield from search_parts(store.selections())
    missing = [line for line in drawn if isinstance(line, str)]
    if missing:
        yield Text("Not drawn, for want of data:")
        yield bullet_list(missing)


def parallel_parts(offered: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield the settings over parallel axes, if several hyperparameters of an optimizer vary."""
    chart = charts.hyperparameters(offered, measure)
    if chart is not None:
        caption = "Settings over parallel axes, an axis for each hyperparameter that varies"
        yield Chart("hyperparameters", caption, lambda: chart, offered)


def first_seeds(runs: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return as many runs of the first seeds of each optimizer on each problem as make at most so many.

    As many seeds of each, if they have as many; at least one.
    """
    place = runs.groupby(tables.PAIR, observed=True)["seed"].rank(method="dense")
    until = place.value_counts().sort_index().cumsum()
    return runs[place <= max(int((until <= most).sum()), 1)]


def first_problems(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of as many problems as a figure has room for."""
    labels = tables.problem_labels(runs)
    return runs[labels.isin(labels.cat.categories[:MOST_PANELS])]


def overview(store: Store, runs: pd.DataFrame) -> str:
    """Return in words what the study holds."""
    absent = store.absent()
    older = store.outdated() - sum(each.runs for each in absent)
    left_out = [*([f"{counted(older, 'run')} of older code"] if older else []), *map(str, absent)]
    stale = f" Left out: {'; '.join(left_out)}." if left_out else ""
    if store.sample is not None:
        stale += (
            f" Of {counted(int(store.sample.cells['runs'].sum()), 'run')}, more than fit into memory, they "
            f"are a sample: of each setting at most {counted(store.sample.seeds, 'seed')}, and as many "
            "tuning seeds, first those that the most optimizers have."
        )
    steps = sorted(runs["steps"].unique())
    return (
        f"{counted(len(runs), 'run')}: {', '.join(sorted(runs['optimizer'].astype(str).unique()))} on "
        f"{problems_named(runs)}, "
        f"{counted(runs['seed'].nunique(), 'seed')}, "
        f"{', '.join(str(each) for each in steps)} step{'' if steps == [1] else 's'}; "
        f"{(runs['status'] == 'diverged').mean():.1%} diverged."
        f"{stalled_share(runs)}{stale} A diverged run counts as infinitely "
        "bad and is never dropped. [report.html](report.html) is the same as one file to send, its figures "
        "to click through. Bands and q25 to q75 are quartiles over seeds. Which runs each table and "
        f"figure was made from: [runs.csv]({INDEX}), by setting [here]({FOLDER}/{SECTION}.csv); "
        f"`experiments.reports.sources.runs_behind(TABLE, report)` takes them out of the store."
    )


def problems_named(runs: pd.DataFrame) -> str:
    """Return the problems, each with how many instances of it there are if there are several."""
    labels = pd.Series(runs["problem"].astype(str).unique())
    counts = labels.groupby(labels.str.split().str[0]).size()
    return ", ".join(
        f"{name} ({counted(n, 'instance')})" if n > 1 else f"{name}" for name, n in counts.items()
    )


def stalled_share(runs: pd.DataFrame) -> str:
    """Return in words how many runs stalled, and what that means; nothing if none did."""
    share = (runs["status"] == "stalled").mean()
    meaning = "a number in their optimizer's state has overflowed, so that what it belongs to stands still"
    return f" {share:.1%} stalled: {meaning}; they count with the loss that they have." if share else ""


def sample_table(sample: Sample, runs: pd.DataFrame) -> pd.DataFrame:
    """Return how many runs of each optimizer on each problem a sample has, of how many, and their seeds."""
    stored = tables.labelled(sample.cells).astype({"problem": str}).set_index(tables.PAIR)["runs"]
    shown = runs.astype({"problem": str}).groupby(tables.PAIR, sort=False)["seed"].agg(["size", spans])
    found = shown.join(stored).rename(columns={"size": "shown", "spans": "seeds", "runs": "of"}).reset_index()
    return found[[*tables.PAIR, "shown", "of", "seeds"]]


def table_parts(
    runs: pd.DataFrame,
    by_use: Split,
    chosen: pd.DataFrame,
    traced: pd.DataFrame,
    history: pd.DataFrame,
    measure: str,
    factor: float,
    where: Where,
) -> Iterator[Part]:
    """Yield the tables; ``chosen`` are the settings to show, ``history`` that of the runs ``traced``."""
    best = tables.runs_at(by_use.shown, chosen)
    swept = searched_or_swept(runs)
    none = tables.without_setting(chosen, runs, measure)
    yield Text("## Tables")
    yield Text(how_chosen(by_use, measure))
    yield from uneven_parts(runs, by_use, chosen, measure)
    yield Table("settings", "What varies", tables.settings(runs))
    yield Table("best_settings", f"Best setting by median {measure}", tables.noted(chosen, none), shown=best)
    yield Table(
        "steps_to_targets",
        "Median steps until the suboptimality is that fraction of its start, at the best settings",
        by_target(tables.steps_to_targets(by_use.shown, measure, chosen), "median"),
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
    yield Table("divergence", "Share of all runs by how they ended", tables.divergence(runs))
    yield from rank_tables(by_use, measure, where)


def rank_tables(by_use: Split, measure: str, where: Where) -> Iterator[Table]:
    """Yield the ranks of the optimizers, for each budget of steps."""
    for budget in budgets(by_use, where):
        choosing, shown = budget.split.choosing, budget.split.shown
        ranks = tables.ranks(shown, measure, tables.settings_shown(choosing, shown, measure))
        some = (
            " (no rank where it did not run; the mean is over the others)"
            if ranks.isna().any(axis=None)
            else ""
        )
        after = f" {budget.said}" if budget.said else ""
        caption = f"Rank of each optimizer's best setting by median {measure}{after}{some}"
        yield Table(budget.named("ranks"), caption, ranks)


def how_chosen(by_use: Split, measure: str) -> str:
    """Return in words which seeds choose settings, and which are shown."""
    if by_use.by_the_same_runs:
        return (
            "There are too few seeds to choose settings on some and show others: best settings are chosen by "
            "the same runs that are shown, and flatter whoever had more settings to choose from."
        )
    if not by_use.uniform:
        return (
            f"Settings are chosen by the best median {measure}. The study is uneven: the seeds that choose, "
            "and those that are shown, here and in the figures, are not the same for all."
        )
    row = by_use.cells.iloc[0]
    return (
        f"Settings are chosen by the best median {measure} on {words(row['choosing'])}; what is shown of "
        f"them, here and in the figures, is {words(row['shown'])}."
    )
