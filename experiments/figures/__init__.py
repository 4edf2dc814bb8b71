"""From tables to figures: DataFrame -> matplotlib Figure, one figure a file; nothing is saved here."""

from experiments.figures.best_of_k import best_of_k
from experiments.figures.claim_map import claim_map
from experiments.figures.contractions import contractions
from experiments.figures.critical_difference import critical_difference
from experiments.figures.cycles import cycles
from experiments.figures.dependence import dependence
from experiments.figures.effective_rates import effective_rates
from experiments.figures.fit import fit
from experiments.figures.heat_map import heat_map
from experiments.figures.learning_curves import learning_curves
from experiments.figures.lr_sensitivity import lr_sensitivity
from experiments.figures.lr_sensitivity_normalised import lr_sensitivity_normalised
from experiments.figures.paired_differences import paired_differences
from experiments.figures.paths import Landscape, paths
from experiments.figures.profiles import profiles
from experiments.figures.rank_map import rank_map
from experiments.figures.runtime_distributions import runtime_distributions
from experiments.figures.schedules import schedules
from experiments.figures.style import STYLE

__all__ = [
    "STYLE",
    "Landscape",
    "best_of_k",
    "claim_map",
    "contractions",
    "critical_difference",
    "cycles",
    "dependence",
    "effective_rates",
    "fit",
    "heat_map",
    "learning_curves",
    "lr_sensitivity",
    "lr_sensitivity_normalised",
    "paired_differences",
    "paths",
    "profiles",
    "rank_map",
    "runtime_distributions",
    "schedules",
]
