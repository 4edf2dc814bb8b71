"""The best of k trials over k, and who is best at which budget."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.lines import draw_lines, draw_quartiles, is_logarithmic, quartile_axis
from experiments.figures.lr_sensitivity import paired_panels
from experiments.figures.style import label_first, legend, log_axis, looks_in, say_empty, styled, title
from experiments.tables import measure_of


@styled
def best_of_k(
    curves: pd.DataFrame,
    probabilities: pd.DataFrame,
    measure: str = "suboptimality",
    *,
    optimizers: Sequence[str] = (),
) -> Figure:
    """Return the expected best of k trials with its band, and the probability of being best.

    ``curves`` and ``probabilities`` are the tables of ``measures.best_of_k_curves`` and
    ``measures.probability_best_curves`` for the same trials; ``optimizers`` are the
    registered names, in order. A curve comes in at the top where all k may have diverged.
    """
    kind, chosen = measure_of(measure, [measure]), looks_in(curves, optimizers)
    curves = curves.drop(columns="median").rename(columns={"expected": "median", "low": "q25", "high": "q75"})
    logarithmic = is_logarithmic(curves, kind)
    problems = list(curves.groupby("problem", observed=True))
    fig, uppers, lowers = paired_panels(len(problems))
    for upper, lower, (problem, part) in zip(uppers, lowers, problems, strict=False):
        limits = quartile_axis(upper, part, kind, logarithmic)
        draw_quartiles(upper, part, "k", chosen, limits, every_point=False)
        rows = probabilities[probabilities["problem"].astype(str) == str(problem)]
        draw_lines(
            lower, rows.assign(percent=100 * rows["probability"]), "k", "percent", chosen, every_point=False
        )
        log_axis(lower, "x", (0.92, max(float(part["k"].max()), 2) * 1.08))
        lower.set_xlabel("trials k")
        title(upper, str(problem))
    if not problems:
        say_empty(uppers[0])
    label_first(uppers, f"best of k,\n{kind.final_label}")
    label_first(lowers, "best of all,\n% likely")
    legend(fig, chosen)
    return fig
