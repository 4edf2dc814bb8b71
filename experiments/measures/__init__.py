"""From runs to the measures of the benchmarking literature: DataFrame -> DataFrame.

No run is ever dropped: one that never hit a target took infinitely many steps to it, one
that diverged has an infinite loss. An instance is a problem with its constants, as
``tables.problem_labels`` names it; seeds are repetitions on an instance.
"""

from experiments.measures.area import log_area, log_area_table
from experiments.measures.beside_theory import Beside, observed_contractions, observed_cycles
from experiments.measures.best_of_k import best_of_k_curves, best_of_k_quantile, expected_best_of_k
from experiments.measures.claim_space import ClaimSpace, claim_space
from experiments.measures.contraction import decays, optimal_contractions
from experiments.measures.costs import instance_costs, target_costs
from experiments.measures.hits import hit_times, step_prices, unit
from experiments.measures.lr_robustness import lr_robustness, unbroken_widths
from experiments.measures.probability_best import probability_best, probability_best_curves
from experiments.measures.profiles import algoperf_score, data_profile, performance_profile, speed_up
from experiments.measures.running_time import expected_running_time
from experiments.measures.runtime_distribution import runtime_distribution, simulated_runtimes
from experiments.measures.tuning_cost import shown_target, tuning_costs, tuning_ranks

__all__ = [
    "Beside",
    "ClaimSpace",
    "algoperf_score",
    "best_of_k_curves",
    "best_of_k_quantile",
    "claim_space",
    "data_profile",
    "decays",
    "expected_best_of_k",
    "expected_running_time",
    "hit_times",
    "instance_costs",
    "log_area",
    "log_area_table",
    "lr_robustness",
    "observed_contractions",
    "observed_cycles",
    "optimal_contractions",
    "performance_profile",
    "probability_best",
    "probability_best_curves",
    "runtime_distribution",
    "shown_target",
    "simulated_runtimes",
    "speed_up",
    "step_prices",
    "target_costs",
    "tuning_costs",
    "tuning_ranks",
    "unbroken_widths",
    "unit",
]
