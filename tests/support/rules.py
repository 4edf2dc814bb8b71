"""What the tests of claims without code share: rules as a file states them, and made-up runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Interval, Verdict
from experiments.claims.rules import Rule, read
from experiments.claims.rules.comparisons import compared
from experiments.claims.rules.evidence import on_scale
from experiments.claims.rules.finding import verdict

ADAM_FASTER = {"compare": "optimizer", "better": "adam", "than": "sgd", "measure": "steps to 1e-2"}
ADAM_LOWER = {"compare": "optimizer", "better": "adam", "than": "sgd", "measure": "loss"}


def rule(base: Mapping[str, Any] = ADAM_LOWER, **more: Any) -> Rule:
    """Return a rule as a file states it, with some keys made otherwise; None leaves one out."""
    given = {key: value for key, value in {**base, **more}.items() if value is not None}
    return read({"statement": "So it is.", "rule": given}, "mine").rule


def made_up(
    number: Callable[[str, str, float, int], float],
    *,
    problems: Sequence[str] = ("ackley", "booth"),
    optimizers: Sequence[str] = ("adam", "sgd"),
    lrs: Sequence[float] = (0.1,),
    seeds: Sequence[int] = range(10),
) -> Evidence:
    """Return runs whose loss, suboptimality and steps to every target are a number of what they are.

    ``number`` takes problem, optimizer, learning rate and seed; where it is infinite the run diverged, and
    where it is NaN it ended well but never arrived.
    """
    rows = []
    for problem, name, lr, seed in product(problems, optimizers, lrs, seeds):
        found = number(problem, name, lr, seed)
        lost = found == np.inf
        rows.append(
            {
                "optimizer": name,
                "problem": problem,
                "seed": seed,
                "steps": 100,
                "schedule": "constant",
                "optimizer.lr": lr,
                "status": "diverged" if lost else "ok",
                "loss": np.nan if lost else np.nan_to_num(found, nan=1.0),
                "suboptimality": np.nan if lost else np.nan_to_num(found, nan=1.0),
                **{f"hit_1e-{digits}": np.nan if lost else found for digits in (1, 2, 3)},
            }
        )
    runs = pd.DataFrame(rows)
    names = {name: runs[name].astype("category") for name in ("optimizer", "problem", "schedule")}
    return Evidence(runs.assign(run=[f"{row:06d}" for row in range(len(runs))], **names), NO_HISTORY)


NO_HISTORY = pd.DataFrame({"run": pd.Series(dtype=str), "step": pd.Series(dtype=int)})


def verdict_of(rule: Rule, evidence: Evidence) -> Verdict:
    """Return the verdict alone, without what it hangs on."""
    return verdict(compared(rule, evidence))


def effect_of(rule: Rule, evidence: Evidence) -> Interval:
    """Return the effect alone."""
    return on_scale(compared(rule, evidence).overall, rule.measures[0])


def ahead(by: float, noise: float = 0.0) -> Callable[[str, str, float, int], float]:
    """Return numbers by which adam is ahead of all others, everywhere, and by chance as well."""

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        draw = np.random.default_rng([seed, len(problem), len(name)]).normal()
        return 10.0 - (by if name == "adam" else 0.0) + noise * draw

    return number
