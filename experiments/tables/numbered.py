"""A number for each setting, by which a page finds it."""

import pandas as pd

from experiments.tables.varying import PAIR, hyperparameters


def numbered(runs: pd.DataFrame) -> pd.DataFrame:
    """Return labelled ``runs`` with the column ``setting``: 0 … by problem, optimizer, their settings."""
    keys = [*PAIR, *hyperparameters(runs)]
    groups = runs.groupby(keys, dropna=False, observed=True, sort=True)
    return runs.assign(setting=groups.ngroup())
