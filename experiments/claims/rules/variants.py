"""A rule with one of its choices made otherwise: target, selection rule, budget, and what else it fixes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Variant, Verdict, earlier_steps
from experiments.claims.rules.comparisons import Compared
from experiments.claims.rules.rule import DEFAULT, DIVERGENCE, ROBUSTNESS, TUNED, Rule
from experiments.tables import MEASURES, is_target, target_columns
from experiments.tuning import best_flags, budget_of
from experiments.wording import counted

Decide = Callable[[Rule, Evidence], Verdict]
BUDGETS = (1, 2, 4, 8, 16, 32)
"""Trials of a random search, beside all that there are."""

SHARES = (0.1, 0.3)
"""Of the steps, after which a rule on what is left at the end is asked as well."""


def variants(rule: Rule, evidence: Evidence, decide: Decide, found: Compared) -> Iterator[Variant]:
    """Yield what the rule says on the same runs when one of its choices is made otherwise."""

    def made(choice: str, otherwise: str, other: Rule, on: Evidence = evidence) -> Iterator[Variant]:
        try:
            yield Variant(choice, otherwise, decide(other, on))
        except ValueError:  # nothing is left to compare
            yield Variant(choice, f"{otherwise} (nothing to compare)", Verdict.UNDECIDED)

    for target in other_targets(rule, evidence):
        yield from made("target", f"{target.removeprefix('hit_')} of the start", at_target(rule, target))
    if is_chosen(rule, found):
        for by in other_choices(rule, evidence):
            yield from made("selection rule", f"chosen by {spoken(by)}", replace(rule, choose=by))
    if rule.settings == (TUNED,) and is_chosen(rule, found):
        yield from made("selection rule", "defaults", replace(rule, settings=(DEFAULT,)))
    for budget in other_budgets(rule, evidence, found):
        yield from made("budget", counted(budget, "trial"), replace(rule, budget=budget))
    for steps, then in fewer_steps(rule, evidence):
        yield from made("budget", f"{steps:,} steps", rule, then)
    average = "mean" if rule.average == "median" else "median"
    yield from made("average", average, replace(rule, average=average))
    for confidence in (0.9, 0.99):
        if confidence != rule.confidence:
            yield from made("confidence", f"{confidence:.0%}", replace(rule, confidence=confidence))


def absent(rule: Rule, evidence: Evidence, found: Compared) -> dict[str, str]:
    """Return for the choices that every claim answers for and that this one does not have, why."""
    reasons = {}
    if not other_targets(rule, evidence):
        reasons["target"] = "there is no target: no measure is the steps to one"
    if not is_chosen(rule, found):
        reasons["selection rule"] = "nothing is selected, as no side has several settings to choose from"
    if not other_budgets(rule, evidence, found) and not list(fewer_steps(rule, evidence)):
        reasons["budget"] = (
            "there is no other budget: one setting a side, and no number of fewer steps was recorded"
        )
    return reasons


def spoken(column: str) -> str:
    return f"steps to {column.removeprefix('hit_')}" if is_target(column) else column.replace("_", " ")


def other_targets(rule: Rule, evidence: Evidence) -> list[str]:
    """Return the nearest targets to the rule's own, two to each side."""
    own = [each.name for each in rule.measures if is_target(each.name)]
    columns = target_columns(evidence.runs)
    if not own or own[0] not in columns:
        return []
    at = columns.index(own[0])
    return [column for column in columns[max(at - 2, 0) : at + 3] if column != own[0]]


def at_target(rule: Rule, target: str) -> Rule:
    """Return the rule with another target."""
    measures = [replace(m, name=target, of=target) if is_target(m.name) else m for m in rule.measures]
    return replace(rule, measures=tuple(measures))


def is_chosen(rule: Rule, found: Compared) -> bool:
    """Tell whether some side had several settings to choose from."""
    return TUNED in rule.settings and any(
        scores.tried > 1 for (_, settings), scores in found.scores.items() if settings == TUNED
    )


def other_choices(rule: Rule, evidence: Evidence) -> list[str]:
    """Return other columns by which settings may be chosen."""
    first = rule.measures[0].of
    own = rule.choose or (first if first in MEASURES or is_target(first) else "suboptimality")
    targets = target_columns(evidence.runs)
    known = ["suboptimality", "loss", "best_loss", *targets[1:3], "accuracy"]
    there = [column for column in known if column in evidence.runs and evidence.runs[column].notna().any()]
    return [column for column in there if column != own][:3]


def other_budgets(rule: Rule, evidence: Evidence, found: Compared) -> list[int]:
    """Return other numbers of trials that choose, those that a search was made for, or some of a grid."""
    if not is_chosen(rule, found) or any(each.name in (ROBUSTNESS, DIVERGENCE) for each in rule.measures):
        return []
    if evidence.selections is not None and len(evidence.selections):
        there = [budget_of(flag) for flag in best_flags(evidence.selections)]
        most = max(there)
    else:
        most = max(scores.tried for scores in found.scores.values())
        there = [budget for budget in BUDGETS if budget < most]
    return [budget for budget in there if budget != (rule.budget or most)]


def fewer_steps(rule: Rule, evidence: Evidence) -> Iterator[tuple[int, Evidence]]:
    """Yield some recorded steps before the last, with the runs as they were then."""
    if evidence.history.empty or any(each.name == DIVERGENCE for each in rule.measures):
        return
    recorded = {each.of for each in rule.measures if not is_target(each.of)}
    if not recorded or not recorded <= set(evidence.history) or evidence.runs["steps"].nunique() > 1:
        return
    for steps in earlier_steps(evidence, SHARES):
        yield steps, after(evidence, steps)


def after(evidence: Evidence, steps: int) -> Evidence:
    """Return the runs as they were after so many steps; a target that was reached later is not reached yet.

    What is not recorded on the way, as the best loss, stays what it is at the end.
    """
    history = evidence.history[evidence.history["step"] <= steps]
    then = history[history["step"] == steps].astype({"run": str}).set_index("run")
    runs = evidence.runs
    names = runs["run"].astype(str)
    shared = [str(column) for column in then if column in MEASURES and column in runs]
    columns = {column: names.map(then[column]) for column in shared}
    hits = {column: runs[column].where(runs[column] <= steps) for column in target_columns(runs)}
    lost = names.map(then["loss"]).isna() if "loss" in then else pd.Series(False, index=runs.index)
    status = np.where(lost & runs["status"].eq("diverged"), "diverged", "ok")
    return replace(evidence, runs=runs.assign(**columns, **hits, status=status), history=history)
