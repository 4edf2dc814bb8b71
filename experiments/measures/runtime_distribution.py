"""Runtime distributions over problem-target pairs, with simulated restarts."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.measures.costs import check_one_setting
from experiments.measures.hits import hit_times, step_prices
from experiments.tables import PAIR, labelled

Array = NDArray[np.float64]


def simulated_runtimes(
    runs: pd.DataFrame, targets: Sequence[float] = (), *, sweeps: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Return runtimes of each optimizer when an unsuccessful run is started again.

    Hansen et al. (2016), COCO: Performance Assessment, section Simulated Run-lengths of
    Restart Algorithms, the derandomised version: sweep through the runs; a successful one
    is a runtime; to an unsuccessful one are added the steps of runs drawn at random, with
    replacement, until one is successful. Infinite where no run is.

    Args:
        runs: one setting per optimizer and instance.
        targets: fractions of the start, of those recorded; all if empty.
        sweeps: how often to sweep through the runs.
        seed: of the draws, which for one pair and optimizer do not depend on the others.

    Returns:
        Columns: problem, optimizer, target, runtime (gradient evaluations), weight (of the
        runtime in its pair; they sum to 1).
    """
    check_one_setting(runs)
    hits = hit_times(runs, targets)
    keys = [*PAIR, "target"]
    parts = [pd.DataFrame(columns=[*keys, "runtime", "weight"])][len(hits) :]
    for key, part in hits.groupby(keys, observed=True):
        rng = np.random.default_rng([seed, zlib.crc32(repr(tuple(map(str, key))).encode())])
        times = restarted(part["hit"].to_numpy(float), part["spent"].to_numpy(float), sweeps, rng)
        named = dict(zip(keys, key, strict=True))
        parts.append(pd.DataFrame({**named, "runtime": times, "weight": 1 / len(times)}))
    return pd.concat(parts, ignore_index=True).astype({"problem": hits["problem"].dtype})


def restarted(hit: Array, spent: Array, sweeps: int, rng: np.random.Generator) -> Array:
    """Return ``sweeps`` runtimes for each run as the first one."""
    good, bad = spent[np.isfinite(hit)], spent[~np.isfinite(hit)]
    if not len(good):
        return np.full(sweeps * len(spent), np.inf)
    # between an unsuccessful first run and the success lie some more unsuccessful ones
    first = np.tile(bad, sweeps)
    more = rng.geometric(len(good) / len(spent), len(first)) - 1
    between = rng.choice(bad, more.sum()) if len(bad) else bad
    owner = np.repeat(np.arange(len(first)), more)
    last = rng.choice(good, len(first))
    lost = np.bincount(owner, weights=between, minlength=len(first))
    return np.concatenate([np.tile(good, sweeps), first + lost + last])


def runtime_distribution(
    runs: pd.DataFrame, targets: Sequence[float] = (), *, sweeps: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Return the share of problem-target pairs that each optimizer solves within so many steps.

    Hansen et al. (2016), COCO: Performance Assessment, section Empirical Cumulative
    Distribution Functions, over ``simulated_runtimes``. Every pair has the same weight;
    one that no run solved keeps the curve below 1. COCO divides steps by the dimension;
    here gradients are counted, which is what a step costs, so they are not.

    Returns:
        Columns: optimizer, steps (gradient evaluations), share, restarted (whether it is beyond
        the longest run, where only restarts get). A step function: a row at each runtime; of an
        optimizer that solves nothing one, share 0 at its longest run.
    """
    times = simulated_runtimes(runs, targets, sweeps=sweeps, seed=seed)
    there = labelled(runs)
    longest = (there["steps"].astype(float) * step_prices(there)).groupby(there["optimizer"]).max()
    parts = [pd.DataFrame(columns=["optimizer", "steps", "share", "restarted"])][len(times) :]
    for name, part in times.groupby("optimizer"):
        weights = part.groupby("runtime")["weight"].sum() / part["weight"].sum()
        share = weights[np.isfinite(weights.index)].cumsum()
        if share.empty:
            share = pd.Series([0.0], index=[longest[str(name)]])
        steps: Any = share.index.to_numpy(float)
        columns = {"steps": steps, "share": share.to_numpy(), "restarted": steps > longest[str(name)]}
        parts.append(pd.DataFrame({"optimizer": str(name), **columns}))
    return pd.concat(parts, ignore_index=True)
