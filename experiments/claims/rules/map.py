"""Where a claim holds, over any two axes: settings, recorded steps, targets, trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, earlier_steps, map_picture
from experiments.claims.rules.comparisons import Compared, compared, threshold
from experiments.claims.rules.evidence import unit
from experiments.claims.rules.reading import MAP_AXES
from experiments.claims.rules.rule import Quantity, Rule
from experiments.claims.rules.sides import sides_of
from experiments.claims.rules.variants import BUDGETS, after, at_target
from experiments.figures.parts import Picture
from experiments.tables import target_columns, text
from experiments.tables.measures import fraction
from experiments.tuning import best_flags, budget_of

STEP_SHARES = (0.03, 0.1, 0.3)
MOST_VALUES = 24
"""Values of an axis of a map; of more some are taken, evenly."""


def map_of(name: str, rule: Rule, evidence: Evidence, axes: Sequence[str]) -> Picture:
    """Return the map of a claim over two axes: a cell is the rule on the runs at those values.

    Raises:
        ValueError: no cell has anything to compare, or an axis that the rule cannot vary.
    """
    x, y = axes
    table = map_table(rule, evidence, x, y)
    x, y = (column_of(axis) for axis in axes)
    quantity = rule.measures[0]
    found = compared(rule, evidence)
    least = f", over the {quantity.least:g} that is claimed" if quantity.least not in (0.0, 1.0) else ""
    caption = f"Where the claim holds: {unit(found)}{least}, by {spoken(x)} and {spoken(y)}"
    label = unit(found).partition(f", {rule.average}")[0]
    label = label if quantity.ratio else f"10^({label})"
    return map_picture(f"{name}_map", caption, table, x, y, label, failed="nothing to tell")


def column_of(axis: str) -> str:
    """Return the name of an axis in the table, in which the problem is what has a panel."""
    return "problem name" if axis == "problem" else axis


def spoken(axis: str) -> str:
    return axis.rpartition(".")[2].replace("_", " ")


def map_table(rule: Rule, evidence: Evidence, x: str, y: str) -> pd.DataFrame:
    """Return a row a cell: problem (the instance), the two axes, ratio, low, high; above 1 the claim holds.

    A difference stands as a power of 10, and what is claimed at least is 1.
    """
    across, upwards = (values_of(rule, evidence, axis) for axis in (x, y))
    rows: list[tuple[Any, ...]] = []
    for first in across:
        for second in upwards:
            rows += cell(rule, evidence, {x: first, y: second})
    if not rows:
        raise ValueError(f"claim.map=[{x}, {y}]: there is nothing to compare in any cell")
    x, y = column_of(x), column_of(y)
    table = pd.DataFrame(rows, columns=["problem", x, y, "ratio", "low", "high"])
    order = {str(each): number for number, each in enumerate(dict.fromkeys(table["problem"]))}
    return table.assign(order=table["problem"].map(order)).sort_values(["order", x, y]).drop(columns="order")


def values_of(rule: Rule, evidence: Evidence, axis: str) -> list[Any]:
    """Return the values of an axis of a map."""
    if axis == "target":
        return [fraction(column) for column in target_columns(evidence.runs)]
    if axis == "trials" and evidence.selections is not None and len(evidence.selections):
        return [budget_of(flag) for flag in best_flags(evidence.selections)]
    if axis == "trials":
        settings = compared(rule, evidence).scores[rule.measures[0].name, rule.settings[0]].tried
        return [*(k for k in BUDGETS if k < settings), settings]
    if axis == "steps" and evidence.runs["steps"].nunique() < 2:
        earlier = earlier_steps(evidence, STEP_SHARES) if len(evidence.history) else []
        return [*earlier, int(evidence.runs["steps"].iloc[0])]
    there = sides_of(rule, evidence).runs
    column = "rule" if axis == "optimizer" else axis
    names = there["problem"].astype(str).str.split().str[0] if axis == "problem" else there[column]
    found = sorted(names.dropna().unique())
    step = -(-len(found) // MOST_VALUES)
    return found[::step]


def cell(rule: Rule, evidence: Evidence, at: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a cell: a comparison each, none where nothing is there."""
    without = [axis for axis in at if axis not in MAP_AXES or axis == "steps"]
    for axis, value in at.items():
        rule, evidence = taken(rule, evidence, axis, value)
    if evidence.runs.empty:
        return
    try:
        found = compared(rule, evidence, without)
    except ValueError:  # a side has no runs here
        return
    for comparison in found.primary:
        if not comparison.why:
            ends = comparison.effect.value, comparison.effect.low, comparison.effect.high
            unknown = comparison.neither == 1
            numbers = [np.nan if unknown else above(end, comparison.quantity) for end in ends]
            yield (named(found, comparison.instance, comparison.against), *at.values(), *numbers)


def named(found: Compared, instance: str, against: str) -> str:
    """Return the name of a panel."""
    return instance if len(found.sides.than) == 1 else f"{instance}, against {against}"


def above(effect: float, quantity: Quantity) -> float:
    """Return an effect as a ratio to what is claimed at least."""
    with np.errstate(over="ignore"):
        over = effect - threshold(quantity)
        return float(np.exp(over) if quantity.ratio else 10.0**over)


def taken(rule: Rule, evidence: Evidence, axis: str, value: Any) -> tuple[Rule, Evidence]:
    """Return the rule and the runs at a value of an axis; a run that has no such setting is in every cell."""
    runs = evidence.runs
    if axis == "target":
        [column] = [column for column in target_columns(runs) if fraction(column) == value]
        return at_target(rule, column), evidence
    if axis == "trials":
        return replace(rule, budget=int(value)), evidence
    if axis == "steps" and runs["steps"].nunique() < 2:
        return rule, evidence if value == runs["steps"].iloc[0] else after(evidence, int(value))
    words = runs[axis].map(lambda each: text(each, 12)).astype(str)
    return rule, replace(evidence, runs=runs[words.eq(text(value, 12)) | runs[axis].isna()])
