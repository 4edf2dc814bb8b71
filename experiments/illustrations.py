"""The pictures that go with each claim, and the sections beside the claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from experiments import figures, tables
from experiments.claims import Evidence, deep, faster, imbalance, lr_choice, memory, per_parameter, scale_free
from experiments.comparison import comparison_parts
from experiments.drawings import NAMES, Study, fit_of, path_figure, rate_figure
from experiments.page import Part, Picture, Table


def fit_figures(evidence: Evidence) -> Iterator[Part]:
    runs = evidence.runs
    article = runs[(runs["seed"] == 0) & (runs["optimizer.lr"] == 0.01)].iloc[0]
    yield Picture(
        "fit",
        "The article's figure: its data, and the curve after 1000 steps",
        fit_of(article, evidence.history, "RMSprop fits the quadratic"),
    )
    at_article = runs[runs["optimizer.lr"] == 0.01]
    yield Picture(
        "fit_learning_curve",
        "Suboptimality on the way, median and quartiles over 50 data sets: the final cycle is a floor",
        figures.learning_curves(evidence.history, at_article, optimizers=NAMES),
    )


def lr_choice_figures(evidence: Evidence) -> Iterator[Part]:
    table = tables.lr_sensitivity(evidence.runs, factor=lr_choice.FACTOR)
    yield Picture(
        "lr_choice",
        "Suboptimality after 1000 steps against the learning rate, median and quartiles over seeds; below it "
        "the share of runs that diverged",
        figures.lr_sensitivity(table, optimizers=NAMES),
    )


def faster_figures(evidence: Evidence) -> Iterator[Part]:
    reported = evidence.runs[evidence.runs["seed"] < faster.TUNING_SEEDS_FROM]
    settings = (
        ("tuned", faster.tuned_settings(evidence.runs, faster.TARGET)),
        ("default", faster.default_settings(evidence.runs)),
    )
    for label, chosen in settings:
        yield Picture(
            f"faster_{label}",
            f"Learning curves with {label} learning rates on the reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, tables.runs_at(reported, chosen), optimizers=NAMES),
        )


def eps_figures(evidence: Evidence) -> Iterator[Part]:
    yield Picture(
        "eps_stability",
        "Median suboptimality after 200 steps over learning rate and epsilon",
        figures.heat_map(evidence.runs, "optimizer.lr", "optimizer.eps"),
    )


def per_parameter_figures(evidence: Evidence) -> Iterator[Part]:
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
    )


def imbalance_figures(evidence: Evidence) -> Iterator[Part]:
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
    )


def memory_figures(evidence: Evidence) -> Iterator[Part]:
    moving = evidence.runs[evidence.runs["optimizer.lr"] != memory.STILL]
    yield Picture(
        "memory",
        "Median suboptimality after 1000 steps over learning rate and beta",
        figures.heat_map(moving, "optimizer.lr", "optimizer.beta"),
    )


def deep_figures(evidence: Evidence) -> Iterator[Part]:
    chosen = deep.settings(evidence)[deep.LARGEST]
    best = deep.reported_at(evidence, chosen)
    for measure in ("loss", "accuracy"):
        yield Picture(
            f"deep_{measure}",
            f"{'Training loss' if measure == 'loss' else 'Held-out accuracy'} of the tuned settings on the "
            "reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, best, measure, optimizers=NAMES),
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
    yield Picture(
        "faster_map",
        "Where the claim `faster` holds: median steps of SGD over those of RMSprop on the bowls, by "
        "condition number and target, each tuned for that target on seeds 6 and 7 and shown on seeds 0 to 5",
        figures.claim_map(
            faster.map_table(evidence.runs), "problem.condition", "target", "steps, SGD / RMSprop"
        ),
    )


def paths_parts(evidence: Evidence) -> Iterator[Part]:
    runs, history = evidence.runs, evidence.history
    best = tables.runs_at(runs, tables.best_settings(runs))
    for draw in (path_figure, rate_figure):
        part = draw(Study(runs, best, history))
        assert isinstance(part, Picture), part
        yield part
    yield Table("paths_best_settings", "Best settings", tables.best_settings(runs))


FURTHER_PARTS: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "instances": instances_parts,
    "paths": paths_parts,
}
