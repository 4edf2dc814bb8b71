"""Which values of a report's tables its own tests tell to be best, and which they do not tell from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.figures.parts import Contest, Part, Table
from experiments.reports.comparison import LEVEL
from experiments.tables import PAIR, Measure

ANSWER = "in_short"  # what the tables of the answer are called, one for each budget
RANK, MEDIAN = "mean_rank", "median"


def contest_of_ranks(ranks: pd.DataFrame, beaten: Sequence[str]) -> Contest | None:
    """Return what the test of mean ranks says; None if all ranks are alike.

    Args:
        ranks: a row for each optimizer, the best first: optimizer, mean_rank.
        beaten: those that the first is shown to beat.
    """
    best = (ranks[RANK] == ranks[RANK].min()).to_numpy()
    worse = ranks["optimizer"].isin(beaten).to_numpy()
    test = (
        f"Nemenyi's test against the best mean rank, after Friedman's, both at {LEVEL:.0%}"
        if len(ranks) > 2
        else f"Wilcoxon's signed-rank test over the instances, at {LEVEL:.0%}"
    )
    return contest(RANK, best & ~best.all(), ~best & ~worse, test)


def contest_of_seeds(rows: pd.DataFrame, measure: Measure) -> Contest | None:
    """Return what the probability of superiority says on each problem; None if it says nothing on any.

    Nothing is best on a problem where no two were compared seed by seed, where all are alike, or where
    the best is as bad as can be.

    Args:
        rows: problem, median, best_is_better with the ends of its interval, low and high.
        measure: that of the medians.
    """
    cost = measure.cost(rows[MEDIAN])
    problem = [rows["problem"].astype(str)]
    best = cost == cost.groupby(problem).transform("min")
    compared = rows["best_is_better"].notna().groupby(problem).transform("any")
    told = compared & ~best.groupby(problem).transform("all")
    told &= (rows[MEDIAN].ne(measure.worst) | ~best).groupby(problem).transform("all")
    test = (
        "the 95% interval of the probability that the best is better on a seed reaches one half, or too few "
        "seeds are shared to tell; each pair by itself"
    )
    equal = told & ~best & ~(rows["low"] > 0.5)
    return contest(MEDIAN, (told & best).to_numpy(), equal.to_numpy(), test)


def contest(column: str, best: Iterable[bool], equal: Iterable[bool], test: str) -> Contest | None:
    """Return a contest, None if nothing is best."""
    found = Contest(column, tuple(map(bool, best)), tuple(map(bool, equal)), test)
    return found if any(found.best) else None


# The same numbers in other tables


def carried(parts: Sequence[Part]) -> list[Part]:
    """Return the parts, with what the tests of the answer say also where tables show the same numbers.

    Those are the mean ranks of each budget, and the medians of the best settings; a number that is another
    one there has no mark.
    """
    answers = {part.name: part for part in parts if isinstance(part, Table) and part.contest is not None}
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Table) and part.contest is None:
            part = replace(part, contest=carried_to(part, answers))
        found.append(part)
    return found


def carried_to(table: Table, answers: dict[str, Table]) -> Contest | None:
    """Return what the answer says of a table's values, if it says anything."""
    if table.name.startswith("ranks"):
        answer = answers.get(ANSWER + table.name.removeprefix("ranks"))
        keys, column = ["optimizer"], RANK
    elif table.name == "best_settings":
        answer = answers.get(ANSWER)
        keys, column = PAIR, MEDIAN
    else:
        return None
    if answer is None or answer.contest is None or answer.contest.column != column:
        return None
    said = answer.frame[[*keys, column]].assign(best=answer.contest.best, equal=answer.contest.equal)
    text = dict.fromkeys(keys, str)
    rows = table.frame[[*keys, column]].astype(text).merge(said.astype(text), on=keys, how="left")
    same = pd.Series(np.isclose(rows[f"{column}_x"], rows[f"{column}_y"], rtol=1e-9, atol=0))
    if column == RANK:  # of all rows together; a median is compared on its problem
        same &= bool(same.all())
    else:
        same &= same.groupby(rows["problem"]).transform("all")
    return contest(column, rows["best"].eq(True) & same, rows["equal"].eq(True) & same, answer.contest.test)
