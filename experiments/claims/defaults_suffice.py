"""defaults_suffice: trying several optimizers at their defaults does about as well as tuning one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments import figures
from experiments.claims.base import Evidence, Finding, Verdict, claim, pictures
from experiments.claims.contest import (
    ABSENT,
    DEFAULTS,
    Array,
    Contest,
    Draws,
    contest_of,
    interval,
    medians,
    otherwise,
    ranks_by_cell,
)
from experiments.figures.parts import Part, Picture
from experiments.wording import counted

HALF = 0.5


@claim(
    "defaults_suffice",
    of="crowded_valley",
    statement="Trying several optimizers at their defaults does about as well as tuning one of them.",
    experiment="crowded_valley",
    predicate=(
        "For each problem, schedule and optimizer tuned with the most trials: is the best of the other "
        "optimizers at its defaults at least as good? It is chosen by the median of the final loss on the "
        "first five seeds, and both are compared by the median on the other five. Reproduced if so in at "
        "least half of all cases, by the interval over seeds; refuted if in less than half; else "
        "undecided."
    ),
)
def decide(evidence: Evidence) -> Finding:
    contest = contest_of(evidence)
    budget = contest.budgets[-1]
    share = interval(contest.seeds // 2, lambda draws: not_worse(contest, budget, draws).mean(axis=(1, 2)))
    return Finding(
        verdict=verdict(contest, budget),
        effect=share,
        unit="share of cases in which the best of the others' defaults is at least as good as one tuned",
        evidence=(
            f"The best of {counted(len(contest.contenders) - 1, 'default')} is at least as good as one tuned "
            f"optimizer in a share {share} of the cases.{contest.said_of_holes()}"
        ),
        tables={"Where the best default is at least as good": share_table(contest)},
        variants=(each for each in otherwise(contest, verdict, budget) if each.otherwise != "defaults"),
        absent=ABSENT,
    )


@pictures("defaults_suffice")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the ranks of all at their defaults."""
    table = ranks_by_cell(contest_of(evidence), DEFAULTS)
    caption = "Ranks by the median of the final loss, each at its defaults"
    yield Picture("defaults_suffice_ranks", caption, figures.rank_map(table), table)


def not_worse(contest: Contest, budget: int, draws: Draws) -> Array:
    """Return whether the best of the others' defaults is at least as good, (draws, cells, contenders).

    ``draws`` are positions in either half of the seeds.
    """
    half = contest.seeds // 2
    defaults = contest.at(DEFAULTS)
    first = medians(defaults[..., :half], draws)
    then = medians(defaults[..., half : 2 * half], draws)
    tuned = medians(contest.at(budget)[..., half : 2 * half], draws)
    found = np.empty_like(tuned)
    for number in range(len(contest.contenders)):
        others = first.copy()
        others[..., number] = np.nan
        chosen = np.argmin(np.where(np.isnan(others), np.inf, others), axis=-1)
        if number == 0:  # where all others diverged it is the first of them, not this one
            chosen = np.maximum(chosen, 1)
        best = np.take_along_axis(then, chosen[..., None], axis=-1)[..., 0]
        found[..., number] = best <= tuned[..., number]
    return found


def share_table(contest: Contest) -> pd.DataFrame:
    """Return the share of cases by problem, a column for each budget of the tuned one."""
    draws = np.arange(contest.seeds // 2)[None]
    instances = [instance for instance, _ in contest.cells]
    shares = {
        counted(budget, "trial"): pd.Series(not_worse(contest, budget, draws)[0].mean(axis=1))
        .groupby(instances)
        .mean()
        for budget in contest.budgets
        if budget != DEFAULTS
    }
    return pd.DataFrame(shares).rename_axis("problem").reset_index()


def verdict(contest: Contest, budget: int) -> Verdict:
    share = interval(contest.seeds // 2, lambda draws: not_worse(contest, budget, draws).mean(axis=(1, 2)))
    if share.low >= HALF:
        return Verdict.REPRODUCED
    return Verdict.REFUTED if share.high < HALF else Verdict.UNDECIDED
