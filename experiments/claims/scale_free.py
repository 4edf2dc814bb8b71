"""scale_free (ours): a constant factor on the loss does no harm to RMSprop, and would to SGD."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.claims.base import Evidence, Finding, Interval, Verdict, claim, over_seeds

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
    at_factor = moves[moves[SCALE] == ARTICLE_FACTOR]
    rmsprop, sgd = (
        median_over_seeds(at_factor[at_factor["optimizer"] == name]) for name in ("rmsprop", "sgd")
    )
    table = move_table(moves)
    worst = table.loc[table["optimizer"] == "rmsprop", "median share moved"].max()
    return Finding(
        verdict=verdict(rmsprop, sgd),
        effect=sgd,
        unit="share of the way that the path of SGD moves at the factor 2",
        evidence=(
            f"At the factor 2 the path of RMSprop moves by {rmsprop} of the way from start to minimiser, "
            f"that of SGD by {sgd}; at any factor from 0.001 to 1000 that of RMSprop by {worst:.2g} at most."
        ),
        tables={"How far the path moves": table},
    )


def verdict(rmsprop: Interval, sgd: Interval) -> Verdict:
    if rmsprop.low > HARM:
        return Verdict.REFUTED
    return Verdict.REPRODUCED if rmsprop.high < HARM and sgd.low > HARM else Verdict.PARTLY


def moves_by_seed(evidence: Evidence) -> pd.DataFrame:
    """Return one row per optimizer, scale and seed: the share of the way that the path moved."""
    paths = {str(run): path_of(part) for run, part in evidence.history.groupby("run", observed=True)}
    first = evidence.history[evidence.history["step"] == 0]
    way = dict(zip(first["run"].astype(str), first["distance"], strict=True))
    rows = []
    runs = evidence.runs
    for (optimizer, seed), part in runs.groupby([runs["optimizer"].astype(str), "seed"]):
        [base] = part.loc[part[SCALE] == 1, "run"]
        for _, row in part[part[SCALE] != 1].iterrows():
            gap = np.linalg.norm(paths[str(row["run"])] - paths[str(base)], axis=1)
            moved = np.inf if np.isnan(gap).any() else gap.max() / way[str(row["run"])]
            rows.append((optimizer, row[SCALE], seed, moved))
    return pd.DataFrame(rows, columns=["optimizer", SCALE, "seed", "moved"])


def path_of(history: pd.DataFrame) -> np.ndarray:
    columns = [str(column) for column in history if str(column).startswith("params.")]
    return history.sort_values("step")[columns].to_numpy(float)


def median_over_seeds(rows: pd.DataFrame) -> Interval:
    values = rows["moved"].to_numpy(float)
    return over_seeds(len(values), lambda drawn: float(np.median(values[drawn])))


def move_table(moves: pd.DataFrame) -> pd.DataFrame:
    medians = moves.groupby(["optimizer", SCALE])["moved"].median().rename("median share moved")
    return medians.reset_index().rename(columns={SCALE: "factor"})
