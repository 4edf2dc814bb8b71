"""The trials of a search: the same number for each optimizer, drawn from its space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.request.checks import checked_integer
from experiments.request.limits import FIRST_TUNING_SEED as FIRST_TUNING_SEED
from experiments.request.settings import Settings, class_of, optimizer_called
from experiments.store.columns import HIT_COLUMNS
from experiments.tables import measure_of
from optim.base import Range
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper

Space = Mapping[str, Mapping[str, Any]]
Limits = Mapping[str, Range]
ANY_NUMBER = Range(-np.inf, np.inf, True, True)
MOST_TRIALS, MOST_SEEDS = 100_000, 1_000
DISTRIBUTIONS = {
    "uniform": (-np.inf, np.inf),
    "loguniform": (0, np.inf),
    "one_minus_loguniform": (-np.inf, 1),
}
"""The distributions of a search space, and what their ends must lie between."""
METHODS = ("random", "sobol")


@dataclass(frozen=True)
class Search:
    """The trials of a search: its seeds, a value of each hyperparameter per trial, and their space."""

    seeds: list[int]
    points: dict[str, NDArray[np.float64]]
    space: Space


def checked_search(tune: Mapping[str, Any], settings: Settings, axes: Mapping[str, Any]) -> Search:
    """Return the trials that the settings ask for, else raise ValueError."""
    if set(axes) - {"seed"}:
        raise ValueError(f"tune.trials draws the hyperparameters; sweep seeds alone, not {', '.join(axes)}")
    for key, least, most in (("trials", 1, MOST_TRIALS), ("seeds", 1, MOST_SEEDS), ("extend", 0, 100)):
        checked_integer(f"tune.{key}", tune[key], least, most)
    if tune["method"] not in METHODS:
        raise ValueError(f"tune.method must be one of {', '.join(METHODS)}, got {tune['method']!r}")
    seeds = [FIRST_TUNING_SEED + i for i in range(tune["seeds"])]
    held_out = axes.get("seed", [])
    if max(held_out, default=0) >= FIRST_TUNING_SEED:
        raise ValueError(
            f"seed must be below {FIRST_TUNING_SEED}, where the tuning seeds begin, got {max(held_out)}"
        )
    space = space_of(settings)
    return Search(seeds, draw(space, tune["trials"], tune["method"]), space)


def space_of(settings: Settings) -> dict[str, Any]:
    """Return what is searched: the optimizer's hyperparameters, and the schedule's as ``schedule.NAME``."""
    optimizer, schedule = (settings.get(group, {}).get("search") or {} for group in ("optimizer", "schedule"))
    check_space(optimizer)
    check_space(schedule, "schedule")
    return {**optimizer, **{f"schedule.{name}": spec for name, spec in schedule.items()}}


def column_of(name: str) -> str:
    """Return the column of what a space calls by this name."""
    return name if name.startswith("schedule.") else f"optimizer.{name}"


def limits_of(optimizer: str, schedule: str) -> dict[str, Range]:
    """Return what the hyperparameters may be that a space can name, given the full name of the optimizer."""
    rates, rule = SCHEDULES[schedule].hyperparameters(), optimizer_called(optimizer)
    known = {
        **(rule.hyperparameters() if rule else {}),
        **Wrapper.hyperparameters(),
        **{f"schedule.{name}": limit for name, limit in rates.items()},
    }
    return defaultdict(lambda: ANY_NUMBER, known)  # of a rule that is not here any number may be right


def check_free(settings: Settings, has_own_defaults: bool = False) -> None:
    """Raise ValueError for what is searched and is no hyperparameter, or was given a value all the same.

    The values of a contender are its defaults: it ``has_own_defaults``.
    """
    for name in space_of(settings):
        group, _, key = column_of(name).partition(".")
        own = settings[group]
        parts = [SCHEDULES[own["name"]]] if group == "schedule" else [class_of(own), Wrapper]
        defaults = {spec.name: spec.default for part in parts for spec in fields(part)}
        if key not in defaults:
            raise ValueError(
                f"{group}.search.{key}: {parts[0].__name__} has no {key}; it has {', '.join(defaults)}"
            )
        if own.get(key, defaults[key]) != defaults[key] and not has_own_defaults:
            raise ValueError(f"tune.trials draws {group}.{key}; it cannot be {own[key]} as well")


def check_choosing(tune: Mapping[str, Any], metrics: Sequence[str]) -> None:
    """Raise ValueError unless budgets and measure can choose among runs of a problem with these metrics."""
    if not isinstance(tune["budgets"], list) or not tune["budgets"]:
        raise ValueError(f"tune.budgets must be integers, as tune.budgets=[25,50], got {tune['budgets']}")
    for budget in tune["budgets"]:
        checked_integer("tune.budgets", budget, 1)
    columns = ["loss", "best_loss", "suboptimality", "grad_norm", "distance", *metrics, *HIT_COLUMNS]
    try:
        measure_of(str(tune["measure"]), columns)
    except ValueError as error:
        raise ValueError(f"tune.{error}") from None


def draw(search: Space, trials: int, method: str) -> dict[str, NDArray[np.float64]]:
    """Return ``trials`` values of each hyperparameter of a search space.

    Random search (Bergstra & Bengio, 2012) or a scrambled Sobol sequence (Owen, 1998).
    Fewer trials are the first ones of more. Rounded to twelve digits.
    """
    cube = unit_points(len(search), trials, method)
    values = {column_of(name): scaled(spec, cube[:, i]) for i, (name, spec) in enumerate(search.items())}
    return {key: np.array([float(f"{value:.12g}") for value in column]) for key, column in values.items()}


def check_space(search: Any, group: str = "optimizer") -> None:
    """Raise ValueError unless each hyperparameter has a distribution that can be drawn from."""
    if not isinstance(search, Mapping) or not all(isinstance(spec, Mapping) for spec in search.values()):
        raise ValueError(f"{group}.search must be distribution, low and high of each key, got {search!r}")
    for name, spec in search.items():
        label, distribution = f"{group}.search.{name}", spec.get("distribution")
        if distribution not in DISTRIBUTIONS:
            known = ", ".join(DISTRIBUTIONS)
            raise ValueError(f"{label}: distribution must be one of {known}, got {distribution!r}")
        least, most = DISTRIBUTIONS[distribution]
        low, high = spec.get("low"), spec.get("high")
        numbers = isinstance(low, int | float) and isinstance(high, int | float)
        if not (numbers and least < low < high < most):
            raise ValueError(f"{label} must be {least} < low < high < {most}, got {low!r} and {high!r}")


def unit_points(dim: int, trials: int, method: str) -> NDArray[np.float64]:
    """Return points in the unit cube, shape (trials, dim)."""
    if method == "random":
        return np.random.default_rng(0).random((trials, dim))
    from scipy.stats import qmc  # here: it takes longer to load than all the rest

    size = int(np.ceil(np.log2(trials)))
    return np.asarray(qmc.Sobol(dim, rng=np.random.default_rng(0)).random_base2(size)[:trials])


def scaled(spec: Mapping[str, Any], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values of one hyperparameter from points in [0, 1).

    ``distribution`` is uniform, loguniform, or one_minus_loguniform: 1 minus a
    log-uniform number, for decays close to 1. ``low`` and ``high`` bound the value.
    """
    low, high = float(spec["low"]), float(spec["high"])
    if spec["distribution"] == "uniform":
        return low + (high - low) * unit
    if spec["distribution"] == "loguniform":
        return np.asarray(low * (high / low) ** unit)
    if spec["distribution"] == "one_minus_loguniform":
        return np.asarray(1 - (1 - high) * ((1 - low) / (1 - high)) ** unit)
    raise ValueError(f"distribution must be one of {', '.join(DISTRIBUTIONS)}, got {spec['distribution']!r}")
