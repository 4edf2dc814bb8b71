"""Which steps are recorded, and which of them a stretch of the loop passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]


def recorded_steps(steps: int, points: int) -> Steps:
    """Return the steps to record: 0, then log-spaced, then ``steps``; all if there are few."""
    if points > steps:
        return np.arange(steps + 1)
    chosen = [0, 1] if points > 2 else [0, steps]
    for left in range(points - 2, 0, -1):
        # the ratio that spreads what is left evenly, recomputed as whole steps are taken
        ratio = (steps / chosen[-1]) ** (1 / left)
        chosen.append(max(chosen[-1] + 1, round(chosen[-1] * ratio)))
    return np.array(chosen)
