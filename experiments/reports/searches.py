"""What the searches of a study chose, in its report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from experiments import tables, tuning
from experiments.figures.parts import Part, Table, Text
from experiments.reports.page import bullet_list
from experiments.request.settings import is_hyperparameter
from experiments.tuning import AtEdge

MOST_PLACES = 3


def search_parts(chosen: pd.DataFrame, name: str = "selections") -> Iterator[Part]:
    """Yield what each search of a tuned study chose, and an alarm where that is at an edge of its space."""
    if chosen.empty:
        return
    chosen = by_instance(chosen)
    flags = tuning.best_flags(chosen).columns
    winners = chosen[chosen[list(flags)].eq(True).any(axis=1)]
    searched = [key for key in winners if is_hyperparameter(key) and winners[key].nunique() > 1]
    columns = ["problem", "optimizer", *searched, "trial", "median", *flags]
    yield Table(name, "The trials that the budgets chose, on the tuning seeds", winners[columns])
    yield search_alarms(chosen)


def by_instance(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of searches with what tells their problems apart in the name of each."""
    more = [key for key in tuning.OF_INSTANCE if key in chosen]
    return chosen.assign(problem=tables.constant_labels(chosen, more).astype(str))


def search_alarms(chosen: pd.DataFrame) -> Text:
    """Return a line for each hyperparameter with chosen values at the edge of its search space."""
    keys = ["optimizer", "problem", "schedule", "space"]
    several = chosen["schedule"].nunique() > 1
    found: dict[tuple[str, str, str], list[tuple[str, AtEdge]]] = {}
    searches: Counter[str] = Counter()
    for (optimizer, problem, schedule, _), part in by_instance(chosen).groupby(keys):
        place = f"{problem} under schedule={schedule}" if several else f"{problem}"
        searches[str(optimizer)] += 1
        for edge in tuning.alarms(part.dropna(axis=1, how="all"), *space_and_limits(part, str(optimizer))):
            found.setdefault((str(optimizer), edge.name, edge.where), []).append((place, edge))
    lines = [
        f"{optimizer} on {edges[0][0]}: {edges[0][1]}"
        if len(edges) == 1
        else f"{optimizer}: {name} is at the {where} in {len(edges)} of {searches[optimizer]} searches, on "
        + listed([place for place, _ in edges])
        for (optimizer, name, where), edges in found.items()
    ]
    if not lines:
        return Text("No chosen value is at the edge of its search space.")
    return bullet_list([f"{line}; tune.extend=3 widens it until the best is inside" for line in lines])


def listed(places: list[str]) -> str:
    more = len(places) - MOST_PLACES
    return ", ".join(places[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def space_and_limits(chosen: pd.DataFrame, optimizer: str) -> tuple[tuning.Space, tuning.Limits]:
    """Return the space that was searched, and what an optimizer's hyperparameters may be."""
    schedule = str(chosen["schedule"].iloc[0])
    return json.loads(chosen["space"].iloc[0]), tuning.limits_of(optimizer, schedule)
