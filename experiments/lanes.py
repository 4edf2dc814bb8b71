"""Settings and axes -> one table row per run, each with the id of what decides its numbers."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from experiments.fingerprint import code_fingerprint
from experiments.loop import MINIMUM_BLOCK, block_size
from experiments.wording import counted
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Problem

Settings = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]
LARGEST_SEED = 2**32 - 1  # what NumPy's legacy generator takes
FIRST_TUNING_SEED = 1_000_000_000  # from here on seeds choose settings, and nothing else
LARGEST_STEPS = 10**8  # of one run: an hour
MOST_POINTS = 10**6  # of one run that are recorded
MOST_HISTORY = 1 << 30  # bytes, of the runs that advance together; on its way to the disk it is copied
MOST_RUNS = 10**8  # of one optimizer on one problem in one grid
DEVICE = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"  # no file can have such a name on Windows
STRETCH = 1 << 16  # runs whose settings and ids are held at a time


@dataclass(frozen=True)
class Cell:
    """The runs of one optimizer on one problem, which advance together.

    ``runs`` has one row per run: ``run`` (the id), ``optimizer``, ``problem``, ``seed``,
    ``steps``, and every hyperparameter and constant under the path a user types.
    """

    problem: Problem
    optimizer: Optimizer
    runs: pd.DataFrame
    steps: int
    points: int
    params: bool

    def take(self, rows: Any) -> Cell:
        """Return the cell with only these rows, given as a slice, a mask or positions."""
        return replace(self, runs=self.runs.iloc[rows], optimizer=self.optimizer.take(rows))

    @property
    def seeds(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return self.runs["seed"].to_numpy(dtype=np.int64)

    @property
    def code(self) -> str:
        """The fingerprint of the code that runs this cell."""
        return code_fingerprint(self.optimizer.name, self.problem.name)


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

    def optimizer(self, first: int, end: int) -> Optimizer:
        """Return the optimizer with a value of each varied hyperparameter for each of these runs."""
        columns = self.columns(first, end)
        varied = {key.removeprefix("optimizer."): v for key, v in columns.items() if key != "seed"}
        optimizer: Optimizer = build(OPTIMIZERS, "optimizer", {**self.settings["optimizer"], **varied})
        return optimizer

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
        optimizer = self.optimizer(first, end)
        return pd.DataFrame(
            {
                "optimizer": optimizer.name,
                "problem": self.problem.name,
                "seed": self.columns(first, end)["seed"],
                "steps": int(self.settings["steps"]),
                **{f"optimizer.{f.name}": getattr(optimizer, f.name) for f in fields(optimizer)},
                **{f"problem.{f.name}": getattr(self.problem, f.name) for f in fields(self.problem)},
            }
        )

    def cell(self, first: int = 0, end: int | None = None) -> Cell:
        """Return the runs from ``first`` to before ``end``, by default all, as one cell."""
        end = len(self) if end is None else end
        record = self.settings["record"]
        cell = Cell(
            problem=self.problem,
            optimizer=self.optimizer(first, end),
            runs=self.runs(first, end),
            steps=int(self.settings["steps"]),
            points=int(record["points"]),
            params=bool(record["params"]),
        )
        cell.runs.insert(0, "run", run_ids(cell.runs, cell.points, cell.params, cell.code))
        return cell


def product_of(settings: Settings, axes: Axes, drawn: Mapping[str, Any] | None = None) -> Product:
    """Return the product of the axes over these settings.

    Args:
        settings: ``optimizer`` and ``problem`` (a name and values each), ``seed``,
            ``steps``, ``record.points`` and ``record.params``, nested as in conf/.
        axes: values for ``seed`` or ``optimizer.<hyperparameter>``; seeds vary slowest.
        drawn: values of hyperparameters that vary together, all of one length: the
            points of a search. They are one more axis, the fastest.

    Raises:
        ValueError: a name, key or value that does not exist or is out of range; the
            message names the key, the value and what is allowed.
    """
    seeds = [checked_integer("seed", seed, 0, LARGEST_SEED) for seed in axes.get("seed", [settings["seed"]])]
    others = {key: values for key, values in axes.items() if key != "seed"}
    check_numbers(settings["optimizer"], others)
    levels = {key: list(dict.fromkeys(values)) for key, values in {"seed": seeds, **others}.items()}
    points = {key: np.asarray(values) for key, values in (drawn or {}).items()}
    product = Product(settings, levels, points)
    assert product.problem is not None  # made here, so that what is wrong with it is said here
    check_count(product)
    for stretch in product.stretches(end=product.runs_a_seed):
        product.optimizer(*stretch)
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
        columns += 2 * len(problem.instance(np.zeros(1, dtype=np.int64)).start)
    if 8 * points * columns * runs > MOST_HISTORY:
        size = 8 * points * columns * min(runs, block_size(problem))
        if size > MOST_HISTORY:
            raise ValueError(
                f"record.points={points} of {problem.name}: the history of the runs that advance together "
                f"takes {size / 2**30:,.1f} GiB, at most {MOST_HISTORY >> 30}; record fewer points"
            )


def check_numbers(settings: Settings, levels: Axes) -> None:
    """Raise ValueError for a value of an axis that is no number, with the message it gives alone."""
    for key, values in levels.items():
        name = key.removeprefix("optimizer.")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                build(OPTIMIZERS, "optimizer", {**settings, name: value})


def build(registry: Mapping[str, type[Any]], group: str, settings: Settings) -> Any:
    """Return the registered class named in ``settings``, made with the other values there."""
    name = settings.get("name") if isinstance(settings, Mapping) else settings
    cls = registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(f"{group} must be one of {', '.join(sorted(registry))}, got {name!r}")
    values = {key: value for key, value in settings.items() if key not in ("name", "search")}
    known = [field.name for field in fields(cls)]
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"{group}.{key}={value}: {cls.__name__} has no {key}; it has {', '.join(known)}")
        if isinstance(value, list | dict):
            raise ValueError(f"{group}.{key} must be one value, got {value}; with -m, write several as 1,2,3")
    return cls(**values)


def checked_integer(key: str, value: Any, low: int, high: float = np.inf) -> int:
    """Return ``value`` if it is a whole number in that range, else raise ValueError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        end = f"{high}]" if np.isfinite(high) else "inf)"
        raise ValueError(f"{key} must be an integer in [{low}, {end}, got {value!r}")
    return int(value)


def checked_study(study: Any) -> str:
    """Return the name of a study if it is safe as a folder below the results, else raise ValueError."""
    part = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?"  # Windows drops a dot at the end
    if isinstance(study, Mapping) or study is None or not re.fullmatch(f"{part}(/{part}){{0,3}}", f"{study}"):
        raise ValueError(f"study must be letters, digits, '_', '-', '.' and at most three '/', got {study!r}")
    devices = [part for part in f"{study}".split("/") if re.fullmatch(DEVICE, part, re.IGNORECASE)]
    if devices:
        raise ValueError(f"study must not be called as a device of Windows is, got {devices[0]!r}")
    return f"{study}"


def run_ids(runs: pd.DataFrame, points: int, params: bool, code: str) -> list[str]:
    """Return the id of each row: a hash of all that decides its numbers, and of nothing else.

    Equal values give equal ids however they were written, in whatever company.
    """
    keys = sorted(key for key in runs.columns if key in COMMON or key.startswith(("optimizer.", "problem.")))
    shared = f"record.points={points};record.params={params};code={code};"
    return [
        hashlib.blake2b((shared + ";".join(row)).encode(), digest_size=12).hexdigest()
        for row in zip(*texts_of(runs[keys]), strict=True)
    ]


COMMON = ("optimizer", "problem", "seed", "steps")


def texts_of(settings: pd.DataFrame) -> Iterator[list[str]]:
    """Yield columns whose texts, joined row by row, say what each row's settings are.

    Adjacent columns that do not vary are one column: rows are then joined faster.
    """
    columns = [canonical(str(key), settings[key]) for key in settings]
    for constant, group in itertools.groupby(columns, lambda column: len(column[1]) == 1):
        if constant:
            yield [";".join(texts[0] for _, texts in group)] * len(settings)
        else:
            yield from ([texts[code] for code in codes] for codes, texts in group)


def canonical(key: str, column: pd.Series[Any]) -> tuple[list[int], list[str]]:
    """Return the distinct settings ``key=value``, each value with one text, and which each row has."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    texts = [f"{key}={plain(value)!r}" for value in values]
    missing = codes < 0
    if missing.any():
        codes, texts = np.where(missing, len(texts), codes), [*texts, f"{key}=null"]
    return codes.tolist(), texts


def plain(value: Any) -> Any:
    """Return a NumPy number as Python's own, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
