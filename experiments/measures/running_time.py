"""Expected running time: gradients to a target when an unsuccessful run is started again."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.measures.hits import hit_times
from experiments.tables import PAIR
from experiments.tables.varying import hyperparameters


def expected_running_time(runs: pd.DataFrame, targets: Sequence[float] = ()) -> pd.DataFrame:
    """Return the expected running time (ERT) per instance, optimizer, setting and target.

    ERT is the number of gradient evaluations in all runs until they hit the target, or until
    they end if they never do, over the number of runs that hit it: Auger and Hansen (2005);
    Hansen et al. (2016), COCO: Performance Assessment, section Average Runtime, aRT. It
    estimates E[RT_s] + (1 - p) / p E[RT_us], the mean steps of a strategy that restarts
    unsuccessful runs, which hit with probability p. It is infinite where no run hit.

    A run that diverged spent all the steps it was given: nothing in it says "stop here",
    and a rule should not gain from diverging early.

    Returns:
        Columns: problem, optimizer, every hyperparameter, target, runs, successes, success
        (their share), ert (gradient evaluations).
    """
    hits = hit_times(runs, targets)
    keys = [*PAIR, *hyperparameters(hits), "target"]
    hits = hits.assign(reached=np.isfinite(hits["hit"].astype(float)))
    groups = hits.groupby(keys, observed=True, dropna=False)
    table = groups.agg(runs=("spent", "size"), successes=("reached", "sum"), spent=("spent", "sum"))
    table = table.reset_index().sort_values(keys, ascending=[key != "target" for key in keys])
    table["success"] = table["successes"] / table["runs"]
    table["ert"] = (table["spent"] / table["successes"].where(table["successes"] > 0)).fillna(np.inf)
    return table[[*keys, "runs", "successes", "success", "ert"]].reset_index(drop=True)
