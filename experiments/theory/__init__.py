"""What is known without a run: settings that are optimal, how fast they contract, where signs end in a cycle.

Pure functions of curvatures and settings, each with its source. ``k`` is the condition number, the
largest curvature over the smallest. A contraction is the factor by which the distance to the
minimiser falls in a step, in the limit of many steps.
"""

from experiments.theory.curvature import Curvature, curvature_of
from experiments.theory.cycles import Cycle, cycle_of
from experiments.theory.momentum import (
    METHODS,
    Settings,
    contraction,
    decay,
    guaranteed,
    optimal,
    steps_until,
)

__all__ = [
    "METHODS",
    "Curvature",
    "Cycle",
    "Settings",
    "contraction",
    "curvature_of",
    "cycle_of",
    "decay",
    "guaranteed",
    "optimal",
    "steps_until",
]
