"""Which suites the problem instances of a study belong to, and the comparison over each of them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from experiments.grid.suite import NOT_CONSTANTS, suites
from experiments.tables.varying import text
from experiments.tuning.protocol import Budget, with_runs
from experiments.wording import counted
from problems import PROBLEMS

Instance = tuple[str, ...]
"""A problem and its constants, each as a user types it."""

LEAST_SHARE = 0.5
"""As much of a suite a study is to hold, for its comparison to be grouped by that suite."""
MOST_NAMED = 6


@dataclass(frozen=True)
class Membership:
    """A suite of which a study holds at least a half.

    Attributes:
        suite: its name.
        labels: what the report calls the instances that are there.
        lacking: the instances that are not, as one types them.
        others: how many instances of the study are not in the suite.
    """

    suite: str
    labels: frozenset[str]
    lacking: tuple[str, ...]
    others: int

    @property
    def said(self) -> str:
        """In words how many of the suite's instances are there, and which are not."""
        there, count = len(self.labels), len(self.labels) + len(self.lacking)
        if not self.lacking:
            held = f"all {count}"
        else:
            more = len(self.lacking) - MOST_NAMED
            names = ", ".join(self.lacking[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            held = f"{there} of {count}, without {names}"
        beside = f"; {counted(self.others, 'other instance')} beside them" if self.others else ""
        return f"Instances of the suite {self.suite}: {held}{beside}."


def memberships(runs: pd.DataFrame) -> list[Membership]:
    """Return the suites of which these runs, with labelled problems, hold at least a half."""
    there = instances_there(runs)
    found = []
    for name, listed in suites().items():
        wanted = {instance_of(each): each for each in listed}
        labels = frozenset(there[instance] for instance in wanted if instance in there)
        lacking = tuple(typed(each) for instance, each in wanted.items() if instance not in there)
        if len(labels) >= max(LEAST_SHARE * len(wanted), 2):
            found.append(Membership(name, labels, lacking, len(set(there.values()) - labels)))
    return found


def instances_there(runs: pd.DataFrame) -> dict[Instance, str]:
    """Return the label of each problem instance of these runs."""
    keys = [key for key in runs if str(key).startswith("problem.")]
    rows = runs[["problem", *keys]].drop_duplicates()
    found = {}
    for row in rows.to_dict("records"):
        name = str(row["problem"]).split()[0]
        constants = {str(key).removeprefix("problem."): row[key] for key in keys}
        found[instance_of({"problem": name, **constants})] = str(row["problem"])
    return found


def instance_of(given: Mapping[Any, Any]) -> Instance:
    """Return a problem and all its constants, those that are not given at their defaults."""
    name = str(given["problem"])
    if name not in PROBLEMS:
        return (name,)
    constants = [given.get(field.name, field.default) for field in fields(PROBLEMS[name])]
    return (name, *(text(value) for value in constants))


def typed(given: Mapping[Any, Any]) -> str:
    """Return an instance of a suite as the report calls one."""
    constants = [f"{key}={text(value)}" for key, value in given.items() if key not in NOT_CONSTANTS]
    return " ".join([str(given["problem"]), *constants])


def over_suites(budget: Budget, found: Sequence[Membership]) -> Iterator[Budget]:
    """Yield the comparison over each suite alone; nothing for one that all instances are of."""
    for each in found:
        if each.others:
            split = budget.split
            frames = [
                part[part["problem"].astype(str).isin(each.labels)]
                for part in (split.runs, split.choosing, split.shown)
            ]
            yield replace(budget, split=with_runs(split, frames), suite=each.suite)
