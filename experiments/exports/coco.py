"""A study in the format of COCO's bbob logger (Hansen et al. 2021), as cocopp and iohinspector read it.

A folder for each algorithm holds an index for each function, ``.info``, and for each dimension the
runs in two files: ``.dat`` where the best value so far falls, ``.tdat`` at every recorded step.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from experiments.exports.trajectories import (
    Group,
    Member,
    Trajectory,
    folder_names,
    member_of,
    plan_of,
    trajectories,
    write_legend,
)
from experiments.store import Store
from experiments.tables import measure_of

SUITE = "bbob"  # cocopp opens the suites that it knows, and no other
MOST_FUNCTIONS = 24  # that it has
PRECISION = 1e-8  # to which its functions are solved
FLOOR = 1e-16  # smaller values differ by rounding only, and its axes are logarithmic
COLUMNS = (
    "% f evaluations | g evaluations | best noise-free fitness - Fopt ({best:.17e}) | measured fitness | "
    "best measured fitness"
)


def write_coco(store: Store, folder: Path, outdated: bool, measure: str) -> int:
    """Write the runs of a study and return how many were written.

    Raises:
        ValueError: the measure is one of which more is better.
    """
    if measure_of(measure, [measure]).higher_is_better:
        raise ValueError(f"to=coco takes what is minimised, got measure={measure}")
    plan = plan_of(store, outdated)
    folders = folder_names(sorted(plan.runs["algorithm"].unique()))
    members: dict[Group, list[Member]] = defaultdict(list)
    for each in trajectories(store, outdated, plan, measure):
        group = Group(each.algorithm, each.function, each.name, each.dimension)
        stem = folder / folders[each.algorithm] / data_stem(group)
        stem.parent.mkdir(parents=True, exist_ok=True)
        for ending, falls_only in ((".dat", True), (".tdat", False)):
            with open(stem.with_suffix(ending), "a", encoding="utf-8") as opened:
                opened.write(text_of(each, falls_only))
        members[group].append(member_of(each, False))
    for group in sorted(members, key=lambda group: (group.algorithm, group.function, group.dimension)):
        index = folder / folders[group.algorithm] / f"bbobexp_f{group.function}.info"
        with open(index, "a", encoding="utf-8") as opened:
            opened.write(index_lines(group, members[group]))
    write_legend(folder, plan)
    return sum(map(len, members.values()))


def data_stem(group: Group) -> str:
    return f"data_f{group.function}/bbobexp_f{group.function}_DIM{group.dimension}"


def text_of(each: Trajectory, falls_only: bool) -> str:
    """Return the lines of a run: a header, then for each point evaluations, best so far, value."""
    values = np.maximum(each.values, FLOOR)
    best = np.minimum.accumulate(values)
    kept = np.diff(best, prepend=np.inf) < 0 if falls_only else np.ones(len(best), bool)
    lines = [
        f"{evaluation} 0 {low:.17e} {value:.17e} {low:.17e}"
        for evaluation, low, value in zip(
            each.evaluations[kept].tolist(), best[kept].tolist(), values[kept].tolist(), strict=True
        )
    ]
    return "\n".join([COLUMNS.format(best=0.0), *lines]) + "\n"


def index_lines(group: Group, members: list[Member]) -> str:
    """Return the three lines of an index for the runs of a function in one dimension."""
    name = group.algorithm.replace("'", "")
    head = (
        f"suite = '{SUITE}', funcId = {group.function}, DIM = {group.dimension}, "
        f"Precision = {PRECISION:.3e}, algId = '{name}', logger = 'bbob', data_format = 'bbob-new2'"
    )
    runs = (
        f"{member.instance}:{member.evaluations}|{max(member.best, FLOOR) - PRECISION:.17e}"
        for member in members
    )
    return f"{head}\n% {group.name}\n{data_stem(group)}.dat, {', '.join(runs)}\n"
