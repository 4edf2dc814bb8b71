"""Statistical inference on paired comparisons, as small pure functions on arrays and tables.

Runs of the same seed start alike and see the same noise, so comparisons are paired. Over
problems the unit is an INSTANCE (a problem with its constants), never a seed: seeds are
repetitions on one instance, and say nothing of the next.
"""

from experiments.inference.estimate import Estimate
from experiments.inference.friedman import Friedman, friedman
from experiments.inference.nemenyi import CriticalDifference, instances_needed, nemenyi
from experiments.inference.paired import paired_bootstrap, paired_differences
from experiments.inference.power import Power, enough, pairs_needed, power_of
from experiments.inference.rows import as_table
from experiments.inference.skillings_mack import SkillingsMack, skillings_mack
from experiments.inference.superiority import probability_of_superiority, vargha_delaney
from experiments.inference.wilcoxon import SignedRank, holm, signed_rank, wilcoxon_holm

__all__ = [
    "CriticalDifference",
    "Estimate",
    "Friedman",
    "Power",
    "SignedRank",
    "SkillingsMack",
    "as_table",
    "enough",
    "friedman",
    "holm",
    "instances_needed",
    "nemenyi",
    "paired_bootstrap",
    "paired_differences",
    "pairs_needed",
    "power_of",
    "probability_of_superiority",
    "signed_rank",
    "skillings_mack",
    "vargha_delaney",
    "wilcoxon_holm",
]
