"""The tables `runs` and `history`, made in memory by minimize()."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.minimize import minimize
from experiments.engine.trace import TARGETS, Trace
from optim import OPTIMIZERS
from problems import PROBLEMS


def frames(
    optimizer: str,
    problem: str,
    axes: dict[str, Any],
    *,
    seeds: int = 3,
    steps: int = 100,
    points: int = 20,
    constants: dict[str, Any] | None = None,
    params: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `runs` and `history` of the grid axes x seeds, one optimizer on one problem."""
    grid = np.meshgrid(*axes.values(), np.arange(seeds), indexing="ij")
    *values, seed = (axis.ravel() for axis in grid)
    rule = OPTIMIZERS[optimizer](**dict(zip(axes, values, strict=True)))
    task = PROBLEMS[problem](**(constants or {}))
    trace = minimize(task, rule, seed, steps=steps, points=points, params=params)
    ids = [f"{optimizer}-{problem}-{steps}-{constants}-{lane}" for lane in range(len(seed))]
    named = {f"optimizer.{k}": v for k, v in asdict(rule).items()}
    named |= {f"problem.{k}": v for k, v in asdict(task).items()}
    identity = {"run": ids, "optimizer": optimizer, "problem": problem, "seed": seed, "steps": steps}
    return pd.DataFrame(identity | named | final(trace)), history_of(trace, ids)


def final(trace: Trace) -> dict[str, Any]:
    """Return the columns of `runs` that are results."""
    diverged = trace.diverged_at >= 0
    ends = {k: getattr(trace, k)[-1] for k in ("loss", "suboptimality", "grad_norm", "distance")}
    hits = {
        f"hit_{target:.0e}".replace("e-0", "e-"): np.where(row >= 0, row, np.nan)
        for target, row in zip(TARGETS, trace.hits, strict=True)
    }
    return {
        "status": np.select([diverged, trace.stalled], ["diverged", "stalled"], "ok"),
        "diverged_at": np.where(diverged, trace.diverged_at, np.nan),
        "best_loss": trace.best_loss,
        **ends,
        **hits,
        **{name: values[-1] for name, values in trace.metrics.items()},
        "seconds": trace.seconds,
    }


def history_of(trace: Trace, ids: list[str]) -> pd.DataFrame:
    """Return one row for each run and recorded step."""
    measures = {k: getattr(trace, k) for k in ("loss", "suboptimality", "grad_norm", "distance")}
    measures |= trace.metrics
    for name, array in (("params", trace.path), ("rate", trace.rate)):
        if array is not None:
            measures |= {f"{name}.{i}": array[:, i] for i in range(array.shape[1])}
    columns = {name: array.ravel(order="F") for name, array in measures.items()}
    return pd.DataFrame(
        {"run": np.repeat(ids, len(trace.step)), "step": np.tile(trace.step, len(ids))} | columns
    )


def stacked(*parts: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `runs` and `history` of several grids, ids and names as categoricals, as the store does."""
    runs, history = (pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True))
    names = {name: runs[name].astype("category") for name in ("run", "optimizer", "problem")}
    return runs.assign(**names), history.assign(run=history["run"].astype("category"))
