"""The runs of one optimizer on one problem that settings and axes ask for, made as they are needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import BACKEND, Backend, backend_of
from experiments.engine.blocks import MINIMUM_BLOCK, block_size, dim_of
from experiments.engine.rule import check_arrays
from experiments.request.cell import Cell
from experiments.request.checks import checked_integer
from experiments.request.ids import run_ids
from experiments.request.limits import LARGEST_SEED, LARGEST_STEPS, MOST_HISTORY, MOST_POINTS, MOST_RUNS
from experiments.request.settings import Axes, Settings, build, check_numbers, labelled_name, method_of, plain
from experiments.wording import counted
from optim.method import Method
from problems import PROBLEMS, Problem

STRETCH = 1 << 16  # runs whose settings and ids are held at a time


@dataclass(frozen=True)
class Product:
    """All runs of one optimizer on one problem that settings and axes ask for.

    A stretch of them becomes a ``Cell`` when it is needed, so that a product of any
    length takes the memory of its axes alone. The runs are numbered from 0, the seeds
    varying slowest, the points of a search fastest.

    Attributes:
        settings: as for ``product_of``.
        levels: the distinct values of each axis; ``seed`` is the first.
        points: values of hyperparameters that vary together, all of one length.
    """

    settings: Settings
    levels: Axes
    points: Mapping[str, np.ndarray[Any, Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has; the points of a search are the last."""
        draws = len(next(iter(self.points.values()))) if self.points else 1
        return (*(len(values) for values in self.levels.values()), draws)

    def __len__(self) -> int:
        return math.prod(self.shape)

    @property
    def runs_a_seed(self) -> int:
        """How many runs share a seed: the first so many have every setting of the hyperparameters."""
        return len(self) // len(self.levels["seed"])

    def stretches(self, size: int = STRETCH, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield the product, or its runs before ``end``, in stretches of at most ``size`` runs.

        Each is told by its first run and the one after its last.
        """
        end = len(self) if end is None else end
        return ((first, min(first + size, end)) for first in range(0, end, size))

    @cached_property
    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The levels as arrays: of a million seeds, making one takes longer than all else here."""
        return {key: np.asarray(values) for key, values in self.levels.items()}

    def columns(self, first: int, end: int) -> dict[str, np.ndarray[Any, Any]]:
        """Return the values of the axes, each of shape (end - first,)."""
        *at, draw = np.unravel_index(np.arange(first, end), self.shape)
        varied = {key: values[i] for (key, values), i in zip(self.arrays.items(), at, strict=True)}
        return varied | {key: values[draw] for key, values in self.points.items()}

    @cached_property
    def problem(self) -> Problem:
        """The problem, which all runs share."""
        problem: Problem = build(PROBLEMS, "problem", self.settings["problem"])
        return problem

    @cached_property
    def backend(self) -> Backend:
        """What computes the runs."""
        asked = {key: self.settings[key] for key in BACKEND if key in self.settings}
        return backend_of(self.problem, **asked, optimizer=type(self.method(0, 1).optimizer))

    def method(self, first: int, end: int) -> Method:
        """Return what decides the steps, with a value of each varied key for each of these runs."""
        columns = self.columns(first, end)
        return method_of(self.settings, {key: v for key, v in columns.items() if key != "seed"})

    @cached_property
    def allowed(self) -> dict[str, list[Any]]:
        """The values that the runs have, distinct, under the name of each column of settings."""
        first = self.runs(0, 1).iloc[0]
        fixed = {str(key): [None if pd.isna(value) else plain(value)] for key, value in first.items()}
        axes = {key: list(values) for key, values in self.levels.items() if key == "seed"}
        numbers = {key: v for key, v in {**self.levels, **self.points}.items() if key != "seed"}
        return fixed | axes | {key: sorted({float(v) for v in values}) for key, values in numbers.items()}

    def runs(self, first: int, end: int) -> pd.DataFrame:
        """Return the settings of these runs, one row a run."""
        settings = self.method(first, end).settings()
        return pd.DataFrame(
            {
                "optimizer": labelled_name(
                    settings.pop("optimizer"), self.settings["optimizer"].get("label")
                ),
                "problem": self.problem.name,
                "seed": self.columns(first, end)["seed"],
                "steps": int(self.settings["steps"]),
                **asdict(self.backend),
                **settings,
                **{f"problem.{name}": value for name, value in self.problem.recorded.items()},
            }
        )

    def cell(self, first: int = 0, end: int | None = None) -> Cell:
        """Return the runs from ``first`` to before ``end``, by default all, as one cell."""
        end = len(self) if end is None else end
        record = self.settings["record"]
        cell = Cell(
            problem=self.problem,
            method=self.method(first, end),
            runs=self.runs(first, end),
            steps=int(self.settings["steps"]),
            points=int(record["points"]),
            params=bool(record["params"]),
            backend=self.backend,
        )
        cell.runs.insert(0, "run", run_ids(cell.runs, cell.points, cell.params, cell.code))
        return cell


def product_of(settings: Settings, axes: Axes, drawn: Mapping[str, Any] | None = None) -> Product:
    """Return the product of the axes over these settings.

    Args:
        settings: ``optimizer`` and ``problem`` (a name and values each), ``seed``,
            ``steps``, ``record.points`` and ``record.params``, nested as in conf/; if it likes
            ``schedule``, ``engine``, ``dtype`` and ``device``.
        axes: values for ``seed``, ``optimizer.<hyperparameter>`` or ``schedule.<parameter>``; seeds vary
            slowest.
        drawn: values of hyperparameters that vary together, all of one length: the
            points of a search. They are one more axis, the fastest.

    Raises:
        ValueError: a name, key or value that does not exist or is out of range; the
            message names the key, the value and what is allowed.
    """
    seeds = [checked_integer("seed", seed, 0, LARGEST_SEED) for seed in axes.get("seed", [settings["seed"]])]
    others = {key: values for key, values in axes.items() if key != "seed"}
    check_numbers(settings, others)
    levels = {key: list(dict.fromkeys(values)) for key, values in {"seed": seeds, **others}.items()}
    points = {key: np.asarray(values) for key, values in (drawn or {}).items()}
    product = Product(settings, levels, points)
    assert product.backend is not None  # made here, so that what is wrong with it is said here
    check_count(product)
    for stretch in product.stretches(end=product.runs_a_seed):
        product.method(*stretch)
    check_arrays(product.method(0, 1).optimizer, product.problem)
    checked_integer("steps", settings["steps"], 1, LARGEST_STEPS)
    check_record(settings["record"])
    check_history(product)
    return product


def cell_of(settings: Settings, axes: Axes, drawn: Mapping[str, Any] | None = None) -> Cell:
    """Return the whole product of the axes over these settings as one cell; see ``product_of``."""
    return product_of(settings, axes, drawn).cell()


def check_record(record: Any) -> None:
    """Raise ValueError when what to record is not well said."""
    if not isinstance(record, Mapping):
        raise ValueError(f"record must be points and params (record.points=100), got {record!r}")
    if not isinstance(record["params"], bool):
        raise ValueError(f"record.params must be true or false, got {record['params']!r}")
    checked_integer("record.points", record["points"], 2, MOST_POINTS)


def check_count(product: Product) -> None:
    """Raise ValueError for more runs than can be planned."""
    if len(product) > MOST_RUNS:
        axes = " x ".join(
            f"{counted(len(values), f'value of {key}', f'values of {key}')}"
            for key, values in product.levels.items()
        )
        raise ValueError(f"at most {MOST_RUNS:,} runs of one optimizer on one problem, got {axes}")


def check_history(product: Product) -> None:
    """Raise ValueError when the history of one block of runs would not fit into the memory."""
    problem, record = product.problem, product.settings["record"]
    points = min(record["points"], product.settings["steps"] + 1)
    runs = len(product) + -len(product) % MINIMUM_BLOCK
    columns = 4 + len(problem.metric_names)  # loss, suboptimality, grad_norm, distance
    if record["params"]:  # the parameters and their rates
        columns += 2 * dim_of(problem)
    if 8 * points * columns * runs > MOST_HISTORY:
        size = 8 * points * columns * min(runs, block_size(problem, product.backend))
        if size > MOST_HISTORY:
            raise ValueError(
                f"record.points={points} of {problem.name}: the history of the runs that advance together "
                f"takes {size / 2**30:,.1f} GiB, at most {MOST_HISTORY >> 30}; record fewer points"
            )
