"""When each run hit each target."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.tables import PAIR, labelled, target_columns
from experiments.tables.measures import fraction
from experiments.tables.varying import hyperparameters, text


def hit_times(runs: pd.DataFrame, targets: Sequence[float] = ()) -> pd.DataFrame:
    """Return one row per run and target, deepest target last.

    Args:
        runs: the table `runs`.
        targets: fractions of the suboptimality at the start, of those recorded; all if empty.

    Returns:
        Columns: problem, optimizer, every hyperparameter, seed, target, hit (the first step
        at which the run was there; infinite for never), spent (steps: ``hit``, or all that
        the run was given, also if it diverged before).

    Raises:
        ValueError: a target that is not recorded.
    """
    runs = labelled(runs)
    keys = [*PAIR, *hyperparameters(runs), "seed"]
    parts = [one_target(runs, keys, column) for column in chosen_columns(runs, targets)]
    columns = [*keys, "target", "hit", "spent"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def chosen_columns(runs: pd.DataFrame, targets: Sequence[float]) -> list[str]:
    """Return the columns of those targets, deepest last; of all targets if none are named."""
    known = {fraction(column): column for column in target_columns(runs)}
    for target in targets:
        if target not in known:
            there = ", ".join(text(value) for value in known)
            raise ValueError(f"targets must be among {there}, got {text(target)}")
    return [column for target, column in known.items() if not len(targets) or target in targets]


def one_target(runs: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    hit = runs[column].astype(float).fillna(np.inf)
    spent = hit.where(np.isfinite(hit), runs["steps"].astype(float))
    return runs[keys].assign(target=fraction(column), hit=hit, spent=spent)
