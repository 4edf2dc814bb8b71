"""Which runs choose the settings of an optimizer on a problem, and which are shown at what they chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tables import PAIR, hyperparameters, instance_labels, labelled
from experiments.tables.coverage import Where, filling, left_out, left_out_row, spans
from experiments.tables.varying import backend_columns, engines_apart

Seeds = NDArray[np.int64]

FEWEST_SEEDS = 3  # to choose on some and show others
LEAST_SHARED = 2 / 3  # of the seeds of the optimizer with the fewest, to use the shared ones alone
LEAST_SHARE = 0.5  # of the seeds that choose: what a setting must have run on to compete


class How(StrEnum):
    """How the settings of an optimizer on a problem are chosen."""

    SHARED = "on the upper third of the seeds that all optimizers share"
    OWN = "on the upper third of its own seeds, since too few are shared"
    TUNED = "on the tuning seeds"
    SAME = "by the very runs that are shown, which flatters whoever has more settings"


@dataclass(frozen=True)
class Plan:
    """How the settings of one optimizer on one problem are chosen.

    Attributes:
        how: in words.
        choosing: the seeds that choose, ascending.
        showing: the seeds that are shown; the same ones if ``how`` is SAME.
    """

    how: How
    choosing: Seeds
    showing: Seeds


@dataclass(frozen=True)
class Split:
    """The runs of a study, labelled, by what they are for.

    Every run chooses, is shown, is a trial, or is left out; with few seeds it may do both
    of the first two.

    Attributes:
        runs: all of them.
        choosing: those that choose settings.
        shown: those of the settings that compete, on the seeds that show how they do.
        trials: those of a search at settings that no budget chose, and that were not run again.
        left_out: the others: ``coverage.LEFT_OUT``.
        cells: how it was done: problem, optimizer, chosen (in words), choosing, shown (seeds).
    """

    runs: pd.DataFrame
    choosing: pd.DataFrame
    shown: pd.DataFrame
    trials: pd.DataFrame
    left_out: pd.DataFrame
    cells: pd.DataFrame

    @property
    def uniform(self) -> bool:
        """Whether all optimizers and problems are treated alike."""
        return len(self.cells[["chosen", "choosing", "shown"]].drop_duplicates()) <= 1

    @property
    def by_the_same_runs(self) -> bool:
        """Whether all settings are chosen by the runs that are shown."""
        return bool((self.cells["chosen"] == How.SAME).all())


def split(runs: pd.DataFrame, where: Where = ()) -> Split:
    """Return the runs by what they are for.

    On each problem, with its constants and steps, the seeds that all its optimizers have
    are split: the upper third chooses settings, the others are shown. Where they share fewer
    than three, or than two thirds of the seeds of the optimizer with the fewest, each one's
    own are split, and with fewer than three of its own the same runs choose and are shown.
    Tuning seeds choose where there are any. A setting competes if it ran on half of the
    seeds that choose, and on one of those that are shown; where none does, all settings
    compete, on all seeds.

    Args:
        runs: each setting and seed once.
        where: the words for the study, for the commands that fill holes.
    """
    runs = labelled(runs)
    plans = {
        (problem, optimizer): plan
        for problem, seeds in seeds_of(runs).items()
        for optimizer, plan in plans_of(seeds).items()
    }
    role = roles(runs, plans)
    fallback = ~role["competes"].groupby([runs[key] for key in PAIR], observed=True).transform("any")
    plans |= same_runs(runs[fallback])
    role = role.mask(fallback, roles(runs, plans).assign(competes=True)) if fallback.any() else role
    trial = (runs["seed"] >= FIRST_TUNING_SEED) & role["tuned"] & ~role["competes"]
    used = (role["choosing"] | role["showing"]) & role["competes"]
    return Split(
        runs=runs,
        choosing=runs[role["choosing"] & role["competes"]],
        shown=runs[role["showing"] & role["competes"]],
        trials=runs[trial],
        left_out=left_out(left_out_rows(runs[~used & ~trial], role, runs, plans, where)),
        cells=table_of(plans),
    )


def tuning_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs on tuning seeds: the trials of a search, every one on the same seeds."""
    return runs[runs["seed"] >= FIRST_TUNING_SEED]


def searched_or_swept(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of each optimizer and problem that was searched, and all runs of the others.

    Trials all ran on the same seeds; what was run again at their best settings did not.
    """
    trial = runs["seed"] >= FIRST_TUNING_SEED
    return runs[trial | ~trial.groupby([runs[key] for key in PAIR], observed=True).transform("any")]


def seeds_of(runs: pd.DataFrame) -> dict[str, dict[str, Seeds]]:
    """Return the seeds of each optimizer on each problem, ascending."""
    pairs = runs[[*PAIR, "seed"]].drop_duplicates().sort_values([*PAIR, "seed"])
    found: dict[str, dict[str, Seeds]] = {}
    for (problem, optimizer), seeds in pairs.groupby(PAIR, observed=True)["seed"]:
        found.setdefault(str(problem), {})[str(optimizer)] = seeds.to_numpy()
    return found


def plans_of(seeds: Mapping[str, Seeds]) -> dict[str, Plan]:
    """Return how each optimizer's settings are chosen, given the seeds that each has on a problem."""
    held = {name: held_out(own) for name, own in seeds.items()}
    tuned = {name: own[own >= FIRST_TUNING_SEED] for name, own in seeds.items() if own[0] < FIRST_TUNING_SEED}
    untuned = [name for name in seeds if not len(tuned.get(name, ()))]
    common = reduce(np.intersect1d, held.values())
    enough = len(common) >= max(FEWEST_SEEDS, LEAST_SHARED * min(map(len, held.values())))
    lower, upper = thirds(common) if enough and untuned else (common, common)
    plans = {}
    for name, own in held.items():
        if name not in untuned:
            plans[name] = Plan(How.TUNED, tuned[name], lower if enough else own)
        elif enough:
            plans[name] = Plan(How.SHARED, upper, lower)
        elif len(own) >= FEWEST_SEEDS:
            lowest, highest = thirds(own)
            plans[name] = Plan(How.OWN, highest, lowest)
        else:
            plans[name] = Plan(How.SAME, own, own)
    return plans


def same_runs(runs: pd.DataFrame) -> dict[tuple[str, str], Plan]:
    """Return the plan for cells in which no setting has seeds enough to compete with others."""
    return {
        (problem, name): Plan(How.SAME, held_out(own), held_out(own))
        for problem, seeds in seeds_of(runs).items()
        for name, own in seeds.items()
    }


def held_out(seeds: Seeds) -> Seeds:
    """Return the seeds below the tuning seeds; the tuning seeds if there are no others."""
    below = seeds[seeds < FIRST_TUNING_SEED]
    return below if len(below) else seeds


def thirds(seeds: Seeds) -> tuple[Seeds, Seeds]:
    """Return the lower two thirds and the upper third of three seeds and more."""
    first = len(seeds) - len(seeds) // 3
    return seeds[:first], seeds[first:]


def roles(runs: pd.DataFrame, plans: Mapping[tuple[str, str], Plan]) -> pd.DataFrame:
    """Return for each run whether its seed chooses or is shown, and whether its setting competes."""
    cell = runs.groupby(PAIR, observed=True).ngroup()
    first = runs.groupby(cell)[PAIR].first()
    chosen = [plans[problem, name] for problem, name in first.astype(str).itertuples(index=False)]
    there = pd.MultiIndex.from_arrays([cell, runs["seed"]])
    wanted_seeds = {
        "choosing": [plan.choosing for plan in chosen],
        "showing": [plan.showing for plan in chosen],
    }
    found = pd.DataFrame(
        {role: there.isin(pairs(first.index, seeds)) for role, seeds in wanted_seeds.items()},
        index=runs.index,
    )
    setting = runs.groupby([*PAIR, *hyperparameters(runs)], observed=True, dropna=False).ngroup()
    wanted = cell.map(dict(zip(first.index, (len(plan.choosing) for plan in chosen), strict=True)))
    enough = found["choosing"].groupby(setting).transform("sum") >= LEAST_SHARE * wanted
    competes = enough & found["showing"].groupby(setting).transform("any")
    tuned = cell.map(dict(zip(first.index, (plan.how == How.TUNED for plan in chosen), strict=True)))
    return found.assign(competes=competes, tuned=tuned)


def pairs(cells: Iterable[int], seeds: Sequence[Seeds]) -> pd.MultiIndex:
    """Return each cell with each of its seeds."""
    repeated = np.repeat(np.asarray(list(cells)), [len(own) for own in seeds])
    return pd.MultiIndex.from_arrays([repeated, np.concatenate([*seeds, np.array([], dtype=np.int64)])])


def table_of(plans: Mapping[tuple[str, str], Plan]) -> pd.DataFrame:
    """Return how each cell's settings are chosen: problem, optimizer, chosen, choosing, shown."""
    rows = [(*pair, str(plan.how), spans(plan.choosing), spans(plan.showing)) for pair, plan in plans.items()]
    return pd.DataFrame(rows, columns=[*PAIR, "chosen", "choosing", "shown"])


# What is left out


def left_out_rows(
    lost: pd.DataFrame,
    role: pd.DataFrame,
    runs: pd.DataFrame,
    plans: Mapping[tuple[str, str], Plan],
    where: Where,
) -> Iterator[dict[str, Any]]:
    """Yield a row for the seeds of each cell that are left out, and one for the settings."""
    touched = runs[runs["problem"].isin(lost["problem"])].groupby("problem", observed=True)
    on_problem = {str(problem): part for problem, part in touched}
    for (problem, name), part in lost.astype({"problem": str}).groupby(PAIR):
        plan = plans[str(problem), str(name)]
        by_seed = ~(role["choosing"] | role["showing"])[part.index]
        if by_seed.any():
            yield seed_row(part[by_seed], on_problem[str(problem)], where)
        if not by_seed.all():
            yield setting_row(part[~by_seed], plan, where)


def seed_row(lost: pd.DataFrame, on_problem: pd.DataFrame, where: Where) -> dict[str, Any]:
    """Return the row for seeds of a cell that not all others on its problem have."""
    name = lost["optimizer"].iloc[0]
    commands, lacking = [], []
    for other, part in on_problem[on_problem["optimizer"] != name].groupby("optimizer"):
        if missing := sorted(set(lost["seed"]) - set(part["seed"])):
            lacking.append(str(other))
            commands.append(filling(part, lost, missing, where))
    if not lacking:
        return left_out_row(lost, "another optimizer's seeds that choose")
    return left_out_row(lost, f"seeds that {', '.join(lacking)} did not run on", " && ".join(commands))


def setting_row(lost: pd.DataFrame, plan: Plan, where: Where) -> dict[str, Any]:
    """Return the row for settings of a cell that cannot compete with its others."""
    if plan.how == How.TUNED:
        return left_out_row(lost, "not among the trials of the search, which alone compete")
    wanted = np.union1d(plan.choosing, plan.showing)
    why = f"settings that did not run on the seeds that choose ({spans(plan.choosing)}) and are shown"
    return left_out_row(lost, why, filling(lost, lost, wanted, where))


# Budgets: of steps, and by what computed the runs


@dataclass(frozen=True)
class Budget:
    """The runs that are compared with each other: each problem instance has one number of steps, one engine.

    Attributes:
        steps: that number; None if every problem has but one, though not all the same.
        backend: engine, dtype and device, as far as some problem has several of them.
        split: the runs, with problems named without their steps and what computed them.
        where: the words for the study, for the commands that fill holes.
        suite: over which alone they are compared; empty if over all instances.
    """

    steps: int | None
    backend: Mapping[str, str]
    split: Split
    where: Where
    suite: str = ""

    @property
    def said(self) -> str:
        """In words which budget it is, over which suite; empty if there is but one, over all."""
        suite = [f"over the suite {self.suite}"] if self.suite else []
        steps = [] if self.steps is None else [f"after {self.steps:,} steps"]
        words = ", ".join(f"{key}={value}" for key, value in self.backend.items())
        return " ".join([*suite, *steps, *([f"under {words}"] if words else [])])

    @property
    def heading(self) -> str:
        return f"### {self.said[0].upper()}{self.said[1:]}" if self.said else ""

    def named(self, name: str) -> str:
        """Return the name of a table or figure of this budget."""
        steps = [] if self.steps is None else [f"{self.steps}_steps"]
        return "_".join([name, *([self.suite] if self.suite else []), *steps, *self.backend.values()])


def budgets(parts: Split, where: Where) -> list[Budget]:
    """Return the runs by budget, if a problem has several; else all as one.

    The same problem under two engines is one problem, compared twice, as after two numbers of steps; not
    where each optimizer has but one of them.
    """
    by_constants = by_instance(parts)
    keys = ["steps", *backend_columns(parts.runs)]
    cells = by_constants[0][["problem", *keys]].drop_duplicates()
    several = cells.groupby("problem", observed=True)[keys].nunique().max()
    apart = engines_apart(by_constants[0])
    varied = [key for key in keys if several[key] > 1 and (key != "engine" or apart)]
    if not varied:
        return [Budget(None, {}, with_runs(parts, by_constants), where)]
    found = []
    for values in sorted(set(cells[varied].itertuples(index=False, name=None))):
        at = dict(zip(varied, values, strict=True))
        chosen = [runs[(runs[varied] == pd.Series(at)).all(axis=1)] for runs in by_constants]
        steps = int(at.pop("steps")) if "steps" in at else None
        found.append(Budget(steps, at, with_runs(parts, chosen), where))
    return found


def by_instance(parts: Split) -> list[pd.DataFrame]:
    """Return all runs, those that choose, and those shown, with problems named by their constants alone."""
    frames = [parts.runs, parts.choosing, parts.shown]
    labels = instance_labels(parts.runs)
    bare = dict(zip(parts.runs["problem"].astype(str), labels, strict=True))
    return [
        frame.assign(problem=frame["problem"].astype(str).map(bare).astype(labels.dtype)) for frame in frames
    ]


def with_runs(parts: Split, frames: Sequence[pd.DataFrame]) -> Split:
    runs, choosing, shown = frames
    return replace(parts, runs=runs, choosing=choosing, shown=shown)
