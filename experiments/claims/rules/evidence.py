"""What there is to say of a comparison: the effect, where it holds, what is uneven, what would decide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from experiments.claims.base import Interval
from experiments.claims.rules.comparisons import Compared, Comparison, needed
from experiments.claims.rules.rule import ALL, AREA, DEFAULT, ROBUSTNESS, Quantity, Rule
from experiments.claims.rules.scores import few
from experiments.tables import PAIR
from experiments.wording import counted


def on_scale(effect: Interval, quantity: Quantity) -> Interval:
    """Return an effect as one reads it: a difference, or a ratio, for the claim where it is above 1."""
    if not quantity.ratio:
        return effect
    with np.errstate(over="ignore"):
        return Interval(*(float(np.exp(end)) for end in (effect.value, effect.low, effect.high)))


def unit(found: Compared) -> str:
    """Say what the effect is."""
    return f"{measured_by(found)}, {found.rule.average} over {unit_word(found.rule)}s"


def measured_by(found: Compared) -> str:
    """Say what is measured of which sides."""
    quantity, settings = found.rule.primary
    others = found.sides.than[0] if len(found.sides.than) == 1 else "the others"
    better = found.sides.better
    first, second = (better, others) if quantity.higher else (others, better)
    sides = f"{first} / {second}" if quantity.ratio else f"{first} minus {second}"
    at = {DEFAULT: ", at defaults", ALL: ", over all settings"}.get(settings, "")
    decades = ", decades" if quantity.name in (AREA, ROBUSTNESS) else ""
    return f"{quantity.spoken}{decades}, {sides}{at}"


def unit_word(rule: Rule) -> str:
    return "instance" if rule.paired == "instance" else "seed"


def sentences(found: Compared) -> Iterator[str]:
    """Yield what there is to say: the effect, where the claim holds, who chose, what is left out."""
    rule, quantity = found.rule, found.rule.measures[0]
    units = counted(len(found.units), unit_word(rule))
    over = f"over {units}" if rule.paired != "no" else "of runs that are not paired"
    effect = on_scale(found.overall, quantity)
    yield f"The {measured_by(found)}: {effect}, the {rule.average} {over}."
    yield f"Claimed is a {'ratio' if quantity.ratio else 'difference'} above {quantity.least:g}."
    for title, part in groups(found):
        yield where_it_holds(part, title)
    for scores in [each for each in found.scores.values() if each.how][:1]:
        budget = f"; the budget is {counted(rule.budget, 'trial')}" if rule.budget else ""
        yield f"{scores.how} Up to {counted(scores.tried, 'setting')} of a side compete{budget}."
    yield from found.sides.said
    yield from dict.fromkeys(line for scores in found.scores.values() for line in scores.said)
    yield from uneven(found)
    yield from without_end(found)
    yield from never(found)


def groups(found: Compared) -> Iterator[tuple[str, list[Comparison]]]:
    """Yield the comparisons by measure and settings, with a title if there are several."""
    keys = list(dict.fromkeys((c.quantity.spoken, c.settings) for c in found.comparisons))
    for spoken, settings in keys:
        part = [c for c in found.comparisons if (c.quantity.spoken, c.settings) == (spoken, settings)]
        yield (f"By {spoken}, settings {settings}, it" if len(keys) > 1 else "It"), part


def where_it_holds(part: Sequence[Comparison], title: str) -> str:
    """Say in how many comparisons the claim holds and fails, and in which."""
    among = counted(len(part), "comparison")
    holds, fails = [c for c in part if c.holds], [c for c in part if c.fails]
    rest = [c for c in part if c.open]
    return (
        f"{title} holds in {len(holds)} of {among}{names(holds, part)}, fails in {len(fails)}"
        f"{names(fails, part)} and is open in {len(rest)}{names(rest, part)}."
    )


def names(those: Sequence[Comparison], part: Sequence[Comparison]) -> str:
    """Return some comparisons by name, in brackets; nothing where it is none or all."""
    if not those or len(those) == len(part):
        return ""
    several = len({c.against for c in part}) > 1
    return f" ({few([c.instance + (f' against {c.against}' if several else '') for c in those])})"


# What is uneven


def uneven(found: Compared) -> Iterator[str]:
    """Yield which comparisons there are not, and which seeds take no part."""
    lacking = [f"{c.instance} against {c.against}: {c.why}" for c in found.comparisons if c.why]
    if lacking:
        yield f"Not compared, and counted as open: {few(lacking)}."
    alone = [c for c in found.comparisons if c.alone]
    if alone:
        cells, most = counted(len(alone), "comparison"), max(c.alone for c in alone)
        yield f"In {cells} one side has seeds that the other has not, up to {most}; they take no part."
    there = [c for c in found.primary if not c.why]
    if found.rule.paired == "seed" and len({len(c.units) for c in there} | {len(found.units)}) > 1:
        yield f"Seeds are uneven: together only those count that all comparisons have, {len(found.units)}."


def without_end(found: Compared) -> Iterator[str]:
    """Yield where there is nothing to learn, and where an interval has no ends."""
    nobody = dict.fromkeys(c.instance for c in found.comparisons if c.neither == 1)
    if nobody:
        yield f"Neither side ever arrives, and nothing is learnt, in {few(list(nobody))}."
    ties = [c.instance for c in found.comparisons if len(c.units) and not c.units.any() and c.neither < 1]
    if ties:
        yield f"Both sides are exactly equal, which leaves it open, in {few(list(dict.fromkeys(ties)))}."
    ends = (-np.inf, np.inf)
    short = [c for c in found.comparisons if len(c.units) and (c.effect.low, c.effect.high) == ends]
    infinite = [c for c in short if found.rule.average == "mean" and np.isinf(c.units).any()]
    if infinite:
        where = few([c.instance for c in infinite])
        yield f"Some runs are infinitely bad, so that a mean has no interval, in {where}; a median has."
    scarce = [c for c in short if c not in infinite and c.neither < 1]
    if scarce:
        word, least = unit_word(found.rule), min(len(c.units) for c in scarce)
        are = counted(least, f"{word} is", f"{word}s are")
        yield f"{are} too few for an interval in {counted(len(scarce), 'comparison')}."


def never(found: Compared) -> Iterator[str]:
    """Yield which sides diverged in every run on an instance, and which never arrived in some runs shown."""
    runs = found.sides.runs
    lost = runs["status"].eq("diverged").groupby([runs[key] for key in PAIR], observed=True).all()
    if lost.any():
        yield f"Every run diverged of {few([f'{pair[1]} on {pair[0]}' for pair in lost.index[lost]])}."
    for (name, settings), scores in found.scores.items():
        table = scores.table
        if not len(table) or not table["never"].any():
            continue
        shares = table.groupby(PAIR, observed=True)["never"].mean()
        some = shares[shares > 0]
        cells = [
            f"{pair[1]} on {pair[0]} ({share:.0%} of the seeds)"
            for pair, share in zip(some.index, some, strict=True)
        ]
        at = f", settings {settings}," if len(found.scores) > 1 else ""
        if name.startswith("hit_"):
            yield f"The target {name.removeprefix('hit_')} is never reached{at} by {few(cells)}."
        else:
            yield f"The {name.replace('_', ' ')} is infinite{at} for {few(cells)}."


# What would decide


def what_would_decide(found: Compared) -> str:
    """Say how many seeds or instances would decide, were the effects as they are seen."""
    rule, word = found.rule, unit_word(found.rule)
    if rule.paired == "no":
        return "Undecided; how many runs would decide is reckoned for pairs only."
    counts = [(needed(c, rule), c) for c in found.comparisons if c.open and not c.why and c.neither < 1]
    finite = [pair for pair in counts if np.isfinite(pair[0])]
    even = [c.instance for count, c in counts if np.isinf(count)]
    parts = ["Undecided."]
    if finite:
        most, where = max(finite, key=lambda pair: pair[0])
        place = "" if rule.paired == "instance" else f" on {where.instance}"
        parts.append(
            "To decide with probability 0.8, were the effects as they are seen, takes about "
            f"{counted(int(most), word)}; there are {len(where.units)}{place}, against {where.against}."
        )
    if even:
        parts.append(f"No number of {word}s would where what is seen is as even as on {few(even)}.")
    if not counts:
        parts.append(f"There is nothing to compare: more {word}s would not help, other runs would.")
    return " ".join([*parts, *over_instances(found)])


def over_instances(found: Compared) -> Iterator[str]:
    """Yield how many instances it would take, were instances the unit; nothing for fewer than two."""
    effects = [c.effect.value for c in found.primary if not c.why and np.isfinite(c.effect.value)]
    if found.rule.paired == "instance" or len(effects) < 2:
        return
    whole = Comparison(found.rule.measures[0], "", "", "", ahead=pd.Series(effects))
    count = needed(whole, found.rule)
    if np.isfinite(count):
        instances = counted(int(count), "instance")
        yield f"For instances as the unit it takes about {instances}; there are {len(effects)}."
