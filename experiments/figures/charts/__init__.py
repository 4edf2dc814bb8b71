"""From tables to Vega-Lite: DataFrame -> specification, one chart a file, for a page to click through.

A chart shows what the figure of the same name shows. Its points lead to ``#setting-N``, its single runs to
``#run-ID``: the places in the page that have the configuration and the command.
"""

from experiments.figures.charts.claim_map import claim_map
from experiments.figures.charts.heat_map import heat_map
from experiments.figures.charts.hyperparameters import hyperparameters
from experiments.figures.charts.learning_curves import learning_curves
from experiments.figures.charts.lr_sensitivity import lr_sensitivity
from experiments.figures.charts.paths import paths
from experiments.figures.charts.profiles import profiles

__all__ = [
    "claim_map",
    "heat_map",
    "hyperparameters",
    "learning_curves",
    "lr_sensitivity",
    "paths",
    "profiles",
]
