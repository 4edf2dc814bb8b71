"""Fair tuning: the same number of trials for each optimizer, chosen on seeds of their own."""

from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tuning.edges import AtEdge, alarms, at_edge, moved, widened
from experiments.tuning.search import (
    DISTRIBUTIONS,
    METHODS,
    MOST_SEEDS,
    MOST_TRIALS,
    Limits,
    Search,
    Space,
    check_choosing,
    check_free,
    check_space,
    checked_search,
    draw,
    limits_of,
    scaled,
    unit_points,
)
from experiments.tuning.selection import OF_INSTANCE, best_flags, best_points, budget_of, select

__all__ = [
    "DISTRIBUTIONS",
    "FIRST_TUNING_SEED",
    "METHODS",
    "MOST_SEEDS",
    "MOST_TRIALS",
    "OF_INSTANCE",
    "AtEdge",
    "Limits",
    "Search",
    "Space",
    "alarms",
    "at_edge",
    "best_flags",
    "best_points",
    "budget_of",
    "check_choosing",
    "check_free",
    "check_space",
    "checked_search",
    "draw",
    "limits_of",
    "moved",
    "scaled",
    "select",
    "unit_points",
    "widened",
]
