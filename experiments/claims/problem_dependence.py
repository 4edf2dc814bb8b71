"""problem_dependence: how well an optimizer does depends on the problem."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments import figures
from experiments.claims.base import Evidence, Finding, Verdict, claim, pictures
from experiments.claims.contest import (
    ABSENT,
    Array,
    Contest,
    Draws,
    contest_of,
    interval,
    otherwise,
    rank_table,
    ranks,
    ranks_by_cell,
    winner_table,
)
from experiments.figures.parts import Part, Picture
from experiments.wording import counted

AGREE = 0.7
FEWEST_WINNERS = 3


@claim(
    "problem_dependence",
    of="crowded_valley",
    statement="How well an optimizer does depends on the problem.",
    experiment="crowded_valley",
    predicate=(
        "Under each schedule the problems rank the optimizers by the median of the final loss over ten "
        "seeds, each tuned with the most trials, and Kendall's W says how much the rankings agree, from 0 "
        "to 1; the mean of W over the schedules counts, with its interval over seeds. Reproduced if the "
        f"interval lies below {AGREE} and at least {FEWEST_WINNERS} optimizers are best on some problem; "
        "refuted if it lies above, or one optimizer is best on all; partly if it lies below and two are; "
        "else undecided."
    ),
)
def decide(evidence: Evidence) -> Finding:
    contest = contest_of(evidence)
    budget = contest.budgets[-1]
    agreement = interval(contest.seeds, lambda draws: concordance(contest, budget, draws))
    winners = winner_table(contest, budget)
    return Finding(
        verdict=verdict(contest, budget),
        effect=agreement,
        unit="Kendall's W, the agreement of the problems' rankings",
        evidence=(
            f"{counted(len(contest.instances), 'problem')} rank "
            f"{counted(len(contest.contenders), 'optimizer')} with a Kendall's W of {agreement}, and "
            f"{counted(winners['best'].nunique(), 'optimizer')} are best somewhere.{contest.said_of_holes()}"
        ),
        tables={"Best on each problem": winners, "Mean ranks": rank_table(contest)},
        variants=otherwise(contest, verdict, budget),
        absent=ABSENT,
    )


@pictures("problem_dependence")
def draw(evidence: Evidence) -> Iterator[Part]:
    """Yield the ranks of all on all problems."""
    contest = contest_of(evidence)
    budget = contest.budgets[-1]
    table = ranks_by_cell(contest, budget)
    caption = f"Ranks by the median of the final loss, each tuned with {counted(budget, 'trial')}"
    yield Picture("problem_dependence_ranks", caption, figures.rank_map(table), table)


def concordance(contest: Contest, budget: int, draws: Draws) -> Array:
    """Return Kendall's W (Kendall & Babington Smith, 1939, without its correction for ties), (draws,).

    It is that of the problems, as judges, under each schedule; the mean over the schedules.
    """
    found = []
    for schedule in contest.schedules:
        by_problem = ranks(contest.under(schedule).at(budget), draws)
        _, judges, count = by_problem.shape
        spread = by_problem.sum(axis=1).var(axis=-1) * count
        found.append(12 * spread / (judges**2 * (count**3 - count)))
    return np.asarray(np.mean(found, axis=0))


def verdict(contest: Contest, budget: int) -> Verdict:
    agreement = interval(contest.seeds, lambda draws: concordance(contest, budget, draws))
    winners = winner_table(contest, budget)["best"].nunique()
    if agreement.low > AGREE or winners == 1:
        return Verdict.REFUTED
    if agreement.high >= AGREE:
        return Verdict.UNDECIDED
    return Verdict.REPRODUCED if winners >= FEWEST_WINNERS else Verdict.PARTLY
