"""Whether two studies of the same runs say the same: best settings, ranks, who is better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from experiments import inference, measures, tables
from experiments.inference.estimate import Array
from experiments.tables.varying import LR, PAIR, varying_settings
from experiments.together.differences import shared_numbers
from experiments.together.matching import Matched, settings_in
from experiments.tuning.protocol import Budget, budgets, split

FEWEST_INSTANCES = 3  # from which two optimizers are compared over problems
LEVEL = 0.05  # of the tests
FLOOR = 1e-16  # smaller numbers differ by rounding only
BEST = [*PAIR, "setting", "other_setting", "median", "other_median", "rank", "other_rank", "differs"]
BETTER = ["over", "optimizers", "instances", "better", "other_better", "p", "other_p", "differs"]
NOBODY = "not shown"


@dataclass(frozen=True)
class Standing:
    """What a study says of some runs.

    Attributes:
        best: problem, optimizer, setting in words, median, rank.
        better: over (which budget), optimizers (a pair), instances, better (who is, or nobody), p.
    """

    best: pd.DataFrame
    better: pd.DataFrame


def standings(found: Matched, measure: str) -> tuple[Standing, Standing]:
    """Return what each study says of the runs that both have.

    The settings are those of the first in both, so that what was ignored to match them plays no part.
    """
    settings, numbers = settings_in(found.one), shared_numbers(found)
    both = [
        pd.concat([found.one[["run", *settings]], side[numbers]], axis=1) for side in (found.one, found.other)
    ]
    return standing(both[0], measure), standing(both[1], measure)


def standing(runs: pd.DataFrame, measure: str) -> Standing:
    """Return the best settings and ranks in a study, and which optimizers are better over its problems."""
    parts = split(runs)
    chosen = tables.settings_shown(parts.choosing, parts.shown, measure)
    keys = {name: words_of(part) for name, part in runs.groupby(runs["optimizer"].astype(str))}
    cost = tables.measure_of(measure, runs.columns).cost(chosen["median"])
    best = pd.DataFrame(
        {
            "problem": chosen["problem"].astype(str),
            "optimizer": chosen["optimizer"].astype(str),
            "setting": [in_words(row, keys[str(row["optimizer"])]) for _, row in chosen.iterrows()],
            "median": chosen["median"],
            "rank": cost.groupby(chosen["problem"], observed=True).rank(),
        }
    )
    rows = [row for budget in budgets(parts, ()) for row in pairs_of(budget, measure)]
    columns = ["over", "optimizers", "instances", "better", "p"]
    return Standing(best, pd.DataFrame(rows, columns=columns))


def words_of(runs: pd.DataFrame) -> list[str]:
    """Return the hyperparameters that tell an optimizer's settings apart, its learning rate always."""
    varied = varying_settings(runs)
    return [LR, *(key for key in varied if key != LR)] if LR in runs else varied


def in_words(row: pd.Series, keys: list[str], digits: int = 6) -> str:
    """Return a setting as it is typed: lr=0.1 beta=0.9."""
    given = [(key.removeprefix("optimizer."), row.get(key)) for key in keys]
    return " ".join(f"{name}={tables.text(value, digits)}" for name, value in given if pd.notna(value)) or "-"


def pairs_of(budget: Budget, measure: str) -> Iterator[tuple[str, str, int, str, float]]:
    """Yield who of each two optimizers is better over the instances that both ran on, at their best settings.

    By Wilcoxon's signed-rank test of the pairs, Holm's method over all of them, as in a report.
    """
    parts = budget.split
    best = tables.best_settings(parts.choosing, measure, parts.shown)
    costs = measures.instance_costs(tables.runs_at(parts.shown, best), measure)
    both = {pair: costs[list(pair)].dropna() for pair in combinations(map(str, costs), 2)}
    enough = {
        f"{a}, {b}": apart(held[a], held[b]) for (a, b), held in both.items() if len(held) >= FEWEST_INSTANCES
    }
    tests = inference.wilcoxon_holm(enough, alpha=LEVEL) if enough else {}
    for name, test in tests.items():
        first, _, second = name.partition(", ")
        winner = first if test.below > test.above else second
        yield budget.said or "all", name, test.pairs, winner if test.significant else NOBODY, test.p_holm


def apart(one: pd.Series, other: pd.Series) -> Array:
    """Return how far costs lie apart on each instance: as ratios, or differences if some are negative."""
    if min(one.min(), other.min()) < 0:  # an accuracy with its sign turned
        return inference.paired_differences(one, other)
    return inference.paired_differences(one.clip(lower=FLOOR), other.clip(lower=FLOOR), of="ratio")


# Two standings beside each other


def best_beside(one: Standing, other: Standing) -> pd.DataFrame:
    """Return the best settings and ranks of two studies side by side: ``BEST``."""
    table = one.best.merge(
        other.best.rename(columns={key: f"other_{key}" for key in ("setting", "median", "rank")}),
        on=PAIR,
        how="outer",
    )
    differs = (table["setting"] != table["other_setting"]) | (table["rank"] != table["other_rank"])
    return table.assign(differs=differs)[BEST]


def better_beside(one: Standing, other: Standing) -> pd.DataFrame:
    """Return who is better over the problems by two studies side by side: ``BETTER``."""
    keys = ["over", "optimizers", "instances"]
    table = one.better.merge(
        other.better.rename(columns={"better": "other_better", "p": "other_p"}), on=keys, how="outer"
    )
    return table.assign(differs=table["better"] != table["other_better"])[BETTER]
