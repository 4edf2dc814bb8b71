"""Store -> tables and figures -> one report: python -m experiments.report study=NAME."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table as TerminalTable

from experiments import figures, tables
from experiments.app import bad_input_ends_here, command, fail
from experiments.comparison import best_of_k_parts, by_target, comparison_parts
from experiments.lanes import build, checked_study
from experiments.page import Part, Picture, Table, Text, bullet_list, cell, write_page
from experiments.store import Store
from optim import OPTIMIZERS
from problems import PROBLEMS, Problem
from problems.quadratic import QuadraticFit

NAMES = tuple(OPTIMIZERS)
MOST_PANELS = 12
CONTOURS = {"quadratic": (0, 2, ("a", "c")), "rosenbrock": (0, 1, ("x", "y"))}
"""Problems whose paths can be drawn: the two coordinates and what they are called."""


def report(config: DictConfig) -> Path:
    """Write the report of a study into its folder ``report``."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study))
    runs = distinct(store.runs())
    if runs.empty:
        fail(no_runs(config, store.outdated()))
    with bad_input_ends_here():
        tables.measure_of(config.measure, runs.columns)
        factor = checked_factor(config.factor)
        parts = list(study_parts(store, runs, config.study, config.measure, factor))
    path = write_page(store.folder / "report", parts)
    closing_table(runs, config.measure)
    print(f"report written to {path}")
    return path


def checked_factor(factor: Any) -> float:
    """Return ``factor`` if it is a number from 1, else raise ValueError."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor < np.inf:
        raise ValueError(f"factor must be a number in [1, inf), got {factor!r}")
    return float(factor)


def no_runs(config: DictConfig, outdated: int) -> str:
    """Return the line for a study without runs of the present code."""
    made = f"its {outdated:,} runs are of older code" if outdated else "it holds no runs"
    return (
        f"study={config.study}: {made}; make some with python -m experiments.run -m "
        f"'optimizer=glob(*)' study={config.study} results={config.results}"
    )


def distinct(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each setting and seed once, whatever was recorded of it."""
    keys = [str(c) for c in runs if str(c).startswith(("optimizer", "problem")) or c in ("seed", "steps")]
    return runs.drop_duplicates(keys, ignore_index=True) if len(runs) else runs


def study_parts(store: Store, runs: pd.DataFrame, study: str, measure: str, factor: float) -> Iterator[Part]:
    """Yield the parts of a study's report."""
    yield Text(f"# {study}")
    yield Text(overview(store, runs))
    yield from table_parts(runs, measure, factor)
    yield Text("## Figures")
    best = tables.runs_at(runs, tables.best_settings(runs, measure))
    history = store.history(best["run"].astype(str))
    missing = []
    for draw in (
        curves,
        sensitivity,
        normalised_sensitivity,
        map_of_two,
        fitted_curve,
        path_figure,
        rate_figure,
    ):
        drawn = draw(runs, best, history, measure, factor)
        if isinstance(drawn, str):
            missing.append(drawn)
        else:
            yield drawn
    yield from comparison_parts(runs, measure, factor)
    yield from best_of_k_parts(runs, measure)
    if missing:
        yield Text("Not drawn, for want of data:")
        yield bullet_list(missing)


def first_problems(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of as many problems as a figure has room for."""
    labels = tables.problem_labels(runs)
    return runs[labels.isin(labels.cat.categories[:MOST_PANELS])]


def overview(store: Store, runs: pd.DataFrame) -> str:
    """Return in words what the study holds."""
    outdated = store.outdated()
    stale = f" {outdated:,} runs of older code are left out." if outdated else ""
    return (
        f"{len(runs):,} runs: {', '.join(sorted(runs['optimizer'].astype(str).unique()))} on "
        f"{', '.join(sorted(runs['problem'].astype(str).unique()))}, {runs['seed'].nunique():,} seeds, "
        f"{', '.join(str(steps) for steps in sorted(runs['steps'].unique()))} steps; "
        f"{(runs['status'] == 'diverged').mean():.1%} diverged.{stale} A diverged run counts as infinitely "
        "bad and is never dropped. Bands and q25 to q75 are quartiles over seeds."
    )


def table_parts(runs: pd.DataFrame, measure: str, factor: float) -> Iterator[Part]:
    """Yield the tables."""
    yield Text("## Tables")
    yield Table("settings", "What varies", tables.settings(runs))
    yield Table("best_settings", f"Best setting by median {measure}", tables.best_settings(runs, measure))
    yield Table(
        "steps_to_targets",
        "Median steps until the suboptimality is that fraction of its start, at the best settings",
        by_target(tables.steps_to_targets(runs, measure), "median"),
    )
    yield Table(
        "lr_width",
        f"Learning rates whose median {measure} is within a factor of {factor:g} of the best",
        tables.lr_width(runs, measure, factor),
    )
    yield Table("divergence", "Share of all runs that diverged", tables.divergence(runs))
    yield Table(
        "ranks", f"Rank of each optimizer's best setting by median {measure}", tables.ranks(runs, measure)
    )


Drawing = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame, str, float], Picture | str]
"""From all runs, the best ones, their history, the measure and the factor: a picture, or what is missing."""


def curves(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    if measure not in history:
        return f"learning curves: {measure} is not recorded on the way; take measure=suboptimality"
    figure = figures.learning_curves(history, best, measure, optimizers=NAMES)
    return Picture(
        "learning_curves", f"{measure} at the best settings: median and quartiles over seeds", figure
    )


def sensitivity(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    if runs["optimizer.lr"].nunique() < 2:
        return "sensitivity to the learning rate: sweep it, optimizer.lr=logspace:1e-5:10:25"
    figure = figures.lr_sensitivity(tables.lr_sensitivity(runs, measure, factor), measure, optimizers=NAMES)
    return Picture(
        "lr_sensitivity", f"Final {measure} against the learning rate, and the share diverged", figure
    )


def normalised_sensitivity(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    if runs["optimizer.lr"].nunique() < 2:
        return "sensitivity about the best learning rate: sweep it, optimizer.lr=logspace:1e-5:10:25"
    table = tables.lr_sensitivity(runs, measure, factor)
    figure = figures.lr_sensitivity_normalised(table, measure, factor, optimizers=NAMES)
    return Picture(
        "lr_sensitivity_normalised",
        f"Median {measure} against the learning rate over each one's best",
        figure,
    )


def map_of_two(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    pair = varied_pair(runs)
    if pair is None:
        return "a map over two hyperparameters: sweep two, optimizer.lr=… optimizer.beta=…"
    figure = figures.heat_map(runs, *pair, measure)
    return Picture("heat_map", f"Median {measure} over {pair[0]} and {pair[1]}", figure)


def varied_pair(runs: pd.DataFrame) -> tuple[str, str] | None:
    """Return the two hyperparameters of one optimizer with the most values, if two vary."""
    for _, part in runs.groupby("optimizer", observed=True):
        numbers = part.filter(like="optimizer.").select_dtypes("number").nunique()
        varied = numbers[numbers > 1].sort_values(ascending=False, kind="stable")
        if len(varied) > 1:
            return str(varied.index[0]), str(varied.index[1])
    return None


def fitted_curve(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    rows = best[best["problem"].astype(str).str.startswith("quadratic") & (best["status"] == "ok")]
    if rows.empty or "params.0" not in history:
        return "the fitted curve: run problem=quadratic with record.params=true"
    row = rows.sort_values(["seed", "suboptimality"]).iloc[0]
    return Picture(
        "fit",
        f"Data of seed {row['seed']} and the curve that {row['optimizer']} ends with",
        fit_of(row, history),
    )


def fit_of(row: pd.Series, history: pd.DataFrame, title: str | None = None) -> Figure:
    """Return the article's figure for one run of the quadratic."""
    problem = problem_of(row, "quadratic")
    assert isinstance(problem, QuadraticFit)
    path = history[history["run"].astype(str) == str(row["run"])].sort_values("step")
    params = path[["params.0", "params.1", "params.2"]].to_numpy()[-1]
    y, _ = problem.data(int(row["seed"]))
    curve = problem.curve(params)
    return figures.fit(
        problem.x, y, curve, title=title or f"{OPTIMIZERS[row['optimizer']].__name__} fits the quadratic"
    )


def path_figure(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    if "params.0" not in history:
        return "paths on the contours: run problem=quadratic,rosenbrock with record.params=true"
    drawn = best[best["seed"] == best["seed"].min()]
    landscapes = list(landscapes_of(drawn))
    if not landscapes:
        return "paths on the contours: run problem=quadratic or problem=rosenbrock problem.dim=2"
    shown = drawn[drawn["problem"].astype(str).isin([landscape.problem for landscape in landscapes])]
    figure = figures.paths(landscapes, history, shown, optimizers=NAMES)
    return Picture("paths", f"Paths of seed {drawn['seed'].min()} at the best settings", figure)


def landscapes_of(runs: pd.DataFrame) -> Iterator[figures.Landscape]:
    """Yield the landscape of each problem, as the first of its runs met it, that can be drawn in a plane."""
    for label, part in runs.groupby(runs["problem"].astype(str)):
        name = str(label).split()[0]
        problem = problem_of(part.iloc[0], name)
        if name in CONTOURS and getattr(problem, "dim", 2) == 2:
            yield landscape(problem, str(label), int(part.iloc[0]["seed"]), CONTOURS[name])


def landscape(
    problem: Problem, label: str, seed: int, plane: tuple[int, int, tuple[str, str]]
) -> figures.Landscape:
    """Return the loss of a problem in two of its coordinates, the others at the minimum."""
    first, second, names = plane
    minimiser = problem.instance(np.array([seed])).minimiser
    assert minimiser is not None

    def suboptimality(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        params = np.repeat(minimiser, u.size, axis=1)
        params[first], params[second] = np.ravel(u), np.ravel(v)
        instance = problem.instance(np.full(u.size, seed))
        return (instance.loss(params) - instance.minimum).reshape(u.shape)

    return figures.Landscape(
        problem=label,
        suboptimality=suboptimality,
        minimum=(float(minimiser[first, 0]), float(minimiser[second, 0])),
        names=names,
        coordinates=(first, second),
    )


def problem_of(row: pd.Series, name: str) -> Problem:
    """Return the problem of a run."""
    values = {key.removeprefix("problem."): row[key] for key in row.index if str(key).startswith("problem.")}
    known = PROBLEMS[name].__dataclass_fields__
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items() if k in known}
    integers = {
        k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in plain.items() if v == v
    }
    problem: Problem = build(PROBLEMS, "problem", {"name": name, **integers})
    return problem


def rate_figure(
    runs: pd.DataFrame, best: pd.DataFrame, history: pd.DataFrame, measure: str, factor: float
) -> Picture | str:
    if "rate.0" not in history:
        return "effective learning rates: run with record.params=true"
    small = best[best["problem"].astype(str).str.startswith(tuple(CONTOURS))]
    if small.empty:
        return "effective learning rates: run problem=quadratic or problem=rosenbrock"
    figure = figures.effective_rates(history, small)
    return Picture(
        "effective_rates", "Effective learning rate of each parameter, median and quartiles", figure
    )


DRAWINGS: tuple[Drawing, ...] = (
    curves,
    sensitivity,
    normalised_sensitivity,
    map_of_two,
    fitted_curve,
    path_figure,
    rate_figure,
)


def closing_table(runs: pd.DataFrame, measure: str = "suboptimality") -> None:
    """Print the best setting of each optimizer on each problem."""
    runs = distinct(runs)
    best = tables.best_settings(runs, measure)
    shown = TerminalTable(title=f"Best settings by median {measure}", title_justify="left")
    varied = [str(c) for c in best if str(c).startswith("optimizer.")]
    for name in ("problem", "optimizer", *(key.removeprefix("optimizer.") for key in varied)):
        shown.add_column(name)
    for name in ("median", "diverged", "runs"):
        shown.add_column(name, justify="right")
    lost = tables.divergence(runs).set_index(["problem", "optimizer"])["diverged"]
    for _, row in best.iterrows():
        share = lost[row["problem"], row["optimizer"]]
        values = [row["problem"], row["optimizer"], *(row[key] for key in varied), row["median"]]
        shown.add_row(*(cell(value) for value in values), f"{share:.0%}", f"{row['runs_compared']:,}")
    Console().print(shown)


main = command("report", report)

if __name__ == "__main__":
    main()
