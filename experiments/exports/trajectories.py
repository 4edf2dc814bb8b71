"""The runs of a study in the words of benchmarking suites: functions, dimensions, instances, algorithms.

A function is a problem with its constants but for ``dim``, an instance a seed, an algorithm an
optimizer at one setting. Evaluation 1 is the start; a step costs as many more as it costs gradient
evaluations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.exports.content import Block, blocks
from experiments.measures import step_prices
from experiments.request.settings import build, plain
from experiments.store import MOST_READ, Store
from experiments.tables import constant_labels
from experiments.tables.varying import backend_columns, varying
from experiments.together.matching import settings_in
from experiments.together.standings import in_words, words_of
from experiments.wording import counted
from problems import PROBLEMS

DIMENSION = "problem.dim"
LONGEST = 200  # letters of a folder's name


@dataclass(frozen=True)
class Trajectory:
    """A run as a benchmarking suite sees it.

    Attributes:
        run: its id.
        algorithm: an optimizer with what tells its settings apart.
        function: the number of the function, from 1.
        name: what the function is.
        dimension: how many numbers are sought.
        instance: the number of the seed among those of the study, from 1.
        evaluations: (points,), ascending from 1.
        values: (points,), finite; a run that diverged ends before.
    """

    run: str
    algorithm: str
    function: int
    name: str
    dimension: int
    instance: int
    evaluations: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How the runs of a study are called: a row a run, by its id.

    Columns of ``runs``: algorithm, function, name, dataset (the name with its dimension, if that varies),
    instance, seed, price (evaluations a step), and the settings of the run.
    """

    runs: pd.DataFrame


def plan_of(store: Store, outdated: bool) -> Plan:
    """Return how the runs of a study are called.

    Raises:
        ValueError: there are none, or they do not fit into memory.
    """
    count = sum(store.footer(file).rows for file in store.files("runs", outdated))
    if not 0 < count <= MOST_READ:
        raise ValueError(
            f"study={store.folder.name} has {counted(count, 'run')}; this format takes 1 to {MOST_READ:,}"
        )
    runs = store.runs(outdated=outdated)
    names = constant_labels(runs.drop(columns=DIMENSION, errors="ignore"), [])
    number = {name: place for place, name in enumerate(names.cat.categories, 1)}
    seeds = {seed: place for place, seed in enumerate(sorted(runs["seed"].unique()), 1)}
    return Plan(
        runs.assign(
            algorithm=algorithms(runs),
            name=names.astype(str),
            function=names.astype(str).map(number),
            dataset=constant_labels(runs, []).astype(str),
            instance=runs["seed"].map(seeds),
            price=step_prices(runs.assign(problem=runs["problem"].astype(str))),
        ).set_index(runs["run"].astype(str))
    )


def algorithms(runs: pd.DataFrame) -> pd.Series:
    """Return what each run's algorithm is called: the optimizer, its settings, and what computed it."""
    more = varying(runs, ["steps", *backend_columns(runs)])
    found = pd.Series("", index=runs.index, dtype=object)
    for name, part in runs.groupby(runs["optimizer"].astype(str)):
        keys = [*words_of(part), *more]
        groups = [rows for _, rows in part.groupby(keys, dropna=False, observed=True)] if keys else [part]
        for rows, words in zip(groups, told_apart(groups, keys), strict=True):
            found[rows.index] = f"{name}" if words == "-" else f"{name} {words}"
    return found


def told_apart(groups: Sequence[pd.DataFrame], keys: list[str]) -> list[str]:
    """Return the setting of each group of runs in words, with as many digits as tell them apart."""
    for digits in (6, 17):
        words = [in_words(rows.iloc[0], keys, digits) for rows in groups]
        if len(set(words)) == len(words):
            break
    return words


def trajectories(store: Store, outdated: bool, plan: Plan, measure: str) -> Iterator[Trajectory]:
    """Yield the runs that have a history with a number of this measure, see ``Trajectory``."""
    for block in blocks(store, outdated):
        if block.history is None or measure not in block.history.column_names:
            continue
        dimension = dimension_of(block)
        ids = block.runs["run"].to_pylist()
        shape = len(ids), -1
        steps = block.history["step"].to_numpy().reshape(shape)
        values = block.history[measure].to_numpy().astype(np.float64).reshape(shape)
        told = plan.runs.loc[ids, ["algorithm", "function", "name", "instance", "price"]]
        for lane, row in enumerate(told.itertuples(index=False)):
            there = np.isfinite(values[lane])
            if not there[0]:  # it begins with no number
                continue
            yield Trajectory(
                run=ids[lane],
                algorithm=str(row.algorithm),
                function=int(str(row.function)),
                name=str(row.name),
                dimension=dimension,
                instance=int(str(row.instance)),
                evaluations=1 + np.rint(steps[lane, there] * row.price).astype(np.int64),
                values=values[lane, there],
            )


def dimension_of(block: Block) -> int:
    """Return how many parameters the runs of a block have.

    Raises:
        ValueError: their problem is not known here, or its data are not there.
    """
    assert block.history is not None
    if recorded := [name for name in block.history.column_names if name.startswith("params.")]:
        return len(recorded)
    row = block.runs.slice(0, 1).to_pylist()[0]
    constants = {
        key.removeprefix("problem."): plain(value) for key, value in row.items() if key.startswith("problem.")
    }
    try:
        problem = build(PROBLEMS, "problem", {"name": row["problem"], **constants})
        dimension: int = problem.instance(np.zeros(1, np.int64)).start.shape[0]
    except ValueError as error:
        raise ValueError(
            f"how many parameters problem={row['problem']} has cannot be told: {error}"
        ) from None
    return dimension


# How a folder of such runs is laid out


@dataclass(frozen=True)
class Member:
    """What a benchmarking suite is told of a run beside its numbers.

    Attributes:
        instance: see ``Trajectory``.
        evaluations: the last.
        best: the best value, and at which evaluation it was first there.
    """

    run: str
    instance: int
    evaluations: int
    best: float
    best_at: int


@dataclass(frozen=True)
class Group:
    """The runs of an algorithm on a function of one dimension, which share a file."""

    algorithm: str
    function: int
    name: str
    dimension: int


def member_of(each: Trajectory, higher_is_better: bool) -> Member:
    """Return what is told of a run."""
    place = int(each.values.argmax() if higher_is_better else each.values.argmin())
    return Member(
        run=each.run,
        instance=each.instance,
        evaluations=int(each.evaluations[-1]),
        best=float(each.values[place]),
        best_at=int(each.evaluations[place]),
    )


def folder_names(algorithms: Sequence[str]) -> dict[str, str]:
    """Return a folder for each algorithm: its name in letters that every file system takes, none twice."""
    found: dict[str, str] = {}
    for name in algorithms:
        word = re.sub(r"[^A-Za-z0-9_.=+-]", "_", name)[:LONGEST]
        taken = {folder.lower() for folder in found.values()}
        found[name] = word if word.lower() not in taken else f"{word}_{len(found) + 1}"
    return found


def write_legend(folder: Path, plan: Plan) -> None:
    """Write which problem each function is, which seed each instance, and the settings of each algorithm."""
    settings = [key for key in settings_in(plan.runs) if not key.startswith("problem") and key != "seed"]
    constants = [key for key in settings_in(plan.runs) if key.startswith("problem")]
    for name, columns in (
        ("functions", ["function", "name", *constants]),
        ("instances", ["instance", "seed"]),
        ("algorithms", ["algorithm", *settings]),
    ):
        table = plan.runs[columns].drop_duplicates().sort_values(columns[0]).dropna(axis=1, how="all")
        table.to_csv(folder / f"{name}.csv", index=False)
