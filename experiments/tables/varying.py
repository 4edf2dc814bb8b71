"""What varies in a study, and the names that tell its problems apart."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import BACKEND
from experiments.request.settings import is_hyperparameter

LR = "optimizer.lr"
PAIR = ["problem", "optimizer"]
OF_DATA = ("problem.digest", "problem.target")
"""Constants that a label names only where nothing else tells two problems apart: they go with the data."""


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """Return ``runs`` with the constants that vary in the name of the problem. Idempotent."""
    if runs.empty:
        runs = runs.reindex(columns=list(dict.fromkeys(["run", *PAIR, "steps", "status", LR, *runs])))
    runs = runs.reset_index(drop=True)
    return runs.assign(problem=problem_labels(runs), optimizer=runs["optimizer"].astype(str))


def problem_labels(runs: pd.DataFrame) -> pd.Series:
    """Return each run's problem with its varying constants, ``rosenbrock dim=10``.

    An ordered categorical, by name and then by the constants' values. The number of
    steps, engine, dtype and device count as constants, the engine as ``engines_apart`` tells. Labels that
    are there already are kept.
    """
    if isinstance(runs["problem"].dtype, pd.CategoricalDtype) and runs["problem"].cat.ordered:
        return runs["problem"].cat.remove_unused_categories()
    return constant_labels(runs, ["steps", *backend_columns(runs)])


def instance_labels(runs: pd.DataFrame) -> pd.Series:
    """Return the labels of ``labelled`` runs without steps and what computed them, which are no instance."""
    return constant_labels(runs.assign(problem=runs["problem"].astype(str).str.split().str[0]), [])


def backend_columns(runs: pd.DataFrame) -> list[str]:
    """Return the columns that say what computed the runs, as far as they are there."""
    return [key for key in BACKEND if key in runs]


def engines_apart(runs: pd.DataFrame) -> bool:
    """Tell whether some optimizer ran on these problems under several engines, which are then compared.

    One that only JAX can run is no reason to compare it with nobody: the engines' formulas are the same.
    """
    return "engine" in runs and bool((runs.groupby(PAIR, observed=True)["engine"].nunique() > 1).any())


def constant_labels(runs: pd.DataFrame, more: list[str]) -> pd.Series:
    """Return each run's problem with those of its constants, and of the columns ``more``, that vary."""
    labels = pd.Series("", index=runs.index, dtype=object)
    order: list[str] = []
    for name, part in by_name(runs, "problem"):
        apart = [key for key in more if key != "engine" or engines_apart(part)]
        keys = telling(part, varying(part, [*columns_of(part, "problem."), *apart]))
        digits = {key: digits_of(part[key].unique()) for key in keys}
        for values, rows in part.groupby(keys, dropna=False) if keys else [((), part)]:
            words = [
                f"{k.removeprefix('problem.')}={text(v, digits[k])}"
                for k, v in zip(keys, values, strict=True)
            ]
            order.append(" ".join([name, *words]))
            labels[rows.index] = order[-1]
    return labels.astype(pd.CategoricalDtype(order, ordered=True))


def telling(runs: pd.DataFrame, keys: list[str]) -> list[str]:
    """Return the columns that vary without those that go with the data, as far as the others tell it too."""
    for key in OF_DATA:
        others = [other for other in keys if other != key]
        if key in keys and others and count(runs, others) == count(runs, keys):
            keys = others
    return keys


def count(runs: pd.DataFrame, keys: list[str]) -> int:
    """Return how many combinations of values these columns have."""
    return len(runs[keys].drop_duplicates())


def digits_of(values: Iterable[Any], least: int = 10) -> int:
    """Return how many digits to write so that different values have different texts."""
    distinct = list(values)
    enough = (n for n in (least, 10) if len({text(value, n) for value in distinct}) == len(distinct))
    return next(enough, 17)


def by_name(runs: pd.DataFrame, column: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the runs of each name, by the alphabet, or in the order that its categories have."""
    ordered = isinstance(runs[column].dtype, pd.CategoricalDtype) and runs[column].cat.ordered
    names = runs[column] if ordered else runs[column].astype(str)
    return [(str(name), part) for name, part in runs.groupby(names, observed=True)]


def columns_of(table: pd.DataFrame, prefix: str) -> list[str]:
    return [str(column) for column in table if str(column).startswith(prefix)]


def hyperparameters(table: pd.DataFrame) -> list[str]:
    """Return the columns of hyperparameters, the schedule's among them, the learning rate first."""
    return sorted(filter(is_hyperparameter, map(str, table)), key=lambda column: column != LR)


def varying(runs: pd.DataFrame, keys: list[str]) -> list[str]:
    """Return those of the columns that take more than one value, a missing one included."""
    return [key for key in keys if runs[key].nunique(dropna=False) > 1]


def swept(runs: pd.DataFrame) -> list[str]:
    """Return the learning rate and the hyperparameters that vary within some optimizer."""
    parts = [varying_settings(part) for _, part in by_name(runs, "optimizer")]
    return [key for key in hyperparameters(runs) if key == LR or any(key in part for part in parts)]


def varying_settings(runs: pd.DataFrame) -> list[str]:
    """Return the hyperparameters that vary in runs of one optimizer; those of a schedule, within a schedule.

    That another schedule has none of that name, or another default, is told by the schedule's name.
    """
    of_schedules = columns_of(runs, "schedule.")
    parts = by_name(runs, "schedule") if "schedule" in runs else [("", runs)]
    within = {key for _, part in parts for key in varying(part, of_schedules)}
    varied = varying(runs, hyperparameters(runs))
    return [key for key in varied if key in within or key not in of_schedules]


def text(value: Any, digits: int = 10) -> str:
    """Return a value as a user would type it; a missing one is null."""
    if value is None or value is pd.NA or value != value:
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.{digits}g}"


def settings(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what varies within each optimizer and each problem.

    Columns: subject (its name), key, count (of values), values (as text).
    """
    rows = []
    for column, extra in (("optimizer", []), ("problem", ["steps", *backend_columns(runs)])):
        for name, part in by_name(runs, column) if len(runs) else []:
            if column == "optimizer":
                keys = varying_settings(part)
            else:
                keys = varying(part, [*columns_of(part, "problem."), *extra])
            for key in keys:
                values = part[key].drop_duplicates()
                if isinstance(values.dtype, pd.CategoricalDtype):  # whose order is that of the files
                    values = values.astype(str)
                values = values.sort_values(na_position="first")
                rows.append((name, key, len(values), listed([text(value, 4) for value in values])))
    return pd.DataFrame(rows, columns=["subject", "key", "count", "values"])


def listed(words: list[str], most: int = 6) -> str:
    return ", ".join(words) if len(words) <= most else f"{words[0]}, {words[1]}, …, {words[-1]}"
