"""The sections of the article's report beside the claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from experiments import figures, tables
from experiments.claims import (
    Evidence,
    faster,
)
from experiments.claims.base import map_picture
from experiments.figures.drawings import NAMES, Study, path_figure, rate_figure
from experiments.figures.parts import Part, Picture, Table
from experiments.reports.comparison import comparison_parts
from experiments.tuning.budgets import reported_at, settings_by_budget, steps_by_budget


def instances_parts(evidence: Evidence) -> Iterator[Part]:
    yield from comparison_parts(evidence.runs, "suboptimality", 2.0)
    yield map_picture(
        "faster_map",
        "Where the claim `faster` holds: median steps of SGD over those of RMSprop on the bowls, by "
        "condition number and target, each tuned for that target on seeds 6 and 7 and shown on seeds 0 to 5",
        faster.map_table(evidence.runs),
        "problem.condition",
        "target",
        "steps, SGD / RMSprop",
        runs=evidence.runs[
            (evidence.runs["problem"] == "quadratic_bowl")
            & evidence.runs["optimizer"].isin(["sgd", "rmsprop"])
        ],
    )


def paths_parts(evidence: Evidence) -> Iterator[Part]:
    runs, history = evidence.runs, evidence.history
    best = tables.runs_at(runs, tables.best_settings(runs))
    for draw in (path_figure, rate_figure):
        part = draw(Study(runs, best, history))
        assert isinstance(part, Picture), part
        yield part
    yield Table("paths_best_settings", "Best settings", tables.best_settings(runs))


def search_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the steps to a hundredth by budget, with all hyperparameters searched, and what was chosen."""
    assert evidence.selections is not None
    table = steps_by_budget(evidence.runs, evidence.selections, faster.TARGET)
    by_budget = settings_by_budget(evidence.runs, evidence.selections)
    shown = pd.concat([reported_at(evidence.runs, chosen) for chosen in by_budget.values()])
    tuned = table[table["trials"] > 0].rename(columns={"against": "optimizer"})
    yield Picture(
        "search_by_budget",
        "Steps to a hundredth of the start per step of RMSprop at the settings that so many trials of one "
        "random search chose, on the reported seeds; band: interval over seeds. Above 1 RMSprop is faster",
        figures.dependence(
            tuned,
            "trials",
            "ratio",
            xlabel="trials of each",
            ylabel="steps / steps of RMSprop",
            panel="problem",
            optimizers=NAMES,
            level=1.0,
        ),
        runs=shown,
    )
    yield Table(
        "search_by_budget",
        "Steps of the others to a hundredth of the start, per step of RMSprop (0 trials: the defaults)",
        table,
        shown,
    )


BESIDE: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "instances": instances_parts,
    "search": search_figures,
    "paths": paths_parts,
}
