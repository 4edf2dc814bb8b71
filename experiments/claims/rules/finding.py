"""From a rule and runs to a finding: verdict, effect, evidence, tables, and what the verdict hangs on."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.claims.base import Evidence, Finding, Verdict
from experiments.claims.rules.comparisons import Compared, Comparison, compared
from experiments.claims.rules.evidence import on_scale, sentences, unit, unit_word, what_would_decide
from experiments.claims.rules.rule import Rule
from experiments.claims.rules.scores import CHOSEN
from experiments.claims.rules.variants import absent, variants


def decided(rule: Rule, evidence: Evidence) -> Finding:
    """Apply a rule to runs.

    Raises:
        ValueError: nothing is left to compare.
    """
    found = compared(rule, evidence)
    now = verdict(found)
    said = [*sentences(found), *([what_would_decide(found)] if now == Verdict.UNDECIDED else [])]
    return Finding(
        verdict=now,
        effect=on_scale(found.overall, rule.measures[0]),
        unit=unit(found),
        evidence=" ".join(said),
        tables={"The comparisons": comparison_table(found), **dict(chosen_tables(found))},
        variants=variants(rule, evidence, lambda other, on: verdict(compared(other, on)), found),
        absent=absent(rule, evidence, found),
        read={"The comparisons": found.sides.runs},
    )


def verdict(found: Compared) -> Verdict:
    """Return what the comparisons come to, by the conditions of the rule, in their order."""
    rule = found.rule
    first = rule.settings[:1]
    if found.met(rule.reproduced, 0, rule.settings):
        return Verdict.REPRODUCED
    if found.met(rule.partly, 0, first):
        return Verdict.PARTLY
    return Verdict.REFUTED if found.met(rule.refuted, 1, first) else Verdict.UNDECIDED


def comparison_table(found: Compared) -> pd.DataFrame:
    """Return a row for each comparison: where, against whom, how many units, the effect, what it says."""
    rows = []
    for c in found.comparisons:
        effect = on_scale(c.effect, c.quantity)
        count = len(c.units) if c.apart is None else min(map(len, c.apart))
        where = c.instance, c.against, c.quantity.spoken, c.settings, count
        rows.append((*where, effect.value, effect.low, effect.high, c.neither, claim_there(c)))
    units = f"{unit_word(found.rule)}s"
    names = ["instance", "against", "measure", "settings", units, "effect", "low", "high", "neither", "claim"]
    table = pd.DataFrame(rows, columns=names)
    bare = [key for key in ("measure", "settings") if table[key].nunique() < 2]
    return table.drop(columns=[*bare, *(["neither"] if not table["neither"].any() else [])])


def claim_there(comparison: Comparison) -> str:
    """Say in a word or two what a comparison says of the claim."""
    if comparison.holds:
        return "holds"
    if comparison.fails:
        return "fails"
    return comparison.why or ("neither arrived" if comparison.neither == 1 else "open")


def chosen_tables(found: Compared) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the settings that were chosen, with a title, by measure if there are several."""
    several = len(found.scores) > 1
    for (name, settings), scores in found.scores.items():
        if (scores.chosen[CHOSEN] != "-").any():
            yield (f"The settings, by {name}, {settings}" if several else "The settings"), scores.chosen
