"""The pictures that a study has the data for; a picture that cannot be drawn says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments import figures, measures, tables
from experiments.figures import charts
from experiments.figures.parts import Picture
from experiments.tables.problems import problem_of
from experiments.tables.varying import digits_of, text, varying, varying_settings
from optim import OPTIMIZERS
from optim.schedules import SCHEDULES, Schedule
from problems import Problem
from problems.quadratic import QuadraticFit

NAMES = tuple(OPTIMIZERS)
MOST_SCHEDULES = 12  # panels
MOST_MAPS = 24  # panels
LEAST_FILLED = 0.5  # of the cells of a map
MOST_UPDATES = 1000  # of a schedule, evenly spaced
CONTOURS = {"quadratic": (0, 2, ("a", "c")), "rosenbrock": (0, 1, ("x", "y"))}
"""Problems whose paths can be drawn: the two coordinates and what they are called."""


@dataclass(frozen=True)
class Study:
    """What the pictures are drawn from.

    Attributes:
        runs: all runs.
        best: those at the best setting of each optimizer on each problem.
        history: of the best.
        measure: what settings are compared by.
        factor: learning rates within this factor of the best count as good.
    """

    runs: pd.DataFrame
    best: pd.DataFrame
    history: pd.DataFrame
    measure: str = "suboptimality"
    factor: float = 2.0


def curves(study: Study) -> Picture | str:
    if study.measure not in study.history:
        return f"learning curves: {study.measure} is not recorded on the way; take measure=suboptimality"
    figure = figures.learning_curves(study.history, study.best, study.measure, optimizers=NAMES)
    return Picture(
        "learning_curves",
        f"{study.measure} at the best settings: median and quartiles over seeds",
        figure,
        runs=study.best,
        chart=lambda: charts.learning_curves(study.history, study.best, study.measure, NAMES),
    )


def sensitivity(study: Study) -> Picture | str:
    if study.runs["optimizer.lr"].nunique() < 2:
        return "sensitivity to the learning rate: sweep it, optimizer.lr=logspace:1e-5:10:25"
    figure = figures.lr_sensitivity(
        tables.lr_sensitivity(study.runs, study.measure, study.factor), study.measure, optimizers=NAMES
    )
    return Picture(
        "lr_sensitivity",
        f"Final {study.measure} against the learning rate, and the share diverged",
        figure,
        chart=lambda: charts.lr_sensitivity(study.runs, study.measure, study.factor, NAMES),
    )


def normalised_sensitivity(study: Study) -> Picture | str:
    if study.runs["optimizer.lr"].nunique() < 2:
        return "sensitivity about the best learning rate: sweep it, optimizer.lr=logspace:1e-5:10:25"
    table = tables.lr_sensitivity(study.runs, study.measure, study.factor)
    figure = figures.lr_sensitivity_normalised(table, study.measure, study.factor, optimizers=NAMES)
    return Picture(
        "lr_sensitivity_normalised",
        f"Median {study.measure} against the learning rate over each one's best",
        figure,
    )


def map_of_two(study: Study) -> Picture | str:
    pair = varied_pair(study.runs)
    if pair is None:
        return "a map over two hyperparameters: sweep two, optimizer.lr=… optimizer.beta=…"
    shown, drawn, there = first_maps(study.runs, *pair)
    figure = figures.heat_map(shown, *pair, study.measure)
    few = "" if drawn == there else f", the first {drawn} of {there} maps"
    return Picture(
        "heat_map",
        f"Median {study.measure} over {pair[0]} and {pair[1]}{few}",
        figure,
        chart=lambda: charts.heat_map(shown, *pair, study.measure),
    )


def varied_pair(runs: pd.DataFrame) -> tuple[str, str] | None:
    """Return the two hyperparameters of one optimizer with the most values, if two vary as a grid does.

    Of the points of a search, each of which has values of its own, a map would show little but holes.
    """
    for _, part in runs.groupby("optimizer", observed=True):
        numbers = part[varying_settings(part)].select_dtypes("number").nunique()
        varied = numbers[numbers > 1].sort_values(ascending=False, kind="stable")
        if len(varied) > 1:
            pair = str(varied.index[0]), str(varied.index[1])
            if len(part[list(pair)].drop_duplicates()) >= LEAST_FILLED * varied.iloc[0] * varied.iloc[1]:
                return pair
    return None


def first_maps(runs: pd.DataFrame, x: str, y: str) -> tuple[pd.DataFrame, int, int]:
    """Return the runs of the first maps over two hyperparameters, how many these are, and of how many."""
    values = runs.groupby(tables.PAIR, observed=True)[[x, y]].nunique()
    both = values[(values > 1).all(axis=1)]
    keep = both.index[:MOST_MAPS] if len(both) else values.index
    shown = runs[pd.MultiIndex.from_frame(runs[tables.PAIR]).isin(keep)]
    return shown, min(len(both), MOST_MAPS), len(both)


def fitted_curve(study: Study) -> Picture | str:
    known = study.best["run"].astype(str).isin(recorded(study.history, "params.0"))
    rows = study.best[known & named(study.best, ["quadratic"]) & (study.best["status"] == "ok")]
    if rows.empty:
        return "the fitted curve: run problem=quadratic with record.params=true"
    row = rows.sort_values(["seed", "suboptimality"]).iloc[0]
    return Picture(
        "fit",
        f"Data of seed {row['seed']} and the curve that {row['optimizer']} ends with",
        fit_of(row, study.history),
        runs=rows[rows["run"] == row["run"]],
    )


def recorded(history: pd.DataFrame, column: str) -> set[str]:
    """Return the runs of which a column of the history was recorded: some of a study may be without."""
    if column not in history:
        return set()
    return set(history.loc[history[column].notna(), "run"].astype(str).unique())


def named(runs: pd.DataFrame, problems: list[str]) -> pd.Series[bool]:
    """Tell for each run whether its problem is one of these, whatever its constants."""
    return runs["problem"].astype(str).str.split().str[0].isin(problems)


def fit_of(row: pd.Series, history: pd.DataFrame, title: str | None = None) -> Figure:
    """Return the article's figure for one run of the quadratic."""
    problem = problem_of(row, "quadratic")
    assert isinstance(problem, QuadraticFit)
    path = history[history["run"].astype(str) == str(row["run"])].sort_values("step")
    params = path[["params.0", "params.1", "params.2"]].to_numpy()[-1]
    y, _ = problem.data(int(row["seed"]))
    curve = problem.curve(params)
    return figures.fit(
        problem.x, y, curve, title=title or f"{spelled(str(row['optimizer']))} fits the quadratic"
    )


def spelled(optimizer: str) -> str:
    """Return the name of an optimizer as one writes it."""
    return OPTIMIZERS[optimizer].__name__ if optimizer in OPTIMIZERS else optimizer


def path_figure(study: Study) -> Picture | str:
    """Return the paths of one seed of each problem that can be drawn in a plane."""
    known = study.best[study.best["run"].astype(str).isin(recorded(study.history, "params.0"))]
    if known.empty:
        return "paths on the contours: run problem=quadratic,rosenbrock with record.params=true"
    drawn = of_one_seed(known)
    landscapes = list(landscapes_of(drawn))
    if not landscapes:
        return "paths on the contours: run problem=quadratic or problem=rosenbrock problem.dim=2"
    shown = drawn[drawn["problem"].astype(str).isin([landscape.problem for landscape in landscapes])]
    figure = figures.paths(landscapes, study.history, shown, optimizers=NAMES)
    seeds = ", ".join(str(seed) for seed in sorted(shown["seed"].unique()))
    caption = f"Paths of seed {seeds} at the best settings{of_those_recorded(study.best, known)}"
    return Picture(
        "paths",
        caption,
        figure,
        runs=shown,
        chart=lambda: charts.paths(landscapes, study.history, shown, NAMES),
    )


def of_one_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of one seed on each problem: the lowest of those that the most optimizers have."""
    pairs = runs.groupby(["problem", "seed"], observed=True)["optimizer"].nunique().rename("count")
    order = pairs.reset_index().sort_values(["count", "seed"], ascending=[False, True])
    first = order.drop_duplicates("problem")
    there = pd.MultiIndex.from_frame(runs[["problem", "seed"]].astype({"problem": str}))
    return runs[there.isin(pd.MultiIndex.from_frame(first[["problem", "seed"]].astype({"problem": str})))]


def of_those_recorded(runs: pd.DataFrame, known: pd.DataFrame) -> str:
    """Return in words which cells have no recorded parameters, if some do not; empty if all have them."""
    there = pd.MultiIndex.from_frame(known[tables.PAIR].astype(str))
    drawable = runs[named(runs, list(CONTOURS))]
    lacking = drawable[~pd.MultiIndex.from_frame(drawable[tables.PAIR].astype(str)).isin(there)]
    pairs = lacking[["optimizer", "problem"]].astype(str).drop_duplicates().agg(" on ".join, axis=1)
    return f"; without record.params=true, and not drawn: {', '.join(pairs)}" if len(pairs) else ""


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


def rate_figure(study: Study) -> Picture | str:
    known = study.best[study.best["run"].astype(str).isin(recorded(study.history, "rate.0"))]
    if known.empty:
        return "effective learning rates: run with record.params=true"
    small = known[named(known, list(CONTOURS))]
    if small.empty:
        return "effective learning rates: run problem=quadratic or problem=rosenbrock"
    figure = figures.effective_rates(study.history, small)
    lacking = of_those_recorded(study.best, known)
    caption = f"Effective learning rate of each parameter, median and quartiles{lacking}"
    return Picture("effective_rates", caption, figure, runs=small)


def schedule_figure(study: Study) -> Picture | str:
    found = schedules_of(study.runs)
    if not any(rule.name != "constant" or rule.warmup for rule, _ in found.values()):
        return "learning rates under schedules: run schedule=constant,cosine"
    notes = []
    if len(found) > MOST_SCHEDULES:
        best = schedules_of(study.best)
        shown = dict(list(best.items())[:MOST_SCHEDULES])
        which = "those" if len(shown) == len(best) else f"the first {MOST_SCHEDULES}"
        notes.append(f"of {len(found):,} schedules, {which} of the best settings are drawn")
        found = shown
    if study.runs["steps"].nunique() > 1:
        notes.append("over the longest run of each")
    return scheduled_rates(rates_of(found), list(found), "; ".join(notes))


def schedules_of(runs: pd.DataFrame) -> dict[str, tuple[Schedule, int]]:
    """Return each schedule that ran with the most steps that it had, by a name that says what varies."""
    found: dict[str, tuple[Schedule, int]] = {}
    for name in (name for name in SCHEDULES if (runs["schedule"] == name).any()):
        keys = list(SCHEDULES[name].hyperparameters())
        part = runs[runs["schedule"] == name].rename(columns=lambda column: column.removeprefix("schedule."))
        digits = {key: digits_of(part[key].unique(), least=4) for key in varying(part, keys)}
        for *values, steps in part.groupby(keys, as_index=False)["steps"].max().itertuples(index=False):
            numbers = dict(zip(keys, values, strict=True))
            words = [f"{key}={text(numbers[key], digits[key])}" for key in digits]
            found[" ".join([name, *words])] = SCHEDULES[name](**numbers), int(steps)
    return found


def rates_of(found: Mapping[str, tuple[Schedule, int]]) -> pd.DataFrame:
    """Return the ``rate`` of the update after each ``step`` of each ``schedule``; of long runs, of some."""
    parts = []
    for name, (rule, steps) in found.items():
        shown = np.unique(np.linspace(0, steps - 1, min(steps, MOST_UPDATES)).astype(int))
        rates = np.ravel(rule.factor(shown[:, None], steps))
        parts.append(pd.DataFrame({"schedule": name, "step": shown, "rate": rates}))
    return pd.concat(parts, ignore_index=True)


def scheduled_rates(table: pd.DataFrame, names: Sequence[str] = (), note: str = "") -> Picture:
    """Return the picture of schedules, from their ``rate`` at each ``step``, a share of the learning rate."""
    caption = "The learning rate of each update under each schedule, as a share of lr"
    figure = figures.schedules(table, names=names)
    return Picture("schedules", f"{caption}; {note}" if note else caption, figure, frame=table)


def contraction_figure(study: Study) -> Picture | str:
    """Return observed rates beside those of theory, where that knows the curvatures of a problem."""
    if "distance" not in study.history:
        return "observed rates beside those of theory: the histories have no distance"
    found = measures.observed_contractions(study.best, study.history)
    left_out = of_those_left_out(found)
    if found.table.empty:
        wanted = "run problem=quadratic_bowl or problem=logistic, with all data in a step"
        return f"observed rates beside those of theory: {wanted}{left_out}"
    condition = found.table["condition"]
    bounds = measures.optimal_contractions(
        max(condition.min() / 10, 1),
        condition.max() * 10,
        any_function=not found.table["quadratic"].all(),
    )
    return Picture(
        "contractions",
        "Left: the share of the distance to the minimiser that a step takes away in the end, at the best "
        "settings, over the largest by the smallest curvature; lines: what theory has for the optimal "
        "settings on a quadratic. Right: e-folds a step over those that theory has for the run's own "
        "settings, after many steps; of a regression it has a bound, near or above which the run then lies, "
        "and none for a learning rate that the bound does not show to be stable. Median and quartiles over "
        f"seeds{left_out}",
        figures.contractions(found.table, bounds, optimizers=NAMES),
        frame=found.table,
        runs=of_problems(study.best, found.table),
    )


def cycle_figure(study: Study) -> Picture | str:
    """Return how far from the minimum a constant rate ends beside the cycle of theory, on aligned bowls."""
    found = measures.observed_cycles(study.runs)
    if found.table.empty:
        return (
            "cycles at a constant learning rate: run optimizer=signsgd,rmsprop,adam problem=quadratic_bowl"
            + of_those_left_out(found)
        )
    return Picture(
        "cycles",
        "Distance of a coordinate from the minimum after the last step (root mean square over runs and "
        "coordinates), in learning rates. Lines: the cycle that theory has at a constant learning rate, of "
        "half-width lr/2 for signs (band: about a centre that the start decides) and for RMSprop; dotted, of "
        "rules with momentum, its scale. Above its line a run is still on its way; below it the average of "
        "squares has not forgotten the start yet. What ends beyond the axis is drawn at its "
        f"end{of_those_left_out(found)}",
        figures.cycles(found.table, optimizers=NAMES),
        frame=found.table,
        runs=of_problems(study.runs, found.table),
    )


def of_those_left_out(found: measures.Beside) -> str:
    """Return in words what is not drawn beside theory; empty if all is."""
    return f". Not drawn: {'; '.join(found.left_out)}" if found.left_out else ""


def of_problems(runs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the optimizers and problems in a table."""
    there = pd.MultiIndex.from_frame(table[tables.PAIR].astype(str).drop_duplicates())
    return runs[pd.MultiIndex.from_frame(runs[tables.PAIR].astype(str)).isin(there)]


DRAWINGS: tuple[Callable[[Study], Picture | str], ...] = (
    curves,
    sensitivity,
    normalised_sensitivity,
    map_of_two,
    fitted_curve,
    path_figure,
    rate_figure,
    schedule_figure,
    contraction_figure,
    cycle_figure,
)
"""Each returns its picture, or what is missing and how to make it."""
