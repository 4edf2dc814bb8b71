"""no_dominance: no optimizer is best on most problems."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Finding, Verdict, claim
from experiments.claims.contest import (
    ABSENT,
    Array,
    Contest,
    Draws,
    contest_of,
    interval,
    medians,
    otherwise,
    winner_table,
)
from experiments.wording import counted

HALF = 0.5


@claim(
    "no_dominance",
    of="crowded_valley",
    statement="No optimizer dominates the others across problems.",
    experiment="crowded_valley",
    predicate=(
        "On each problem under each schedule the optimizer with the lowest median of the final loss over "
        "ten seeds is the best, each tuned with the most trials; the share that the most successful one "
        "is best in counts, with its interval over seeds. Reproduced if the interval lies at or below a "
        "half; refuted if it lies above; else undecided."
    ),
)
def decide(evidence: Evidence) -> Finding:
    contest = contest_of(evidence)
    budget = contest.budgets[-1]
    share = interval(contest.seeds, lambda draws: wins(contest, budget, draws).max(axis=-1))
    won = wins(contest, budget, np.arange(contest.seeds)[None])[0]
    return Finding(
        verdict=verdict(contest, budget),
        effect=share,
        unit="share of problems and schedules that the most successful optimizer is best in",
        evidence=(
            f"The most successful optimizer, {contest.contenders[int(won.argmax())]}, is best in a share "
            f"{share} of {counted(len(contest.cells), 'cell')}; "
            f"{counted(int((won > 0).sum()), 'optimizer')} are best in some.{contest.said_of_holes()}"
        ),
        tables={
            "How often each is best": pd.DataFrame(
                {"optimizer": contest.contenders, "share": won}
            ).sort_values("share", ascending=False, kind="stable", ignore_index=True),
            "The best of each cell": winner_table(contest, budget),
        },
        variants=otherwise(contest, verdict, budget),
        absent=ABSENT,
    )


def wins(contest: Contest, budget: int, draws: Draws) -> Array:
    """Return the share of cells that each contender is best in, (draws, contenders); a tie is shared."""
    middle = medians(contest.at(budget), draws)
    best = (middle == middle.min(axis=-1, keepdims=True)).astype(np.float64)
    return np.asarray((best / best.sum(axis=-1, keepdims=True)).mean(axis=1))


def verdict(contest: Contest, budget: int) -> Verdict:
    share = interval(contest.seeds, lambda draws: wins(contest, budget, draws).max(axis=-1))
    if share.high <= HALF:
        return Verdict.REPRODUCED
    return Verdict.REFUTED if share.low > HALF else Verdict.UNDECIDED
