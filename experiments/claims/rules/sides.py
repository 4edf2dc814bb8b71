"""The sides of a comparison: which runs belong to whom, where, and what each is measured by.

A side is a value of the axis that is compared; an instance is all else that is no hyperparameter: the problem
with its constants, steps, what computed it, the optimizer where that is not what is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence
from experiments.claims.rules.rule import AREA, DIVERGENCE, Quantity, Rule
from experiments.claims.rules.there import same
from experiments.measures import log_area
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter, optimizer_called
from experiments.tables import LR, hyperparameters, is_target, labelled, measure_of, text
from experiments.wording import counted
from optim.method import Method
from optim.schedules import SCHEDULES


@dataclass(frozen=True)
class Sides:
    """The runs that a rule compares.

    Attributes:
        runs: with the side in the column ``optimizer`` and the instance in ``problem``, an ordered
            categorical, as tables and the protocol of tuning take them; ``rule`` is the optimizer's own name.
        better: the name of the side that the claim is for.
        than: the names of the others.
        said: what was left out so far, in sentences.
    """

    runs: pd.DataFrame
    better: str
    than: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def instances(self) -> tuple[str, ...]:
        """The instances on which any side ran, in their order."""
        return tuple(map(str, self.runs["problem"].cat.categories))


def sides_of(rule: Rule, evidence: Evidence, without: Sequence[str] = ()) -> Sides:
    """Return the runs that a rule compares, by side and instance.

    Args:
        rule: what it says.
        evidence: the runs.
        without: columns that tell no instances apart: the axes of a map.

    Raises:
        ValueError: no run is left.
    """
    runs = evidence.runs.reset_index(drop=True)
    runs = runs.assign(rule=runs["optimizer"].astype(str))
    runs, said = restricted(runs, rule)
    axis = runs[rule.compare]
    lacking = int(axis.isna().sum())
    if lacking:
        said = (*said, f"{counted(lacking, 'run has', 'runs have')} no {rule.compare} and take no part.")
    names = axis.map(lambda value: text(value, 12) if value == value else "").astype(str)
    instances = instances_of(runs, rule, without)
    runs = runs.assign(optimizer=names, problem=instances)
    better = text(rule.better, 12)
    others = tuple(text(each, 12) for each in rule.than) or tuple(
        text(each, 12) for each in sorted(axis.dropna().unique()) if not same(each, rule.better)
    )
    runs = runs[names.isin([better, *others])]
    if runs.empty:
        raise ValueError(f"claim.rule: no run of {rule.compare}={better} or the others is left to compare")
    kept = [each for each in instances.cat.categories if (runs["problem"] == each).any()]
    runs = runs.drop(columns=[key for key in hyperparameters(runs) if runs[key].isna().all() and key != LR])
    return Sides(runs.assign(problem=runs["problem"].cat.set_categories(kept)), better, others, said)


def restricted(runs: pd.DataFrame, rule: Rule) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the runs that a rule speaks of, and a sentence for what it asks for that is not there."""
    said = []
    names = labelled(runs)["problem"].astype(str)
    for key, wanted in rule.where.items():
        if key == "problem":
            there = names.isin(list(map(str, wanted))) | runs["problem"].astype(str).isin(
                list(map(str, wanted))
            )
            known = {*names, *runs["problem"].astype(str)}
        elif key == "seed":
            there = runs[key].isin(wanted) | runs[key].ge(FIRST_TUNING_SEED) | runs[key].isin(rule.choose_on)
            known = {text(each) for each in runs[key].unique()}
        else:
            words = runs[key].map(lambda value: text(value, 12)).astype(str)
            there = words.isin([text(each, 12) for each in wanted])
            known = {text(each) for each in runs[key].dropna().unique()}
        missing = [text(each) for each in wanted if text(each) not in known]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            said.append(f"No run has {key}={', '.join(missing[:3])}{more}, which the rule asks for.")
        runs, names = runs[there], names[there]
    if runs.empty:
        if not rule.where:
            raise ValueError("claim: there are no runs to compare")
        asked = " ".join(f"{key}={','.join(map(text, wanted))}" for key, wanted in rule.where.items())
        raise ValueError(f"claim.rule.where: no run is left with {asked}")
    return runs.reset_index(drop=True), tuple(said)


def instances_of(runs: pd.DataFrame, rule: Rule, without: Sequence[str] = ()) -> pd.Series:
    """Return the instance of each run, an ordered categorical."""
    apart = {rule.compare, *without}
    gone = [str(key) for key in runs if key in apart and key not in ("optimizer", "problem", "steps")]
    if "problem" in apart:
        gone += [str(key) for key in runs if str(key).startswith("problem.")]
    bare = runs.drop(columns=list(dict.fromkeys(gone)))
    bare = bare.assign(**{key: bare[key].iloc[0] for key in ("problem", "steps") if key in apart})
    labels = labelled(bare)["problem"]
    words = [] if "problem" in apart else [labels.astype(str)]
    if (
        rule.compare != "optimizer"
        and runs["rule"].nunique() > 1
        and "optimizer" not in {*rule.each, *without}
    ):
        words.append(runs["rule"])
    own = [key for key in rule.each if key not in apart]
    words += [runs[key].map(text).map(f"{key}={{}}".format).astype(str) for key in own]
    names = pd.Series("all problems", index=runs.index) if not words else words[0]
    for more in words[1:]:
        names = names + ", " + more
    place = labels.cat.codes.to_numpy()
    order = pd.DataFrame({"name": names.to_numpy(), "place": place}).drop_duplicates("name")
    categories = list(order.sort_values(["place", "name"])["name"])
    return names.astype(pd.CategoricalDtype(categories, ordered=True))


# What a run is measured by


def measured(runs: pd.DataFrame, quantity: Quantity, history: pd.DataFrame) -> pd.Series:
    """Return the number of each run by which it is compared: lower is better; NaN where it is not measured.

    A run that diverged counts as the worst there is: an infinite loss, infinitely many steps, no accuracy.
    Where no run of an instance has a number that could have one, the measure is not recorded there.
    """
    lost = runs["status"].eq("diverged")
    if quantity.name == DIVERGENCE:
        return lost.astype(float)
    if quantity.name == AREA:
        areas = log_area(history, runs, quantity.of).set_index("run")["mean_log10"]
        areas.index = areas.index.astype(str)
        return runs["run"].astype(str).map(areas).astype(float).fillna(np.inf)
    column = runs[quantity.of].astype(float)
    kind = measure_of(quantity.of, runs.columns)
    if not is_target(quantity.of):
        somewhere = column.notna().groupby(runs["problem"], observed=True).transform("any")
        hopeless = lost.groupby(runs["problem"], observed=True).transform("all")
        unknown = column.isna() & ~(lost & (somewhere | hopeless))
    else:
        unknown = pd.Series(False, index=runs.index)
    return kind.cost(column.fillna(kind.worst)).mask(unknown)


def at_default(runs: pd.DataFrame, rule: Rule) -> pd.Series:
    """Tell which runs are at what the class of their optimizer and schedule has by default.

    The axis that is compared, and what the rule fixes, may have any value.
    """
    free = {rule.compare, "schedule", *rule.where}
    keys = [str(key) for key in runs if is_hyperparameter(key) and key not in free]
    there = pd.Series(False, index=runs.index)
    schedules = (
        runs["schedule"].astype(str) if "schedule" in runs else pd.Series("constant", index=runs.index)
    )
    for (name, schedule), part in runs.groupby(["rule", schedules.rename("of_schedule")]):
        cls = optimizer_called(str(name))
        if cls is None:
            continue
        usual = Method(cls(), SCHEDULES[str(schedule)]()).settings()
        same_as = [part[key].isna() | (part[key] == usual[key]) for key in keys if key in usual]
        there.loc[part.index] = np.logical_and.reduce(same_as) if same_as else True
    return there
