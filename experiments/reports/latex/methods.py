"""A paragraph on methods, in plain sentences from the runs of a study, to be edited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from experiments import tables
from experiments.claims.base import listed
from experiments.figures.parts import Part
from experiments.reports.comparison import words
from experiments.reports.latex.compared import chosen, ended, measured, tests
from experiments.reports.latex.escape import breakable
from experiments.reports.latex.origin import Studied, computed, made_with
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tables.coverage import axes_of, hyperparameter_words, spans
from experiments.wording import counted

LONGEST_WORD = 40  # that need not break; signs for that are in an editor's way
LONGEST = 60  # letters of a word with the values of a hyperparameter; of more values the ends are told
MOST_STEPS = 6  # numbers of steps that are told one by one


def study_methods(studied: Studied, parts: Sequence[Part], measure: str, factor: float) -> str:
    """Return the paragraph of a study's report, given its parts."""
    runs = tables.labelled(studied.runs)
    compared = [*chosen(runs, studied, measure), *measured(runs, measure), *tests(parts, factor)]
    return paragraph([*done(runs, studied), *compared, *computed(runs, studied.origin), made_with()])


def claim_methods(studied: Studied, predicate: str, confidence: float = 0.95) -> str:
    """Return the paragraph of a claim, given its rule in words, which an experiment beside claims has not."""
    runs = tables.labelled(studied.runs)
    rule = predicate.strip().rstrip(".")
    decided = [
        f"The claim was decided by this rule alone: {rule}",
        f"Intervals are {100 * confidence:.4g}% confidence intervals",
    ]
    fates = [*ended(runs, "and is never dropped")]
    return paragraph(
        [*done(runs, studied), *(decided if rule else []), *fates, *computed(runs, studied.origin)]
    )


def paragraph(sentences: Iterable[str]) -> str:
    """Return sentences as a paragraph of LaTeX, a sentence a line."""
    return "".join(f"{breakable(each.rstrip('.'), LONGEST_WORD)}.\n" for each in sentences)


# What was run


def done(runs: pd.DataFrame, studied: Studied) -> Iterator[str]:
    """Yield who ran on what, on which seeds, for how long, at which settings."""
    names = sorted(runs["optimizer"].unique())
    if not names:
        yield "No runs are stored"
        return
    rows = runs[runs["seed"] < FIRST_TUNING_SEED]
    trials = len(runs) - len(rows)
    searches = f", {trials:,} of them in searches on tuning seeds" if trials else ""
    yield (
        f"{listed(names)} {'was' if len(names) == 1 else 'were'} run on {instances(runs)}, "
        f"{counted(len(runs), 'run')} in all{searches}"
    )
    yield from studied.left_out
    yield seeds(rows) if len(rows) else "All runs are trials of searches, on tuning seeds alone"
    yield steps(runs)
    yield from schedules(runs)
    yield from settings(runs, studied)


def instances(runs: pd.DataFrame) -> str:
    """Return in words how many problem instances there are, of which problems."""
    labels = pd.Series(tables.instance_labels(runs).astype(str).unique())
    counts = labels.groupby(labels.str.split().str[0]).size()
    named = [f"{n:,} of {name}" if n > 1 else str(name) for name, n in counts.items()]
    return f"{counted(len(labels), 'problem instance')} ({listed(named)})"


def seeds(runs: pd.DataFrame) -> str:
    """Return in words which seeds each optimizer ran on each problem."""
    counts = runs.groupby(tables.PAIR, observed=True)["seed"].nunique()
    low, high = int(counts.min()), int(counts.max())
    many = counted(high, "seed") if low == high else f"between {low:,} and {counted(high, 'seed')}"
    told = words(spans(runs["seed"]))
    which = f"on {told}" if low == runs["seed"].nunique() else f"with {many}, among {told}"
    same = "the same seed is the same start, data and minibatches for all"
    return f"Each optimizer ran on each of its problems {which}; {same}"


def steps(runs: pd.DataFrame) -> str:
    found = sorted(runs["steps"].unique())
    if len(found) > MOST_STEPS:
        return f"Runs took between {found[0]:,} and {found[-1]:,} steps, {len(found)} different numbers"
    if len(found) == 1:
        return f"Each run took {counted(int(found[0]), 'step')}"
    return f"Runs took {listed([f'{each:,}' for each in found], 'or')} steps"


def schedules(runs: pd.DataFrame) -> Iterator[str]:
    """Yield which schedules the learning rates had, as far as that is recorded."""
    names = sorted(runs["schedule"].dropna().astype(str).unique()) if "schedule" in runs else []
    if names == ["constant"]:
        yield "The learning rate had no schedule"
    elif names:
        yield f"The learning rate had the schedule {listed(names, 'or')}"


def settings(runs: pd.DataFrame, studied: Studied) -> Iterator[str]:
    """Yield the hyperparameters that vary or are not the default, and the spaces that were searched."""
    swept = []
    for name, part in runs.groupby("optimizer", observed=True):
        part = part[part["seed"] < FIRST_TUNING_SEED] if name in searched(studied) else part
        axes = axes_of(part, tables.hyperparameters(part)) if len(part) else {}
        told = [short(word, axes) for word in hyperparameter_words(str(name), axes)]
        if name not in searched(studied):
            swept.append(f"{name} {' '.join(told) if told else 'at its defaults'}")
    if swept:
        yield f"Hyperparameters were, all others at their defaults: {'; '.join(swept)}"
    if len(studied.selections):
        yield f"Searched were: {'; '.join(spaces(studied.selections))}"


def searched(studied: Studied) -> set[str]:
    """Return the optimizers that were searched."""
    return set(studied.selections["optimizer"].astype(str)) if len(studied.selections) else set()


def short(word: str, axes: dict[str, list[object]]) -> str:
    """Return a word with the values of a hyperparameter, of many values the number and the ends."""
    key = word.partition("=")[0]
    if len(word) <= LONGEST:
        return word
    values = axes[key]
    ends = [tables.text(each, 4) for each in (values[0], values[-1])]
    return f"{key} ({counted(len(values), 'value')} from {ends[0]} to {ends[1]})"


def spaces(selections: pd.DataFrame) -> Iterator[str]:
    """Yield each optimizer with the spaces that its trials were drawn from."""
    for name, part in selections.groupby("optimizer"):
        for space in part["space"].unique():
            each = [
                f"{key} {spec['distribution']} in [{spec['low']:g}, {spec['high']:g}]"
                for key, spec in json.loads(space).items()
            ]
            yield f"{name} {', '.join(each) if each else 'as it is, without a space'}"
