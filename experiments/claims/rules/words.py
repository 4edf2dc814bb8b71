"""A rule in words, as the sections of a report say it."""

from __future__ import annotations

from experiments.claims.rules.rule import ROBUSTNESS, Condition, Quantity, Rule
from experiments.tables import text
from experiments.tables.coverage import spans
from experiments.wording import counted


def predicate(rule: Rule) -> str:
    """Return the rule in sentences."""
    others = ", ".join(map(text, rule.than)) or "every other"
    where = " ".join(f"{key}={','.join(map(text, wanted))}" for key, wanted in rule.where.items())
    claimed = " and ".join(amount(quantity) for quantity in rule.measures)
    unit = {"seed": "by seed", "instance": "by instance, the median over seeds of each", "no": "not at all"}[
        rule.paired
    ]
    kind = {"exact": "exact", "bootstrap": "bootstrap"}[rule.interval]
    among = f", where {where}" if where else ""
    sentences = [
        f"{rule.compare}={text(rule.better)} against {others}{among}: {claimed}.",
        f"Paired {unit}; the {rule.average}, with its {kind} interval at {rule.confidence:.3g}.",
        choosing(rule),
        f"Reproduced if {said(rule.reproduced, 'lie', 'lies', 'above what is claimed')}; "
        f"else partly if {said(rule.partly, 'lie', 'lies', 'above it')}; "
        f"else refuted if {said(rule.refuted, 'lie', 'lies', 'below it')}; else undecided.",
    ]
    if rule.adjusted and any(
        c.one_by_one and c.word != "all" for c in (rule.reproduced, rule.partly, rule.refuted)
    ):
        sentences.append(
            "Where not all count, the level of an interval is adjusted for their number (Bonferroni)."
        )
    return " ".join(filter(None, sentences))


def amount(quantity: Quantity) -> str:
    """Say what is claimed of a measure, and how much at least."""
    within = f" within a factor of {quantity.within:g} of the best" if quantity.name == ROBUSTNESS else ""
    end = "more" if quantity.higher else "less"
    least = (
        f"a factor above {quantity.least:g}" if quantity.ratio else f"a difference above {quantity.least:g}"
    )
    return f"{end} {quantity.spoken}{within}, by {least}"


def choosing(rule: Rule) -> str:
    """Say how settings are found."""
    ways = {"tuned": "tuned", "default": "at the optimizer's defaults", "all": "every one that ran"}
    by = f", chosen by {rule.choose.replace('hit_', 'steps to ')}" if rule.choose else ""
    on = f", on seeds {spans(rule.choose_on)}" if rule.choose_on else ""
    budget = f", by {counted(rule.budget, 'trial')}" if rule.budget else ""
    return f"Settings: {' and '.join(ways[each] for each in rule.settings)}{by}{on}{budget}."


def said(condition: Condition, many: str, one: str, where: str) -> str:
    """Say what a condition asks for."""
    words = {
        "all": f"the intervals of all comparisons {many} {where}",
        "most": f"those of more than half {many} {where}",
        "any": f"that of any {one} {where}",
        "overall": f"that of all comparisons together {one} {where}",
        "never": "never",
    }
    return words.get(condition.word, f"those of a share of {condition.word} {many} {where}")
