"""Settings and axes -> one table row per run, each with the id of what decides its numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.fingerprint import code_fingerprint
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Problem

Settings = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]
LARGEST_SEED = 2**32 - 1  # what NumPy's legacy generator takes


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


def cell_of(settings: Settings, axes: Axes, drawn: Mapping[str, Any] | None = None) -> Cell:
    """Return the product of the axes over these settings as one cell.

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
    levels = {key.removeprefix("optimizer."): values for key, values in axes.items() if key != "seed"}
    check_numbers(settings["optimizer"], levels)
    points = {key.removeprefix("optimizer."): np.asarray(values) for key, values in (drawn or {}).items()}
    draws = range(len(next(iter(points.values())))) if points else range(1)
    distinct = [list(dict.fromkeys(values)) for values in (seeds, *levels.values(), draws)]
    grids = [np.ravel(grid) for grid in np.meshgrid(*distinct, indexing="ij")]
    varied = dict(zip(levels, grids[1:-1], strict=True)) | {key: v[grids[-1]] for key, v in points.items()}
    problem = build(PROBLEMS, "problem", settings["problem"])
    optimizer = build(OPTIMIZERS, "optimizer", {**settings["optimizer"], **varied})
    record = settings["record"]
    if not isinstance(record, Mapping):
        raise ValueError(f"record must be points and params (record.points=100), got {record!r}")
    if not isinstance(record["params"], bool):
        raise ValueError(f"record.params must be true or false, got {record['params']!r}")
    cell = Cell(
        problem=problem,
        optimizer=optimizer,
        runs=pd.DataFrame(
            {
                "optimizer": optimizer.name,
                "problem": problem.name,
                "seed": grids[0],
                "steps": checked_integer("steps", settings["steps"], 1),
                **{f"optimizer.{f.name}": getattr(optimizer, f.name) for f in fields(optimizer)},
                **{f"problem.{f.name}": getattr(problem, f.name) for f in fields(problem)},
            }
        ),
        steps=int(settings["steps"]),
        points=checked_integer("record.points", record["points"], 2),
        params=record["params"],
    )
    cell.runs.insert(0, "run", run_ids(cell.runs, cell.points, cell.params, cell.code))
    return cell


def check_numbers(settings: Settings, levels: Axes) -> None:
    """Raise ValueError for a value of an axis that is no number, with the message it gives alone."""
    for name, values in levels.items():
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                build(OPTIMIZERS, "optimizer", {**settings, name: value})


def build(registry: Mapping[str, type[Any]], group: str, settings: Settings) -> Any:
    """Return the registered class named in ``settings``, made with the other values there."""
    cls = registry.get(settings["name"])
    if cls is None:
        raise ValueError(f"{group} must be one of {', '.join(sorted(registry))}, got {settings['name']!r}")
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
    part = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
    if study is None or not re.fullmatch(f"{part}(/{part}){{0,3}}", f"{study}"):
        raise ValueError(f"study must be letters, digits, '_', '-', '.' and at most three '/', got {study!r}")
    return f"{study}"


def run_ids(runs: pd.DataFrame, points: int, params: bool, code: str) -> list[str]:
    """Return the id of each row: a hash of all that decides its numbers, and of nothing else.

    Equal values give equal ids however they were written, in whatever company.
    """
    keys = sorted(key for key in runs.columns if key in COMMON or key.startswith(("optimizer.", "problem.")))
    columns = [[f"{key}={text}" for text in canonical(runs[key])] for key in keys]
    shared = f"record.points={points};record.params={params};code={code};"
    return [
        hashlib.blake2b((shared + ";".join(row)).encode(), digest_size=12).hexdigest()
        for row in zip(*columns, strict=True)
    ]


COMMON = ("optimizer", "problem", "seed", "steps")


def canonical(column: pd.Series[Any]) -> list[str]:
    """Return one text per entry, the same for the same value."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    texts = [repr(value.item() if isinstance(value, np.generic) else value) for value in values]
    return [texts[code] if code >= 0 else "null" for code in codes]
