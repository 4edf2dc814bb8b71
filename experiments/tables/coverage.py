"""Where a study has holes: what its tables and comparisons leave out, and the command that fills the hole."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import Backend
from experiments.request.settings import OptimizerName, is_hyperparameter, kinds, optimizer_called
from experiments.tables import PAIR, hyperparameters, text
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper
from problems import PROBLEMS

LEFT_OUT = ["problem", "optimizer", "seeds", "settings", "runs", "why", "command"]
"""The columns of a list of what is left out; ``command`` is a dash where none helps."""

DIGITS = 12  # of a number in a command: that to which swept values are rounded
FEW = 8  # values that a command spells out one by one
NOTHING = "-"
PLAIN = re.compile(r"(?!(true|false|null|nan|inf)$)[a-z_][\w./-]*", re.IGNORECASE | re.ASCII)
"""Texts that Hydra reads as such without quotes."""

Where = tuple[str, ...]
"""The words of a command for the study: ``study=NAME``, and ``results=FOLDER`` if that is needed."""


def left_out(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a list of what is left out, given its rows."""
    return pd.DataFrame(list(rows), columns=LEFT_OUT)


def left_out_row(runs: pd.DataFrame, why: str, command: str = NOTHING) -> dict[str, Any]:
    """Return the row that says why these runs, of one problem, are left out."""
    names = sorted(runs["optimizer"].astype(str).unique())
    settings = runs[["optimizer", *hyperparameters(runs)]].drop_duplicates()
    return {
        "problem": str(runs["problem"].iloc[0]),
        "optimizer": ", ".join(names),
        "seeds": spans(runs["seed"]),
        "settings": len(settings),
        "runs": len(runs),
        "why": why,
        "command": command,
    }


def filling(settings: pd.DataFrame, at: pd.DataFrame, seeds: Iterable[int], where: Where) -> str:
    """Return the command that makes runs at these settings on a problem.

    Args:
        settings: runs of one optimizer, at the settings that are wanted.
        at: runs of one problem with its constants and steps.
        seeds: those that are wanted.
        where: the words for the study that the runs belong to.
    """
    name = str(settings["optimizer"].iloc[0])
    keys = hyperparameters(settings)
    axes = axes_of(settings, keys)
    distinct = settings[keys].drop_duplicates()
    wanted = np.unique(np.asarray(list(seeds)))
    first = {str(key): value for key, value in at.iloc[0].items()}
    words = [*optimizer_words(name), *problem_words(first), f"steps={text(first['steps'])}"]
    words += backend_words(first)
    words.append(f"seed={number_list(wanted)}")
    parts = (
        [part for _, part in settings.groupby("schedule", observed=True)]
        if "schedule" in keys
        else [settings]
    )
    searched = len(distinct) < sum(
        math.prod(max(len(v), 1) for v in axes_of(p, keys).values()) for p in parts
    )
    if searched:  # no grid: trials of a search
        words.append(f"tune.trials={len(distinct)}")
    else:
        words += hyperparameter_words(name, axes)
    command = "tune" if searched else "run"
    return f"python -m experiments.{command} -m {' '.join(map(quoted, [*words, *where]))}"


def making(run: Mapping[str, Any], seeds: Sequence[int], recorded: Sequence[str], where: Where) -> str:
    """Return the command that makes runs of one setting.

    Args:
        run: the columns of one of them.
        seeds: those that are wanted, ascending.
        recorded: the words for what is recorded of them.
        where: the words for the study that they belong to.
    """
    name = str(run["optimizer"])
    axes = {key: [run[key]] for key in run if is_hyperparameter(key) and run[key] == run[key] is not None}
    words = [*optimizer_words(name), *hyperparameter_words(name, axes), *problem_words(run)]
    words += [f"steps={text(run['steps'])}", *backend_words(run), f"seed={number_list(seeds)}", *recorded]
    return f"python -m experiments.run -m {' '.join(map(quoted, [*words, *where]))}"


def axes_of(settings: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of these columns, ascending; the schedule comes first, its parameters are its own."""
    return {key: sorted(settings[key].dropna().unique()) for key in sorted(keys, key="schedule".__ne__)}


def points_of_grids(settings: pd.DataFrame, keys: Sequence[str]) -> int:
    """Return how many settings there were if each schedule had every combination of its values."""
    names = settings["schedule"].astype(str) if "schedule" in keys else [0] * len(settings)
    parts = [axes_of(part, keys) for _, part in settings.groupby(names)]
    return sum(math.prod(max(len(values), 1) for values in axes.values()) for axes in parts)


def problem_words(row: Mapping[str, Any]) -> list[str]:
    """Return the words for a run's problem and those of its constants that are not the default."""
    name = str(row["problem"]).split()[0]
    defaults = defaults_of(PROBLEMS[name]) if name in PROBLEMS else {}
    words = [f"problem={name}"]
    for key in filter(lambda key: key.startswith("problem."), row):
        constant = key.removeprefix("problem.")
        if constant in defaults and not same(row[key], defaults[constant]) and row[key] == row[key]:
            words.append(f"{key}={of_grammar(row[key])}")
    return words


def of_grammar(value: Any) -> str:
    """Return a value as Hydra reads it: a text in quotes unless it is plain letters and digits."""
    plain = not isinstance(value, str) or PLAIN.fullmatch(value)
    return text(value, DIGITS) if plain else '"{}"'.format(value.replace('"', r"\""))


def backend_words(row: Mapping[str, Any]) -> list[str]:
    """Return the words for what computed a run, where that is not the default of its problem."""
    name = str(row["problem"]).split()[0]
    usual = asdict(Backend(PROBLEMS[name].engines[0] if name in PROBLEMS else ""))
    return [f"{key}={row[key]}" for key in usual if key in row and row[key] == row[key] != usual[key]]


def optimizer_words(full_name: str) -> list[str]:
    """Return the words that choose an optimizer, given the name that its runs have."""
    called = OptimizerName.of(full_name)
    cls = kinds().get(called.name)
    chosen = [f"optimizer.{cls.chooses}={called.choice}"] if cls and called.choice else []
    label = [f"optimizer.label={called.label}"] if called.label else []
    return [f"optimizer={called.name}", *chosen, *label]


def hyperparameter_words(name: str, axes: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the words for the hyperparameters that vary, or are not the default."""
    rule = optimizer_called(name)
    parts = [rule, Wrapper] if rule else []
    defaults = {f"optimizer.{key}": value for part in parts for key, value in defaults_of(part).items()}
    defaults |= {"schedule": "constant", **schedule_defaults(axes.get("schedule", []))}
    return [
        f"{key}={number_list(values)}"
        for key, values in axes.items()
        if len(values) > 1 or (len(values) == 1 and not same(values[0], defaults.get(key)))
    ]


def schedule_defaults(names: Iterable[Any]) -> dict[str, Any]:
    """Return the defaults of these schedules by column; those that differ between them are left out."""
    found = [defaults_of(SCHEDULES[f"{name}"]) for name in names if name in SCHEDULES]
    keys = {key for each in found for key in each}
    values = {key: {each[key] for each in found if key in each} for key in keys}
    return {f"schedule.{key}": value for key, (value, *more) in values.items() if not more}


def defaults_of(kind: type) -> dict[str, Any]:
    """Return the default of each field of a dataclass that has one."""
    return {spec.name: spec.default for spec in fields(kind) if spec.default is not MISSING}


def same(value: Any, default: Any) -> bool:
    """Tell whether a stored value is the default; a missing one is null."""
    missing = value is None or value != value
    if missing or default is None:
        return missing and default is None
    return text(value, DIGITS) == text(default, DIGITS)


def number_list(values: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    """Return values, ascending, as one types them: a range, a spaced grid, or one by one."""
    words = [text(value, DIGITS) for value in values]
    numbers = np.array([float(value) for value in values]) if are_numbers(values) else np.zeros(0)
    if len(numbers) > 2 and (numbers % 1 == 0).all() and (np.diff(numbers) == 1).all():
        return f"range({words[0]},{int(numbers[-1]) + 1})"
    if len(numbers) > FEW:
        for name, spaced in (("logspace", np.geomspace), ("linspace", np.linspace)):
            if numbers[0] > 0 or name == "linspace":
                grid = spaced(numbers[0], numbers[-1], len(numbers))
                if [text(value, DIGITS) for value in grid] == words:
                    return f"{name}:{words[0]}:{words[-1]}:{len(words)}"
    return ",".join(words)


def are_numbers(values: Iterable[Any]) -> bool:
    return all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        for value in values
    )


def quoted(word: str) -> str:
    """Return a word as a shell takes it."""
    return shlex.quote(word) if set(word) & set("()*{}[] \"'$&;|<>#!\\`") else word


def spans(seeds: Iterable[int]) -> str:
    """Return whole numbers as ranges, ``0-19 30``."""
    numbers = np.unique(np.asarray(list(seeds)))
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return " ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


def missing_instances(runs: pd.DataFrame, where: Where, tried: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the list of the problem instances on which an optimizer of the study did not run.

    Args:
        runs: labelled, each instance with one number of steps.
        where: the words for the study, for the commands.
        tried: runs at all the settings that a command should fill in; the same runs if None.
    """
    tried = runs if tried is None else tried
    names = sorted(runs["optimizer"].unique())
    rows = []
    for _, here in runs.groupby("problem", observed=True):
        lacking = [name for name in names if name not in set(here["optimizer"])]
        if not lacking:
            continue
        commands = [filling(settings_near(tried, name, here), here, here["seed"], where) for name in lacking]
        rows.append(left_out_row(here, f"{', '.join(lacking)} did not run here", " && ".join(commands)))
    return left_out(rows)


def settings_near(runs: pd.DataFrame, optimizer: str, there: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of an optimizer on instances of the same problem, or on all if there are none."""
    own = runs[runs["optimizer"] == optimizer]
    name = str(there["problem"].iloc[0]).split()[0]
    near = own[own["problem"].astype(str).str.split().str[0] == name]
    return near if len(near) else own


def unmeasured(runs: pd.DataFrame, shown: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the list of the labelled cells of ``runs`` that a table has no row of, for want of a measure."""
    there = pd.MultiIndex.from_frame(shown[PAIR].astype(str).drop_duplicates())
    lacking = runs[~pd.MultiIndex.from_frame(runs[PAIR].astype(str)).isin(there)]
    why = f"{measure} is not recorded on this problem"
    return left_out(left_out_row(part, why) for _, part in lacking.groupby(PAIR, observed=True))
