"""A study in the format of IOHprofiler (Doerr et al. 2018), as IOHanalyzer and iohinspector read it.

A folder for each algorithm holds a JSON file for each function, and beside it a file of numbers for
each dimension, run after run.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.exports.trajectories import (
    Group,
    Member,
    Plan,
    Trajectory,
    folder_names,
    member_of,
    plan_of,
    trajectories,
    write_legend,
)
from experiments.request.settings import is_hyperparameter
from experiments.store import Store
from experiments.tables import measure_of, text

VERSION = "0.3.5"  # of the format
SUITE = "optimizer-lanes"
HEADER = "evaluations raw_y"
MOST = 65_535  # of functions, dimensions and instances, which readers keep in two bytes


def write_ioh(store: Store, folder: Path, outdated: bool, measure: str) -> int:
    """Write the runs of a study and return how many were written.

    Raises:
        ValueError: the format has no room for so many functions, dimensions or instances.
    """
    plan = plan_of(store, outdated)
    higher = measure_of(measure, [measure]).higher_is_better
    folders = folder_names(sorted(plan.runs["algorithm"].unique()))
    members: dict[Group, list[Member]] = defaultdict(list)
    for each in trajectories(store, outdated, plan, measure):
        check_room(each)
        group = Group(each.algorithm, each.function, each.name, each.dimension)
        file = folder / folders[each.algorithm] / data_file(group)
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a", encoding="utf-8") as opened:
            opened.write(text_of(each))
        members[group].append(member_of(each, higher))
    for (algorithm, function), groups in by_function(members).items():
        content = described(plan, groups, members, higher)
        path = folder / folders[algorithm] / f"IOHprofiler_f{function}_{word(groups[0])}.json"
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    write_legend(folder, plan)
    return sum(map(len, members.values()))


def check_room(each: Trajectory) -> None:
    """Raise ValueError if a number of a run does not fit into two bytes."""
    for name, number in (
        ("functions", each.function),
        ("dimensions", each.dimension),
        ("instances", each.instance),
    ):
        if number > MOST:
            raise ValueError(f"to=ioh takes {name} up to {MOST:,}, got {number:,} ({each.name})")


def by_function(members: Mapping[Group, Sequence[Member]]) -> dict[tuple[str, int], list[Group]]:
    """Return the groups of each algorithm and function: its dimensions, ascending."""
    found: dict[tuple[str, int], list[Group]] = {}
    for group in sorted(members, key=lambda group: (group.algorithm, group.function, group.dimension)):
        found.setdefault((group.algorithm, group.function), []).append(group)
    return found


def word(group: Group) -> str:
    """Return the name of the problem of a function, without its constants."""
    return group.name.split()[0]


def data_file(group: Group) -> str:
    return f"data_f{group.function}_{word(group)}/IOHprofiler_f{group.function}_DIM{group.dimension}.dat"


def text_of(each: Trajectory) -> str:
    """Return the lines of a run: the header, then evaluation and value."""
    pairs = zip(each.evaluations.tolist(), each.values.tolist(), strict=True)
    return "\n".join([HEADER, *(f"{evaluation} {value!r}" for evaluation, value in pairs)]) + "\n"


def described(
    plan: Plan, groups: Sequence[Group], members: Mapping[Group, Sequence[Member]], higher: bool
) -> dict[str, Any]:
    """Return what the JSON file of a function says."""
    first = groups[0]
    return {
        "version": VERSION,
        "suite": SUITE,
        "function_id": first.function,
        "function_name": first.name,
        "maximization": higher,
        "algorithm": {"name": first.algorithm, "info": first.algorithm},
        "experiment_attributes": attributes(plan, first.algorithm),
        "attributes": HEADER.split(),
        "scenarios": [
            {
                "dimension": group.dimension,
                "path": data_file(group),
                "runs": [
                    {
                        "instance": member.instance,
                        "evals": member.evaluations,
                        "best": {"evals": member.best_at, "y": member.best, "x": []},
                    }
                    for member in members[group]
                ],
            }
            for group in groups
        ],
    }


def attributes(plan: Plan, algorithm: str) -> list[dict[str, str]]:
    """Return the settings of an algorithm, one in each dictionary, as texts."""
    row = plan.runs[plan.runs["algorithm"] == algorithm].iloc[0]
    keys = [str(key) for key in plan.runs if is_hyperparameter(key)]
    return [{key: text(row[key], 17)} for key in keys if pd.notna(row[key])]
