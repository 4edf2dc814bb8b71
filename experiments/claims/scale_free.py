"""scale_free (ours): a constant factor on the loss does no harm to RMSprop, and would to SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from experiments import figures
from experiments.claims.base import (
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    earlier_steps,
    over_seeds,
    pictures,
)
from experiments.figures.drawings import NAMES
from experiments.figures.parts import Part, Picture

SCALE = "problem.scale"
ARTICLE_FACTOR = 2.0
HARM = 0.05


@claim(
    "scale_free",
    statement=(
        "The factor of 2 between the article's loss and its gradient does no harm to RMSprop, and would to "
        "SGD (a claim of ours)."
    ),
    experiment="scale_free",
    predicate=(
        "How far the path moves when the loss is multiplied: the largest distance between the two paths "
        "at the same recorded step, as a share of the distance from start to minimiser, median over "
        "seeds; a path that diverges moves infinitely far. "
        f"Reproduced if at the factor 2 RMSprop moves by less than {HARM:.0%} and SGD by more (bootstrap "
        "intervals); refuted if RMSprop moves by more; else partly."
    ),
)
def decide(evidence: Evidence) -> Finding:
    moves = moves_by_seed(evidence)
    rmsprop, sgd = moved_at(moves)
    table = move_table(moves)
    worst = table.loc[table["optimizer"] == "rmsprop", "median share moved"].max()
    decided = verdict(rmsprop, sgd)
    return Finding(
        verdict=decided,
        effect=sgd,
        unit="share of the way that the path of SGD moves at the factor 2",
        evidence=(
            f"At the factor 2 the path of RMSprop moves by {rmsprop} of the way from start to minimiser, "
            f"that of SGD by {sgd}; at any factor from 0.001 to 1000 that of RMSprop by {worst:.2g} at most."
        ),
        tables={"How far the path moves": table},
        variants=variants(evidence, moves),
        absent={"selection rule": "nothing is selected, as all run at one learning rate"},
    )


def verdict(rmsprop: Interval, sgd: Interval, harm: float = HARM) -> Verdict:
    if rmsprop.low > harm:
        return Verdict.REFUTED
    return Verdict.REPRODUCED if rmsprop.high < harm and sgd.low > harm else Verdict.PARTLY


def variants(evidence: Evidence, moves: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule with other shares that count as harm, fewer steps, averages and factors."""
    for harm in (0.01, 0.02, 0.1):
        yield Variant("target", f"{harm:.0%} of the way", verdict(*moved_at(moves), harm))
    for steps in earlier_steps(evidence, (0.1, 0.3)):
        part = Evidence(evidence.runs, evidence.history[evidence.history["step"] <= steps])
        yield Variant("budget", f"{steps} steps", verdict(*moved_at(moves_by_seed(part))))
    last = moves_by_seed(evidence, lambda gaps: float(gaps[-1]))
    yield Variant("distance", "at the last step", verdict(*moved_at(last)))
    for name, statistic in (("mean over seeds", np.mean), ("worst seed", np.max)):
        yield Variant("average", name, verdict(*moved_at(moves, statistic=statistic)))
    for factor in sorted(set(moves[SCALE]) - {ARTICLE_FACTOR}):
        yield Variant("factor", f"{factor:g}", verdict(*moved_at(moves, factor)))


def moved_at(
    moves: pd.DataFrame, factor: float = ARTICLE_FACTOR, statistic: Callable[..., Any] = np.median
) -> tuple[Interval, Interval]:
    """Return how far the paths of RMSprop and of SGD move at a factor, over the seeds."""
    rows = moves[moves[SCALE] == factor]
    rmsprop, sgd = (rows.loc[rows["optimizer"] == name, "moved"].to_numpy() for name in ("rmsprop", "sgd"))

    def over(values: np.ndarray) -> Interval:
        return over_seeds(len(values), lambda drawn: statistic(values[drawn], axis=-1), at_once=True)

    return over(rmsprop), over(sgd)


def largest(gaps: np.ndarray) -> float:
    return float(gaps.max())


def moves_by_seed(evidence: Evidence, of: Callable[[np.ndarray], float] = largest) -> pd.DataFrame:
    """Return one row per optimizer, scale and seed: the share of the way that the path moved.

    ``of`` makes one number of the distances at the recorded steps.
    """
    paths = {str(run): path_of(part) for run, part in evidence.history.groupby("run", observed=True)}
    first = evidence.history[evidence.history["step"] == 0]
    way = dict(zip(first["run"].astype(str), first["distance"], strict=True))
    rows = []
    runs = evidence.runs
    for (optimizer, seed), part in runs.groupby([runs["optimizer"].astype(str), "seed"]):
        [base] = part.loc[part[SCALE] == 1, "run"]
        for _, row in part[part[SCALE] != 1].iterrows():
            gaps = np.linalg.norm(paths[str(row["run"])] - paths[str(base)], axis=1)
            moved = np.inf if np.isnan(gaps).any() else of(gaps) / way[str(row["run"])]
            rows.append((optimizer, row[SCALE], seed, moved))
    return pd.DataFrame(rows, columns=["optimizer", SCALE, "seed", "moved"])


def path_of(history: pd.DataFrame) -> np.ndarray:
    columns = [str(column) for column in history if str(column).startswith("params.")]
    return history.sort_values("step")[columns].to_numpy(float)


def move_table(moves: pd.DataFrame) -> pd.DataFrame:
    medians = moves.groupby(["optimizer", SCALE])["moved"].median().rename("median share moved")
    return medians.reset_index().rename(columns={SCALE: "factor"})


@pictures("scale_free")
def draw(evidence: Evidence) -> Iterator[Part]:
    yield Picture(
        "scale_free",
        "How far the path moves when the loss is multiplied by a factor; a path that diverges leaves the "
        "panel at the top",
        figures.dependence(
            move_table(moves_by_seed(evidence)),
            "factor",
            "median share moved",
            xlabel="factor on the loss",
            ylabel="share of the way moved",
            optimizers=NAMES,
        ),
    )
