"""Signs that a comparison is unfair, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from experiments import tables
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tuning.protocol import Split
from experiments.wording import counted

SPECIAL_CASES = {"adam": "rmsprop"}
"""An optimizer and another that it contains, or nearly: it should not lose to it when tuned well."""

WITHOUT = ("optimizer.momentum",)
"""Hyperparameters whose 0 makes an optimizer the special case without them."""


def alarms(split: Split, measure: str, factor: float) -> list[str]:
    """Return a line for each sign that a comparison is unfair.

    The best learning rate lies at an end of its grid (Wilson et al., 2017), every one
    diverges, or the best one stalls; an optimizer loses to one that it contains, or to
    itself without momentum (Choi et al., 2019).
    """
    best = tables.best_settings(split.choosing, measure)
    none = tables.without_setting(best, split.runs, measure)
    unsettled = pd.MultiIndex.from_frame(none[tables.PAIR].astype(str))
    found = best[~pd.MultiIndex.from_frame(best[tables.PAIR].astype(str)).isin(unsettled)]
    untuned = split.runs[split.runs["seed"] < FIRST_TUNING_SEED]
    return [
        *diverged_alarms(none, best),
        *stalled_alarms(split.choosing, best),
        *edge_alarms(split.runs, found, best),
        *special_case_alarms(best, measure, factor),
        *without_alarms(split.choosing, untuned, measure, factor),
    ]


def diverged_alarms(none: pd.DataFrame, best: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each optimizer that has no good learning rate somewhere: at all, runs diverged."""
    for optimizer, part in none.groupby("optimizer"):
        count = (best["optimizer"] == optimizer).sum()
        yield (
            f"{optimizer}: has no best setting on {len(part)} of {counted(count, 'problem')} "
            f"({named(part['problem'])}), where {part['note'].iloc[0]}; try smaller learning rates"
        )


def stalled_alarms(choosing: pd.DataFrame, best: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each optimizer whose best setting stalled in half of its runs or more somewhere."""
    ended = tables.divergence(tables.runs_at(choosing, best))
    for optimizer, part in ended[ended["stalled"] >= 0.5].groupby("optimizer"):
        count = (best["optimizer"] == optimizer).sum()
        yield (
            f"{optimizer}: half of the runs or more at its best setting stalled, on {len(part)} of "
            f"{counted(count, 'problem')} ({named(part['problem'])}); none does better than to stand still"
        )


def edge_alarms(tried: pd.DataFrame, found: pd.DataFrame, best: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each optimizer whose best learning rate is at an end of its grid somewhere."""
    grids = tried.groupby(tables.PAIR, observed=True)["optimizer.lr"].agg(["min", "max", "nunique"])
    rows = found.merge(grids.reset_index(), on=tables.PAIR)
    ends = rows["optimizer.lr"].eq(rows["min"]) | rows["optimizer.lr"].eq(rows["max"])
    for optimizer, part in rows[ends & (rows["nunique"] > 1)].groupby("optimizer"):
        grid = sorted({f"{low:g} to {high:g}" for low, high in part[["min", "max"]].to_numpy()})
        count = (best["optimizer"] == optimizer).sum()
        yield (
            f"{optimizer}: the best learning rate is at an end of its grid, {' or '.join(grid[:3])}, on "
            f"{len(part)} of {counted(count, 'problem')} ({named(part['problem'])}); extend it"
        )


def special_case_alarms(best: pd.DataFrame, measure: str, factor: float) -> Iterator[str]:
    """Yield a line for each optimizer that does worse, by the factor, than one that it nearly contains."""
    medians = best.astype({"problem": str}).pivot(index="problem", columns="optimizer", values="median")
    for larger, smaller in SPECIAL_CASES.items():
        if {larger, smaller} <= set(medians):
            both = medians[[larger, smaller]].dropna()
            loses = worse(both[larger], both[smaller], measure, factor)
            if loses:
                yield (
                    f"{larger} loses to {smaller}, which it nearly contains, on {len(loses)} of "
                    f"{counted(len(both), 'problem')} ({named(loses)}); its other hyperparameters want tuning"
                )


def worse(these: pd.Series, those: pd.Series, measure: str, factor: float) -> list[str]:
    """Return the problems, the index, on which these medians are worse than those by more than the factor."""
    kind = tables.measure_of(measure, [measure])
    if kind.higher_is_better:
        return [str(name) for name in these.index[these * factor < those]]
    return [str(name) for name in these.index[kind.cost(these) > factor * kind.cost(those)]]


def without_alarms(
    choosing: pd.DataFrame, reported: pd.DataFrame, measure: str, factor: float
) -> Iterator[str]:
    """Yield a line for each optimizer whose best setting with momentum loses to its best without.

    Both are chosen among the runs that choose settings, or, where those have none without
    momentum, as when a search drew it, both among the reported runs.
    """
    for key in WITHOUT:
        if key not in choosing:
            continue
        for optimizer in sorted(choosing["optimizer"].astype(str).unique()):
            pairs = (with_and_without(runs, optimizer, key, measure) for runs in (choosing, reported))
            medians = next((pair for pair in pairs if len(pair)), pd.DataFrame())
            loses = worse(medians["with"], medians["without"], measure, factor) if len(medians) else []
            if loses:
                word = key.removeprefix("optimizer.")
                yield (
                    f"{optimizer} with {word} loses to its own special case, {optimizer} without, on "
                    f"{len(loses)} of {counted(len(medians), 'problem')} ({named(loses)}); search its {word} "
                    "and learning rate together, and longer"
                )


def with_and_without(runs: pd.DataFrame, optimizer: str, key: str, measure: str) -> pd.DataFrame:
    """Return the best medians of an optimizer with that hyperparameter above 0, and at 0: a row a problem.

    Only of the problems that it ran on both with and without.
    """
    own = runs[runs["optimizer"] == optimizer]
    found = {}
    for name, part in (("with", own[own[key] > 0]), ("without", own[own[key] == 0])):
        if part.empty:
            return pd.DataFrame()
        best = tables.best_settings(part, measure).astype({"problem": str})
        found[name] = best.set_index("problem")["median"]
    return pd.DataFrame(found).dropna()


def named(problems: Iterable[object], most: int = 3) -> str:
    """Return the first few names."""
    names = [str(name) for name in problems]
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
