"""From runs to tables: DataFrame -> DataFrame.

A table takes `runs`, one row per run, and has one row per problem and optimizer, or finer.
Problems are told apart by their names and those of their constants that vary.

No run is ever dropped. One that diverged, or that lacks a number, counts as the worst
there is: infinite loss, infinitely many steps, an accuracy of 0. One that stalled counts
with the numbers that it has, and its share is told. Quartiles interpolate linearly;
between a number and infinity they are infinite.
"""

from experiments.tables.best_settings import (
    best_pairs,
    best_settings,
    by_setting,
    noted,
    ranked_settings,
    runs_at,
    settings_shown,
    without_setting,
)
from experiments.tables.cell import cell
from experiments.tables.comparisons import divergence, ranks, steps_to_targets
from experiments.tables.lr_sensitivity import lr_sensitivity, lr_width
from experiments.tables.measures import MEASURES, Measure, is_target, measure_of, target_columns
from experiments.tables.numbered import numbered
from experiments.tables.over_steps import effective_rates, learning_curves
from experiments.tables.quartiles import QUARTILES
from experiments.tables.varying import (
    LR,
    PAIR,
    constant_labels,
    hyperparameters,
    instance_labels,
    labelled,
    problem_labels,
    settings,
    text,
)

__all__ = [
    "LR",
    "MEASURES",
    "PAIR",
    "QUARTILES",
    "Measure",
    "best_pairs",
    "best_settings",
    "by_setting",
    "cell",
    "constant_labels",
    "divergence",
    "effective_rates",
    "hyperparameters",
    "instance_labels",
    "is_target",
    "labelled",
    "learning_curves",
    "lr_sensitivity",
    "lr_width",
    "measure_of",
    "noted",
    "numbered",
    "problem_labels",
    "ranked_settings",
    "ranks",
    "runs_at",
    "settings",
    "settings_shown",
    "steps_to_targets",
    "target_columns",
    "text",
    "without_setting",
]
