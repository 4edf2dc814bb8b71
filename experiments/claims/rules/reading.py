"""From what a file says to a claim: every key and value checked, and refused in one line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.claims.rules.rule import (
    ALL,
    AREA,
    DEFAULT,
    DIVERGENCE,
    ROBUSTNESS,
    TUNED,
    Condition,
    Quantity,
    Rule,
)
from experiments.claims.rules.there import There, near, same
from experiments.grid.axes import SPACED, values
from experiments.request.checks import checked_integer
from experiments.request.limits import LARGEST_SEED
from experiments.tables import MEASURES, is_target, text

KEYS = ("statement", "study", "runs", "rule", "map")
RULE_KEYS = (
    "compare",
    "better",
    "than",
    "measure",
    "direction",
    "factor",
    "margin",
    "within",
    "where",
    "each",
    "settings",
    "choose",
    "choose_on",
    "budget",
    "average",
    "paired",
    "interval",
    "confidence",
    "adjusted",
    "reproduced",
    "partly",
    "refuted",
)
WORDS = {
    "direction": ("lower", "higher"),
    "average": ("median", "mean"),
    "paired": ("seed", "instance", "no"),
    "interval": ("exact", "bootstrap"),
    "settings": (TUNED, DEFAULT, ALL),
}
CONDITIONS = ("all", "most", "any", "overall", "never")
BY_RATIO = ("suboptimality", "grad_norm", "distance", "mse", "best_loss")
"""The columns that are compared by ratios unless a margin is asked for, as are steps to a target."""
FORMS = "a column of runs, steps to 1e-3, area, robustness or divergence"
LISTS = ("tune.budgets",)
"""The keys of the run command whose value is a list, which is no sweep."""
MAP_AXES = ("steps", "target", "trials")
"""The axes of a map that are no settings: recorded steps, targets that are reached, trials that choose."""


@dataclass(frozen=True)
class Stated:
    """A claim as a file states it.

    Attributes:
        statement: what is claimed.
        study: the name of the folder of its runs.
        runs: the words of the command that makes them; none if the study is taken as it is.
        rule: by which it is decided.
        axes: the two of its map; none if none is asked for.
    """

    name: str
    statement: str
    study: str
    runs: tuple[str, ...]
    rule: Rule
    axes: tuple[str, ...]


def read(given: Any, name: str, study: str = "") -> Stated:
    """Return the claim that a file states.

    Args:
        given: what it holds.
        name: of the claim.
        study: that to take where the file names none.

    Raises:
        ValueError: a key or a value that cannot be; the message names it and says what there is.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"claim must be keys and values ({', '.join(KEYS)}), got {given!r}")
    check_keys("claim", given, KEYS)
    statement = given.get("statement")
    if not isinstance(statement, str) or not statement.strip():
        raise ValueError(f"claim.statement must say what is claimed, got {statement!r}")
    runs = given.get("runs") or {}
    if not isinstance(runs, Mapping):
        raise ValueError(f"claim.runs must be keys of the run command and their values, got {runs!r}")
    taken = [key for key in ("study", "results") if key in runs]
    if taken:
        raise ValueError(
            f"claim.runs.{taken[0]} is not for here; write claim.study, and results= to the command"
        )
    return Stated(
        name=name,
        statement=" ".join(statement.split()),
        study=str(given.get("study") or study or name),
        runs=tuple(word(str(key), value) for key, value in runs.items()),
        rule=rule_of(given.get("rule")),
        axes=axes_of(given.get("map")),
    )


def check_keys(where: str, given: Mapping[Any, Any], known: Sequence[str]) -> None:
    """Raise ValueError for a key that there is not."""
    for key in given:
        if key not in known:
            raise ValueError(f"{where}.{key}: there is no such key; {near(str(key), tuple(known))}")


def word(key: str, value: Any) -> str:
    """Return a key and its value as one types them; a list is a sweep."""
    plus = "+" if key in ("experiment", "suite", "contenders") else ""
    listed = value if isinstance(value, list | tuple) else [value]
    if isinstance(value, Mapping) or not listed or any(isinstance(each, Mapping | list) for each in listed):
        raise ValueError(
            f"claim.runs.{key} must be a value, a list of them, or a sweep as one types it, got {value!r}"
        )
    joined = ",".join(text(each, 12) for each in listed)
    return f"{plus}{key}={f'[{joined}]' if key in LISTS else joined}"


def axes_of(given: Any) -> tuple[str, ...]:
    """Return the two axes of a map; none if none is asked for."""
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or len(given) != 2 or len(set(map(str, given))) != 2:
        raise ValueError(f"claim.map must be a list of two axes, as [steps, optimizer.lr], got {given!r}")
    return tuple(map(str, given))


# The rule


def rule_of(given: Any) -> Rule:
    """Return the rule that a mapping says.

    Raises:
        ValueError: a key or a value that cannot be.
    """
    if not isinstance(given, Mapping):
        raise ValueError(
            f"claim.rule must be keys and values (compare, better, than, measure ...), got {given!r}"
        )
    check_keys("claim.rule", given, RULE_KEYS)
    for key in ("compare", "better", "measure"):
        if given.get(key) is None:
            raise ValueError(
                f"claim.rule.{key} is missing; a rule needs compare, better and measure at least"
            )
    quantities = tuple(quantity_of(str(each), given) for each in as_list(given["measure"]))
    settings = given.get("settings", ALL if quantities[0].name == DIVERGENCE else TUNED)
    budget = given.get("budget")
    better, than = given["better"], tuple(as_list(given.get("than")))
    if isinstance(better, list | tuple | Mapping):
        raise ValueError(f"claim.rule.better must be one value, got {better!r}")
    if any(same(better, other) for other in than):
        raise ValueError(
            f"claim.rule.than={text(better)}: that is what better names; nothing is better than itself"
        )
    return Rule(
        compare=str(given["compare"]),
        better=better,
        than=than,
        measures=quantities,
        where=where_of(given.get("where")),
        each=tuple(map(str, as_list(given.get("each")))),
        settings=tuple(one_of("settings", each) for each in as_list(settings)),
        choose=str(given.get("choose") or ""),
        choose_on=seeds_of("choose_on", given.get("choose_on")),
        budget=None if budget is None else checked_integer("claim.rule.budget", budget, 1),
        average=one_of("average", given.get("average", "median")),
        paired=one_of(
            "paired", "no" if given.get("paired") is False else given.get("paired", "seed")
        ),  # YAML's no
        interval=one_of("interval", given.get("interval", "exact")),
        confidence=number("confidence", given.get("confidence", 0.95), 0.5, 1.0, strict=True),
        adjusted=truth("adjusted", given.get("adjusted", True)),
        reproduced=condition_of("reproduced", given.get("reproduced", "all")),
        partly=condition_of("partly", given.get("partly", "any")),
        refuted=condition_of("refuted", given.get("refuted", "any")),
    )


def as_list(value: Any) -> list[Any]:
    """Return a value in a list, a list as it is, nothing as an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def one_of(key: str, value: Any) -> str:
    """Return the value of a key that takes one of some words."""
    if value not in WORDS[key]:
        raise ValueError(f"claim.rule.{key} must be one of {', '.join(WORDS[key])}, got {value!r}")
    return str(value)


def number(key: str, value: Any, low: float, high: float = math.inf, *, strict: bool = False) -> float:
    """Return the value of a key that takes a number; with ``strict`` the ends are left out."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not (low < value < high if strict else low <= value <= high):
        ends = f"({low:g}, {high:g})" if strict else f"[{low:g}, {high:g})"
        raise ValueError(f"claim.rule.{key} must be a number in {ends}, got {value!r}")
    return float(value)


def truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"claim.rule.{key} must be true or false, got {value!r}")
    return value


def condition_of(key: str, value: Any) -> Condition:
    """Return what a verdict takes: a word, or a share of the comparisons."""
    if isinstance(value, str) and value in CONDITIONS:
        return Condition(value)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not 0 < value <= 1:
        raise ValueError(
            f"claim.rule.{key} must be one of {', '.join(CONDITIONS)}, or a share in (0, 1], got {value!r}"
        )
    return Condition(text(value), float(value))


def seeds_of(key: str, given: Any) -> tuple[int, ...]:
    """Return seeds that are listed, or written as one types them: ``range(20,30)``."""
    found = [each for part in as_list(given) for each in spelled(f"claim.rule.{key}", part)]
    return tuple(checked_integer(f"claim.rule.{key}", seed, 0, LARGEST_SEED) for seed in found)


def where_of(given: Any) -> dict[str, tuple[Any, ...]]:
    """Return the values that are asked for, by column."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"claim.rule.where must be columns and their values, as {{optimizer: adam}}, got {given!r}"
        )
    return {
        str(key): tuple(each for part in as_list(value) for each in spelled(f"claim.rule.where.{key}", part))
        for key, value in given.items()
    }


def spelled(key: str, value: Any) -> list[Any]:
    """Return the values that a word stands for: those of a range or of a spaced axis, or itself."""
    if isinstance(value, Mapping | list):
        raise ValueError(f"{key} must be a value or a list of them, got {value!r}")
    is_sweep = isinstance(value, str) and re.fullmatch(rf"range\(.*\)|{SPACED.pattern}", value)
    return values(key, value) if is_sweep else [value]


def quantity_of(measure: str, given: Mapping[Any, Any]) -> Quantity:
    """Return what is compared, given its name and the keys of the rule that say more of it.

    Raises:
        ValueError: it is no measure, or a factor is asked for where a margin belongs.
    """
    name, of = named(measure)
    bounded = name in (AREA, ROBUSTNESS, DIVERGENCE)
    ratio = not bounded and (is_target(name) or name in BY_RATIO)
    several = isinstance(given["measure"], list | tuple)
    factor, margin = given.get("factor"), given.get("margin")
    if factor is not None and margin is not None and not several:
        raise ValueError(
            "claim.rule.factor and claim.rule.margin: one of them says how much at least, not both"
        )
    if factor is not None and bounded and not several:
        raise ValueError(f"claim.rule.factor: {measure} is compared by differences; write margin")
    if not several:
        ratio = factor is not None or (ratio and margin is None)
    good = name == ROBUSTNESS or (name in MEASURES and MEASURES[name].higher_is_better)
    direction = one_of("direction", given.get("direction", "higher" if good else "lower"))
    least = number("factor", factor if factor is not None else 1, 1) if ratio else 0.0
    least = least if ratio else number("margin", margin if margin is not None else 0, 0)
    within = number("within", given.get("within", 2), 1)
    return Quantity(name, of, direction == "higher", ratio, least, within)


def named(measure: str) -> tuple[str, str]:
    """Return the name of a measure, and the column that it is of.

    Raises:
        ValueError: there is no such measure.
    """
    if found := re.fullmatch(r"(?:steps to |hit_)(.+)", measure):
        try:
            target = f"hit_{float(found[1]):.0e}".replace("e-0", "e-")
        except ValueError:
            raise ValueError(
                f"claim.rule.measure={measure}: a target is a number, as steps to 1e-3"
            ) from None
        return target, target
    if found := re.fullmatch(rf"({AREA}|{ROBUSTNESS})(?: of (\w+))?", measure):
        of = found[2] or "suboptimality"
        if of in MEASURES:
            return found[1], of
        measure = of
    if measure in MEASURES or measure == DIVERGENCE:
        return measure, measure
    known = (*MEASURES, "steps to 1e-3", AREA, ROBUSTNESS, DIVERGENCE)
    raise ValueError(f"claim.rule.measure={measure}: there is no such measure; {near(measure, known)}")


# Against what there is


def check(stated: Stated, there: There) -> None:
    """Raise ValueError for an axis, a value or a measure that the runs do not have."""
    rule = stated.rule
    axes = tuple(there.values)
    for key, axis in [("compare", rule.compare), *(("each", axis) for axis in rule.each)]:
        check_axis(f"claim.rule.{key}", axis, axes)
    for axis, wanted in rule.where.items():
        if axis not in ("seed", "problem"):
            check_axis("claim.rule.where", axis, axes)
            check_values(f"claim.rule.where.{axis}", wanted, there.values[axis])
    check_values("claim.rule.better", [rule.better], there.values[rule.compare])
    if not rule.than and len(there.values[rule.compare]) < 2:
        raise ValueError(
            f"claim.rule.than: there is nothing but {rule.compare}={text(rule.better)} to compare"
        )
    known = there.values[rule.compare]
    some = any(same(value, other) for value in rule.than for other in known)
    if stated.runs or not some:  # a study that is taken as it is may lack some of them, which is told
        check_values("claim.rule.than", rule.than, known)
    for quantity in rule.measures:
        check_measure("measure", quantity.of, there)
    if rule.choose:
        check_measure("choose", rule.choose, there)
    if "target" in stated.axes and not any(is_target(quantity.name) for quantity in rule.measures):
        raise ValueError("claim.map=target: the rule has no target; its measure is not the steps to one")
    for axis in stated.axes:
        check_axis("claim.map", axis, tuple(dict.fromkeys((*MAP_AXES, *axes))))


def check_axis(key: str, axis: str, known: tuple[str, ...]) -> None:
    if axis not in known:
        raise ValueError(f"{key}={axis}: there is no such axis; {near(axis, known)}")


def check_values(key: str, wanted: Iterable[Any], there: Sequence[Any]) -> None:
    """Raise ValueError for a value that no run has."""
    for value in wanted:
        if not any(same(value, other) for other in there):
            words = tuple(text(other) for other in there)
            raise ValueError(f"{key}={text(value)}: no run has it; {near(text(value), words[:30])}")


def check_measure(key: str, column: str, there: There) -> None:
    """Raise ValueError for a measure that the runs do not have."""
    if column != DIVERGENCE and column not in there.measures:
        words = tuple(each.replace("hit_", "steps to ") for each in there.measures)
        spoken = column.replace("hit_", "steps to ")
        raise ValueError(
            f"claim.rule.{key}={spoken}: these runs are not measured by it; {near(spoken, words)}"
        )
