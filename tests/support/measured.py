"""What the tests of measures share."""

import numpy as np
import pandas as pd

NAN, INF = np.nan, np.inf


def made(hits: dict[str, list[float]], *, problem: str = "rosenbrock", steps: int = 100) -> pd.DataFrame:
    """Return `runs` with one setting per optimizer: for each its steps to 1e-1, NaN for never."""
    rows = [
        {"optimizer": name, "problem": problem, "seed": seed, "steps": steps, "optimizer.lr": 0.1}
        | {"hit_1e-1": hit, "status": "ok", "suboptimality": 1.0}
        for name, column in hits.items()
        for seed, hit in enumerate(column)
    ]
    runs = pd.DataFrame(rows)
    runs.insert(0, "run", [f"{problem}{i}" for i in range(len(runs))])
    return runs


COSTS = pd.DataFrame(
    {"a": [1.0, 2.0, INF, 6.0, INF], "b": [2.0, 2.0, 5.0, 2.0, INF], "c": [8.0, 1.0, 5.0, INF, INF]}
)
"""Ratios to the best: a 1 2 inf 3 inf; b 2 2 1 1 inf; c 8 1 1 inf inf."""
