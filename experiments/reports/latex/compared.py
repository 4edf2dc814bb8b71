"""How settings were chosen and optimizers compared, in sentences for a paragraph on methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from experiments import tables
from experiments.claims.base import listed
from experiments.figures.parts import Part, Picture, Table, Text
from experiments.reports.answer import between
from experiments.reports.comparison import LEVEL, how_compared
from experiments.reports.contests import RANK
from experiments.reports.latex.origin import Studied, typed
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tuning import best_flags
from experiments.tuning.protocol import Split, searched_or_swept, split
from experiments.tuning.selection import budget_of
from experiments.wording import counted


def chosen(runs: pd.DataFrame, studied: Studied, measure: str) -> Iterator[str]:
    """Yield from how many settings each optimizer had its own, at which budgets, and which seeds chose."""
    if runs.empty:
        return
    offered = searched_or_swept(runs)
    keys = [*tables.PAIR, *tables.hyperparameters(offered)]
    tried = offered[keys].drop_duplicates().groupby(tables.PAIR, observed=True).size()
    if tried.max() == 1:
        yield "Each optimizer ran at one setting on each problem, so that none was chosen"
        return
    ranges = {
        str(name): between(part.min(), part.max()) for name, part in tried.groupby("optimizer", observed=True)
    }
    if len(set(ranges.values())) == 1:
        number = next(iter(ranges.values()))
        yield f"On each problem, the settings to choose from were {number} for each optimizer"
    else:
        uneven = listed([f"{name} {many}" for name, many in ranges.items()])
        yield f"The settings to choose from on each problem were not equally many: {uneven}"
    yield from searches(runs, studied)
    yield by_which_runs(split(runs), measure)


def by_which_runs(parts: Split, measure: str) -> str:
    """Return in words which seeds chose, and which are compared."""
    if parts.by_the_same_runs:
        return (
            "There were too few seeds to choose settings on some and compare them on others: the runs that "
            f"chose, by the best median {measure}, are compared, which flatters whoever had more settings"
        )
    if parts.uniform:
        return how_compared(parts, measure)
    ways = listed(sorted(parts.cells["chosen"].unique()), "or")
    return (
        f"Settings were chosen by the best median {measure} {ways}; compared are the other seeds, where "
        "there are any"
    )


def searches(runs: pd.DataFrame, studied: Studied) -> Iterator[str]:
    """Yield how settings were searched, if they were."""
    if studied.selections.empty:
        return
    budgets = [budget_of(flag) for flag in best_flags(studied.selections)]
    tuning = runs.loc[runs["seed"] >= FIRST_TUNING_SEED, "seed"].nunique()
    how = {
        "method": ("drawn at random or by a Sobol sequence", "drawn by the method {}"),
        "measure": ("compared by the measure of the search", "compared by {}"),
    }
    said, silent = [], []
    for key, (without, with_) in how.items():
        found = typed(studied.origin, f"tune.{key}")
        said.append(with_.format(listed(found, "or")) if found else without)
        silent += [] if found else [f"tune.{key}"]
    sizes = listed([f"{each:,}" for each in budgets], "or")
    budget = f"a budget takes the first so many of one pool of trials, {sizes}"
    yield (
        f"Trials were {', '.join(said)}, on {counted(tuning, 'tuning seed')}; {budget}, and what has the "
        "best median there was run again on the other seeds"
    )
    if silent:
        defaults = "random and suboptimality" if len(silent) == 2 else "the default"
        yield f"{listed(silent)} {'is' if len(silent) == 1 else 'are'} not recorded; by default {defaults}"


def measured(runs: pd.DataFrame, measure: str) -> Iterator[str]:
    """Yield by what runs are compared, and how those count that diverged or stalled."""
    kind = tables.measure_of(measure, runs.columns)
    side = "higher" if kind.higher_is_better else "lower"
    what = (
        ", which is the loss above its minimum, or above a lower bound of it where that is not known"
        if measure == "suboptimality"
        else ""
    )
    yield f"Runs are compared by the median over seeds of the {kind.final_label}{what}; {side} is better"
    yield from ended(runs, "and is never dropped")


def ended(runs: pd.DataFrame, never: str) -> Iterator[str]:
    if runs.empty:
        return
    lost, stalled = ((runs["status"] == status).sum() for status in ("diverged", "stalled"))
    still = (
        f"{counted(stalled, 'run')} stalled, an overflow in the optimizer's state"
        if stalled
        else "none stalled"
    )
    yield (
        f"A run that diverges counts as the worst there is {never}; "
        f"{lost:,} of {counted(len(runs), 'run')} diverged, {still}"
    )


def tests(parts: Sequence[Part], factor: float) -> Iterator[str]:
    """Yield the tests that the report has made, with their corrections, and their level."""
    answers = [part for part in parts if isinstance(part, Table) and part.name.startswith("in_short")]
    names = {part.name for part in parts if isinstance(part, Table | Picture)}
    holes = any(isinstance(part, Text) and "(test of Skillings and Mack:" in part.text for part in parts)
    ranked = [part for part in answers if RANK in part.frame]
    found = [*over_instances(ranked, names), *over_seeds(answers)]
    if holes:
        found.append(
            "Ranks over instances that only some ran on were compared by the test of Skillings and Mack, its "
            "p-value by permutations"
        )
    yield from found or ["No two optimizers were compared by a test"]
    if "lr_robustness" in names:
        yield f"Learning rates are good whose median is within a factor of {factor:g} of the best"
    level = f"Tests are at the level of {LEVEL:.0%}, and confidence" if found else "Confidence"
    yield f"{level} intervals, which are over seeds or instances, at 95%"


def over_instances(ranked: Sequence[Table], names: Iterable[str]) -> Iterator[str]:
    """Yield the tests over problem instances, by the tables that have them."""
    many = any(len(part.frame) > 2 for part in ranked)
    if many or any(name.startswith("critical_difference") for name in names):
        yield (
            "Mean ranks over problem instances were compared by Friedman's test with the correction of Iman "
            "and Davenport, then pair by pair by Nemenyi's test, which holds its level for all pairs "
            "together"
        )
    if any(len(part.frame) == 2 for part in ranked) or any(name.startswith("paired_diff") for name in names):
        yield (
            "Pairs of optimizers were compared over problem instances by Wilcoxon's signed-rank test, "
            "p-values adjusted by Holm's method, with the median of the paired ratios or differences and its "
            "BCa bootstrap interval of 2,000 draws"
        )


def over_seeds(answers: Sequence[Table]) -> Iterator[str]:
    """Yield the comparison seed by seed, if there is one."""
    if any(part.frame["best_is_better"].notna().any() for part in answers if "best_is_better" in part.frame):
        yield (
            "On a problem, the best optimizer was compared with each other one seed by seed, by the "
            "probability that it is better (Vargha and Delaney's measure for pairs, ties as half), with a "
            "BCa bootstrap interval of 2,000 draws, or that of Clopper and Pearson where all seeds agree, "
            "without a correction for several pairs; it holds for these problems alone"
        )
