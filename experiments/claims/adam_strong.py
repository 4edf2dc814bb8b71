"""adam_strong: Adam remains a strong choice."""

from __future__ import annotations

from experiments.claims.base import Evidence, Finding, Interval, Verdict, claim
from experiments.claims.contest import (
    ABSENT,
    DEFAULTS,
    Contest,
    contest_of,
    interval,
    otherwise,
    rank_table,
    ranks,
)
from experiments.wording import counted

ADAM = "adam"
BEST_SHARE = 1 / 3


@claim(
    "adam_strong",
    of="crowded_valley",
    statement="Adam remains a strong choice.",
    experiment="crowded_valley",
    predicate=(
        "The optimizers are ranked on each problem under each schedule by the median of the final loss "
        "over ten seeds, at what each tuning budget chose; Adam's mean rank counts, with its interval "
        "over seeds. Reproduced if, at every budget, the interval lies within the best third of the ranks "
        "(5 of 15); partly if at some; refuted if it lies outside at every budget; else undecided."
    ),
)
def decide(evidence: Evidence) -> Finding:
    contest = contest_of(evidence)
    tuned = [budget for budget in contest.budgets if budget != DEFAULTS]
    rank = mean_rank(contest, tuned[-1])
    among = counted(len(contest.contenders), "optimizer")
    return Finding(
        verdict=verdict(contest, tuned),
        effect=rank,
        unit=f"mean rank of Adam among {among}, tuned with the most trials",
        evidence=(
            f"Adam's mean rank among {among} is "
            + ", ".join(f"{mean_rank(contest, budget)} with {counted(budget, 'trial')}" for budget in tuned)
            + f"; at defaults it is {mean_rank(contest, DEFAULTS)}.{contest.said_of_holes()}"
        ),
        tables={"Mean ranks": rank_table(contest)},
        variants=otherwise(contest, lambda part, budget: verdict(part, [budget]), tuned[-1]),
        absent=ABSENT,
    )


def mean_rank(contest: Contest, budget: int) -> Interval:
    """Return Adam's mean rank over the cells."""
    adam = contest.contenders.index(ADAM)
    return interval(contest.seeds, lambda draws: ranks(contest.at(budget), draws)[..., adam].mean(axis=1))


def verdict(contest: Contest, budgets: list[int]) -> Verdict:
    found = [mean_rank(contest, budget) for budget in budgets]
    last = len(contest.contenders) * BEST_SHARE
    within = [rank.high <= last for rank in found]
    if all(within):
        return Verdict.REPRODUCED
    if any(within):
        return Verdict.PARTLY
    return Verdict.REFUTED if all(rank.low > last for rank in found) else Verdict.UNDECIDED
