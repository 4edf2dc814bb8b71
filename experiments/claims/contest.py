"""What the findings of Schmidt, Schneider & Hennig (2021) are decided on: the final losses of contenders.

A cell is a problem instance under a schedule. In each, every contender ran at its defaults and at what
each tuning budget chose, on seeds that chose nothing. A run that diverged counts as infinitely bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from experiments.claims.base import Evidence, Interval, Variant, Verdict, over_seeds
from experiments.request.settings import is_hyperparameter
from experiments.tables import instance_labels, labelled
from experiments.tuning import FIRST_TUNING_SEED, best_flags, budget_of
from experiments.wording import counted

CELL = ["problem", "schedule"]
DEFAULTS = 0
"""The budget of those that were not tuned, in trials."""

Array = NDArray[np.float64]
Draws = NDArray[np.int64]
ABSENT = {
    "target": "there is no target: the loss after the last step counts",
    "selection rule": "the searches chose by that loss on a seed of their own",
}


@dataclass(frozen=True)
class Contest:
    """The final losses of contenders.

    Attributes:
        loss: (budgets, cells, contenders, seeds); infinite for a run that diverged.
        budgets: trials of each search, ascending; ``DEFAULTS`` for none.
        cells: (problem instance, schedule) each.
        contenders: their names.
        left_out: cells that do not have every contender at every budget on every seed.
    """

    loss: Array
    budgets: tuple[int, ...]
    cells: tuple[tuple[str, str], ...]
    contenders: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def schedules(self) -> tuple[str, ...]:
        """The schedules, in the order of the cells."""
        return tuple(dict.fromkeys(schedule for _, schedule in self.cells))

    @property
    def instances(self) -> tuple[str, ...]:
        """The problem instances, in the order of the cells."""
        return tuple(dict.fromkeys(instance for instance, _ in self.cells))

    @property
    def seeds(self) -> int:
        """How many seeds each run was repeated on."""
        return int(self.loss.shape[-1])

    def at(self, budget: int) -> Array:
        """Return the losses at one budget, (cells, contenders, seeds)."""
        return np.asarray(self.loss[self.budgets.index(budget)])

    def under(self, schedule: str) -> Contest:
        """Return the cells of one schedule."""
        kept = [number for number, cell in enumerate(self.cells) if cell[1] == schedule]
        return replace(self, loss=self.loss[:, kept], cells=tuple(self.cells[number] for number in kept))

    def said_of_holes(self) -> str:
        """Return a sentence on what was left out; empty if nothing was."""
        if not self.left_out:
            return ""
        return f" {counted(len(self.left_out), 'cell')} left out, not every contender having every run there."


def contest_of(evidence: Evidence) -> Contest:
    """Return the contest that runs and searches make up.

    Raises:
        ValueError: no cell has every contender at every budget.
    """
    losses = reported_losses(evidence)
    seeds, contenders, budgets = (sorted(losses[key].unique()) for key in ("seed", "optimizer", "budget"))
    columns = pd.MultiIndex.from_product([budgets, contenders, seeds])
    wide = losses.pivot_table(index=CELL, columns=["budget", "optimizer", "seed"], values="loss")
    wide = wide.reindex(columns=columns)
    whole = wide.notna().all(axis=1)
    if not whole.any():
        raise ValueError("no problem has every contender at its defaults and at every budget, on every seed")
    shape = (int(whole.sum()), len(budgets), len(contenders), len(seeds))
    return Contest(
        loss=wide[whole].to_numpy(np.float64).reshape(shape).swapaxes(0, 1),
        budgets=tuple(int(budget) for budget in budgets),
        cells=tuple(wide.index[whole]),
        contenders=tuple(contenders),
        left_out=tuple(wide.index[~whole]),
    )


def reported_losses(evidence: Evidence) -> pd.DataFrame:
    """Return the final losses on seeds that chose nothing: problem, schedule, optimizer, budget, seed, loss.

    What no search drew are defaults.
    """
    assert evidence.selections is not None
    runs = labelled(evidence.runs)
    runs = runs.assign(problem=instance_labels(runs).astype(str))
    runs = runs[runs["seed"] < FIRST_TUNING_SEED]
    trials = evidence.selections
    constants = [key for key in map(str, trials) if key.startswith("problem.") and key in evidence.runs]
    keys = [key for key in map(str, trials) if is_hyperparameter(key) and key in evidence.runs]
    by = [*dict.fromkeys(["optimizer", "schedule", *keys, *constants])]
    name = evidence.runs.loc[runs.index, "problem"].astype(str).rename("name")
    values = pd.concat([comparable(evidence.runs.loc[runs.index, by]), name], axis=1)
    drawn = pd.concat([comparable(trials[by]), trials["problem"].astype(str).rename("name")], axis=1)
    result = runs[[*CELL, "optimizer", "seed"]].astype({"schedule": str, "optimizer": str})
    result = result.assign(loss=runs["loss"].astype(float).fillna(np.inf))
    match = pd.MultiIndex.from_frame(values)
    parts = [result[~match.isin(pd.MultiIndex.from_frame(drawn))].assign(budget=DEFAULTS)]
    for flag in best_flags(trials):
        best = drawn[trials[flag].eq(True)]
        parts.append(result[match.isin(pd.MultiIndex.from_frame(best))].assign(budget=budget_of(flag)))
    return pd.concat(parts, ignore_index=True)


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return settings as words, which are equal where the values are, NaN and None too."""
    return frame.astype(object).where(frame.notna(), None).map(str)


# Statistics of some draws of the seeds, (draws, seeds) of positions; what they return begins with the draws


def medians(losses: Array, draws: Draws) -> Array:
    """Return the median over each draw of the seeds, (draws, ...); ``losses`` is (..., seeds)."""
    drawn = np.sort(losses[..., draws], axis=-1)
    middle = drawn[..., (drawn.shape[-1] - 1) // 2]  # the lower one: a mean with infinity is none
    return np.moveaxis(middle, -1, 0)


def ranks(losses: Array, draws: Draws) -> Array:
    """Return the ranks of the contenders in each cell, (draws, cells, contenders), the best is 1."""
    return np.asarray(rankdata(medians(losses, draws), axis=-1))


def interval(seeds: int, statistic: Callable[[Draws], Array], resamples: int = 500) -> Interval:
    """Return a statistic with the interval that drawing the seeds anew gives; some draws at a time."""

    def in_parts(draws: Draws) -> Array:
        return np.concatenate([statistic(part) for part in np.array_split(draws, -(-len(draws) // 50))])

    return over_seeds(seeds, in_parts, at_once=True, resamples=resamples)


def otherwise(contest: Contest, decide: Callable[[Contest, int], Verdict], budget: int) -> Iterator[Variant]:
    """Yield the verdicts at other budgets, and under each schedule alone."""
    for other in contest.budgets:
        if other != budget:
            yield Variant("budget", made_with(other), decide(contest, other))
    for schedule in contest.schedules if len(contest.schedules) > 1 else ():
        yield Variant("schedules", f"{schedule} alone", decide(contest.under(schedule), budget))


def made_with(budget: int) -> str:
    """Say what the settings of a budget were chosen with: "defaults", or so many trials."""
    return counted(budget, "trial") if budget != DEFAULTS else "defaults"


def rank_table(contest: Contest) -> pd.DataFrame:
    """Return the mean rank of each contender over the cells: optimizer, a column for each budget."""
    everything = np.arange(contest.seeds)[None]
    found = {
        made_with(budget): ranks(contest.at(budget), everything)[0].mean(axis=0) for budget in contest.budgets
    }
    table = pd.DataFrame({"optimizer": contest.contenders, **found})
    return table.sort_values(table.columns[-1], ignore_index=True)


def ranks_by_cell(contest: Contest, budget: int) -> pd.DataFrame:
    """Return the rank of each contender in each cell: problem, schedule, optimizer, rank."""
    found = ranks(contest.at(budget), np.arange(contest.seeds)[None])[0]
    rows = [
        (*cell, name, rank)
        for cell, in_cell in zip(contest.cells, found, strict=True)
        for name, rank in zip(contest.contenders, in_cell, strict=True)
    ]
    return pd.DataFrame(rows, columns=[*CELL, "optimizer", "rank"])


def winner_table(contest: Contest, budget: int) -> pd.DataFrame:
    """Return the best contender of each cell: problem, schedule, best, median loss, the second, its loss."""
    middle = medians(contest.at(budget), np.arange(contest.seeds)[None])[0]
    rows = []
    for (instance, schedule), losses in zip(contest.cells, middle, strict=True):
        first, second = np.argsort(losses, kind="stable")[:2]
        rows.append(
            (
                instance,
                schedule,
                contest.contenders[first],
                losses[first],
                contest.contenders[second],
                losses[second],
            )
        )
    return pd.DataFrame(rows, columns=[*CELL, "best", "median loss", "second", "its median loss"])
