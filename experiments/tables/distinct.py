"""Each setting and seed once, of runs that may have been recorded several times."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from experiments.engine.backend import BACKEND


def distinct(runs: pd.DataFrame, preferred: Collection[str] = ()) -> pd.DataFrame:
    """Return each setting and seed once, whatever was recorded of it; of several a preferred run."""
    if runs.empty:
        return runs
    keys = [
        str(c)
        for c in runs
        if str(c).startswith(("optimizer", "schedule", "problem")) or c in ("seed", "steps", *BACKEND)
    ]
    order = np.argsort(~runs["run"].isin(preferred).to_numpy(), kind="stable")
    return runs.iloc[order].drop_duplicates(keys).sort_index().reset_index(drop=True)
