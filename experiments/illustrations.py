"""The pictures that go with each claim, and the sections beside the claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from experiments import figures, tables
from experiments.budgets import reported_at, settings_by_budget, steps_by_budget
from experiments.claims import (
    Evidence,
    deep,
    eps_stability,
    faster,
    imbalance,
    lr_choice,
    memory,
    per_parameter,
    scale_free,
)
from experiments.comparison import comparison_parts
from experiments.drawings import NAMES, Study, fit_of, path_figure, rate_figure
from experiments.measures import claim_space, log_area_table, lr_robustness
from experiments.page import Part, Picture, Table


def map_picture(
    name: str,
    caption: str,
    table: pd.DataFrame,
    x: str,
    y: str,
    label: str,
    *,
    failed: str = "neither arrived",
    runs: pd.DataFrame | None = None,
) -> Picture:
    """Return the map of a claim, with its cells as a table and the share of all in which the claim holds."""
    said = f"{caption}. In all it {claim_space(table)}"
    return Picture(name, said, figures.claim_map(table, x, y, label, failed=failed), table, runs)


def fit_figures(evidence: Evidence) -> Iterator[Part]:
    runs = evidence.runs
    article = runs[(runs["seed"] == 0) & (runs["optimizer.lr"] == 0.01)].iloc[0]
    yield Picture(
        "fit",
        "The article's figure: its data, and the curve after 1000 steps",
        fit_of(article, evidence.history, "RMSprop fits the quadratic"),
        runs=runs[runs["run"] == article["run"]],
    )
    at_article = runs[runs["optimizer.lr"] == 0.01]
    yield Picture(
        "fit_learning_curve",
        "Suboptimality on the way, median and quartiles over 50 data sets: the final cycle is a floor",
        figures.learning_curves(evidence.history, at_article, optimizers=NAMES),
        runs=at_article,
    )


def lr_choice_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the results over the learning rate, and the map."""
    table = tables.lr_sensitivity(evidence.runs, factor=lr_choice.FACTOR)
    yield Picture(
        "lr_choice",
        "Suboptimality after 1000 steps against the learning rate, median and quartiles over seeds; below it "
        "the share of runs that diverged",
        figures.lr_sensitivity(table, optimizers=NAMES),
    )
    yield map_picture(
        "lr_choice_map",
        "Where the claim holds: how many times wider the range of good learning rates of the other optimizer "
        "is than that of SGD, by the steps and by which share of the start counts as solved",
        lr_choice.map_table(evidence),
        "steps",
        "solved at",
        "width, other / SGD",
    )
    choosing, reported = (
        evidence.runs[evidence.runs["seed"] >= faster.TUNING_SEEDS_FROM],
        evidence.runs[evidence.runs["seed"] < faster.TUNING_SEEDS_FROM],
    )
    shown = tables.runs_at(reported, tables.best_settings(choosing))
    yield Table(
        "lr_choice_lr_robustness",
        f"Decades of learning rates within a factor of {lr_choice.FACTOR:g} of the best suboptimality, "
        "however small that is, and the share of runs that diverged, with intervals over seeds",
        lr_robustness(evidence.runs, factor=lr_choice.FACTOR),
    )
    yield Table(
        "lr_choice_log_area",
        "Mean over the steps of the logarithm (base 10) of the suboptimality, the area under the logarithmic "
        "loss curve per step, at the best learning rate of seeds 20 to 29, on seeds 0 to 19",
        log_area_table(evidence.history, shown),
        shown,
    )


def faster_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the learning curves tuned and at defaults, and what more trials change."""
    reported = evidence.runs[evidence.runs["seed"] < faster.TUNING_SEEDS_FROM]
    settings = (
        ("tuned", faster.tuned_settings(evidence.runs, faster.TARGET)),
        ("default", faster.default_settings(evidence.runs)),
    )
    for label, chosen in settings:
        shown = tables.runs_at(reported, chosen)
        yield Picture(
            f"faster_{label}",
            f"Learning curves with {label} learning rates on the reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, shown, optimizers=NAMES),
            runs=shown,
        )
    budgets = faster.budget_table(evidence.runs)
    at_target = budgets[budgets["target"] == faster.short(faster.TARGET)]
    yield Picture(
        "faster_by_budget",
        "Steps to a hundredth of the start per step of RMSprop, with the learning rate the best of so many "
        "random trials; expected over all draws of trials, band: interval over the reported seeds",
        figures.dependence(
            at_target.rename(columns={"against": "optimizer"}),
            "trials",
            "ratio",
            xlabel="trials of each",
            ylabel="steps / steps of RMSprop",
            panel="problem",
            optimizers=NAMES,
            level=1.0,
        ),
    )
    yield map_picture(
        "faster_budget_map",
        "Where the claim holds: steps of SGD over those of RMSprop, by the trials that each has for its "
        "learning rate and by target",
        faster.budget_map_table(evidence.runs),
        "trials",
        "target",
        "steps, SGD / RMSprop",
    )


def eps_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the results over learning rate and epsilon, and the map."""
    yield Picture(
        "eps_stability",
        "Median suboptimality after 200 steps over learning rate and epsilon",
        figures.heat_map(evidence.runs, "optimizer.lr", "optimizer.eps"),
    )
    yield map_picture(
        "eps_stability_map",
        "Where the claim holds: twice the suboptimality without epsilon over that with it, geometric mean "
        "over seeds; above 1 this epsilon loses no run and makes the result less than twice as bad",
        eps_stability.map_table(evidence),
        "optimizer.lr",
        "optimizer.eps",
        "twice that without / with",
    )


def per_parameter_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the rates on the longest bowl, aligned and rotated, and the map."""
    runs = evidence.runs
    shown = runs[(runs["optimizer"] == "rmsprop") & (runs["optimizer.lr"] == per_parameter.RATE_LR)]
    yield Picture(
        "per_parameter",
        "Effective learning rates of RMSprop on a bowl of condition 10,000 whose coordinates 0 to 9 grow "
        "ever steeper (top), and on the same bowl rotated (bottom); median and quartiles over seeds",
        figures.effective_rates(
            evidence.history,
            shown[shown["problem.condition"] == 10_000],
            names=[str(i) for i in range(10)],
        ),
        runs=shown[shown["problem.condition"] == 10_000],
    )
    yield map_picture(
        "per_parameter_map",
        "Where the claim holds: how many times larger the effective rate of RMSprop is where the curvature "
        "is a decade smaller, by condition number and by how many steps are looked at",
        per_parameter.map_table(evidence),
        "problem.condition",
        "steps",
        "rate, flat / steep",
        runs=runs[runs["optimizer"] == "rmsprop"],
    )


def imbalance_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the imbalance over the condition number, and the map."""
    ratios = imbalance.ratio_table(imbalance.ratios_of(evidence))
    bowl = ratios["problem.rotated"].map({False: "axis-aligned", True: "rotated"})
    yield Picture(
        "imbalance",
        "Largest over smallest per-coordinate update in the first steps, geometric mean over steps and seeds",
        figures.dependence(
            ratios.assign(bowl=bowl),
            "problem.condition",
            "ratio",
            xlabel="condition number",
            ylabel="largest / smallest update",
            panel="bowl",
            optimizers=NAMES,
        ),
        runs=evidence.runs[evidence.runs["optimizer.lr"] == imbalance.STABLE_LR],
    )
    yield map_picture(
        "imbalance_map",
        "Where the claim holds: how many times more the imbalance of SGD grew from condition 1 on than that "
        "of RMSprop, by condition number and by how many steps are averaged",
        imbalance.map_table(evidence),
        "problem.condition",
        "steps",
        "growth of the imbalance, SGD / RMSprop",
        failed="a run diverged",
    )


def memory_figures(evidence: Evidence) -> Iterator[Part]:
    """Yield the results over learning rate and beta, and where the best beta is a usual one."""
    moving = evidence.runs[evidence.runs["optimizer.lr"] != memory.STILL]
    yield Picture(
        "memory",
        "Median suboptimality after 1000 steps over learning rate and beta",
        figures.heat_map(moving, "optimizer.lr", "optimizer.beta"),
        runs=moving,
    )
    yield map_picture(
        "memory_map",
        "Where the best beta lies in the usual range: the best median suboptimality at a beta outside 0.9 to "
        "0.999 over the best one inside, by learning rate and steps",
        memory.map_table(evidence),
        "optimizer.lr",
        "steps",
        "suboptimality, outside / inside",
        failed="all diverged",
        runs=moving,
    )


def deep_figures(evidence: Evidence) -> Iterator[Part]:
    chosen = deep.settings(evidence)[deep.LARGEST]
    best = reported_at(evidence.runs, chosen)
    for measure in ("loss", "accuracy"):
        yield Picture(
            f"deep_{measure}",
            f"{'Training loss' if measure == 'loss' else 'Held-out accuracy'} of the tuned settings on the "
            "reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, best, measure, optimizers=NAMES),
            runs=best,
        )


def scale_free_figures(evidence: Evidence) -> Iterator[Part]:
    yield Picture(
        "scale_free",
        "How far the path moves when the loss is multiplied by a factor; a path that diverges leaves the "
        "panel at the top",
        figures.dependence(
            scale_free.move_table(scale_free.moves_by_seed(evidence)),
            "factor",
            "median share moved",
            xlabel="factor on the loss",
            ylabel="share of the way moved",
            optimizers=NAMES,
        ),
    )


FIGURES: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "fit": fit_figures,
    "lr_choice": lr_choice_figures,
    "faster": faster_figures,
    "eps_stability": eps_figures,
    "per_parameter": per_parameter_figures,
    "imbalance": imbalance_figures,
    "memory": memory_figures,
    "deep": deep_figures,
    "scale_free": scale_free_figures,
}


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


FURTHER_PARTS: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "instances": instances_parts,
    "search": search_figures,
    "paths": paths_parts,
}
