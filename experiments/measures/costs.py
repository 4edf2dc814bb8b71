"""What each optimizer costs on each instance: the tables that profiles and tests of ranks take."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.measures.hits import hit_times, step_prices
from experiments.measures.running_time import expected_running_time
from experiments.tables import PAIR, by_setting, is_target, labelled, measure_of
from experiments.tables.varying import hyperparameters
from experiments.wording import counted


def instance_costs(runs: pd.DataFrame, measure: str = "suboptimality") -> pd.DataFrame:
    """Return the median over seeds of a measure: a row per instance, a column per optimizer.

    Low is good: an accuracy comes with its sign turned. Numbers up to the measure's floor
    are equal. The steps to a target are counted in gradient evaluations. ``runs`` holds one
    setting per optimizer and instance (``tables.runs_at``).
    NaN where an optimizer did not run.

    Raises:
        ValueError: several settings of an optimizer on an instance.
    """
    check_one_setting(runs)
    if is_target(measure) and measure in runs:
        runs = labelled(runs)
        runs = runs.assign(**{measure: runs[measure].astype(float) * step_prices(runs)})
    table = by_setting(runs, measure)
    table["cost"] = measure_of(measure, runs.columns).cost(table["median"])
    return plain(table.pivot(index="problem", columns="optimizer", values="cost"))


def target_costs(
    runs: pd.DataFrame, targets: Sequence[float] = (), *, statistic: str = "ert"
) -> pd.DataFrame:
    """Return the gradient evaluations to each target: a row per instance and target, a column per optimizer.

    ``statistic`` is ``ert`` (``expected_running_time``) or ``median`` (over seeds; infinite
    where half of the runs or more never hit). Otherwise as ``instance_costs``.
    """
    check_one_setting(runs)
    if statistic not in ("ert", "median"):
        raise ValueError(f"statistic must be ert or median, got {statistic!r}")
    if statistic == "ert":
        table = expected_running_time(runs, targets)
    else:
        groups = hit_times(runs, targets).groupby([*PAIR, "target"], observed=True)["hit"]
        table = groups.median().rename("median").reset_index()
    wide = table.pivot(index=["problem", "target"], columns="optimizer", values=statistic)
    return plain(wide.sort_index(level=[0, 1], ascending=[True, False]))


def check_one_setting(runs: pd.DataFrame) -> None:
    """Raise ValueError unless each optimizer has one setting on each instance."""
    runs = labelled(runs)
    settings = runs[[*PAIR, *hyperparameters(runs)]].drop_duplicates()
    for (problem, optimizer), part in settings.groupby(PAIR, observed=True):
        if len(part) > 1:
            raise ValueError(
                f"{optimizer} has {counted(len(part), 'setting')} on {problem}; take one, "
                "tables.runs_at(runs, tables.best_settings(runs))"
            )


def plain(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the table with plain names and numbers."""
    return costs.astype(float).rename_axis(columns=None)


def checked_costs(costs: pd.DataFrame) -> pd.DataFrame:
    """Return a table of costs as floats; raise ValueError for one that is negative or undefined."""
    costs = costs.astype(float)
    if not (costs >= 0).all(axis=None):
        raise ValueError("costs must be numbers from 0 on; what never ended is infinite, not missing")
    return costs.set_axis([str(name) for name in costs], axis=1)


def ratios_to_best(costs: pd.DataFrame) -> pd.DataFrame:
    """Return each cost over the lowest in its row: 1 for the best, infinite for the unsolved."""
    costs = checked_costs(costs)
    best = costs.min(axis=1)
    ratios = costs.div(best.where(np.isfinite(best) & (best > 0), 1.0), axis=0)
    equal = costs.eq(best, axis=0) & np.isfinite(costs)
    return ratios.mask(equal, 1.0).mask(~equal & best.eq(0).to_numpy()[:, None], np.inf)
