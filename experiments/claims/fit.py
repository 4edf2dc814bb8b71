"""fit: the article's settings fit the quadratic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments import figures
from experiments.claims.base import (
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    over_seeds,
    pictures,
)
from experiments.figures.drawings import NAMES, fit_of
from experiments.figures.parts import Part, Picture
from problems.quadratic import QuadraticFit, design

ARTICLE_LR = 0.01
TRUTH = np.array([2.0, 3.0, 4.0])
PARAMS = ["params.0", "params.1", "params.2"]
AGREEMENT = 1e-9
STANDARD_ERRORS = 3.0  # how near "near (2, 3, 4)" is
SHARE_LEFT = 0.01  # of the first suboptimality: how low "the loss falls" is
# What following the article to the letter gives (NumPy 2.4, float64)
ARTICLE = {
    "start a": 1.8831506970562544,
    "start b": -1.3477590611424464,
    "start c": -1.2704849984857336,
    "MSE after step 1": 87.33835656974905,
    "MSE after step 1000": 0.21397721767075764,
    "smallest MSE on the way": 0.21389460033799657,
    "final a": 2.07694441894195,
    "final b": 2.9802227580151204,
    "final c": 3.8147104791275557,
}
SENSITIVE = "smallest MSE on the way"
LEAST_SQUARES = {"least-squares a": 2.07194442, "least-squares b": 2.97522276, "least-squares c": 3.80971048}
EIGENVALUES = {"smallest eigenvalue": 0.42983, "middle eigenvalue": 3.06061, "largest eigenvalue": 17.42908}


@claim(
    "fit",
    statement="Its settings fit the quadratic: the parameters come out near (2, 3, 4) and the loss falls.",
    experiment="fit",
    predicate=(
        "Reproduced if the article's own run gives its numbers to 1e-9 (but for the one that depends "
        "on rounding), if over all data sets the median distance of every coefficient from (2, 3, 4) is "
        f"within {STANDARD_ERRORS:g} standard errors of least squares, and if every run ends with less "
        "than 1 % of its first suboptimality; refuted if the numbers differ; else partly."
    ),
    revised=(
        "The last condition first spoke of 1 % of the first loss, and the verdict was partly: some data sets "
        "start where the noise alone, which no fit removes, is more than that."
    ),
)
def decide(evidence: Evidence) -> Finding:
    runs = evidence.runs
    history = evidence.history.merge(runs[["run", "seed", "optimizer.lr"]].astype({"run": str}), on="run")
    at_article = history[history["optimizer.lr"] == ARTICLE_LR]
    numbers = article_numbers(at_article[at_article["seed"] == 0], runs)
    distances = distance_table(at_article)
    cycle = cycle_table(history)
    agree = bool(numbers.loc[numbers["quantity"] != SENSITIVE, "agrees"].all())
    effect = excess_over_least_squares(at_article)
    in_cycle = cycle.set_index("learning rate").loc[ARTICLE_LR]
    decided = rule(agree, at_article)
    at = runs[runs["optimizer.lr"] == ARTICLE_LR]
    return Finding(
        verdict=decided,
        effect=effect,
        unit="% of MSE above least squares",
        evidence=(
            f"The article's numbers {'agree' if agree else 'do not agree'} to 1e-9, but for the smallest MSE "
            "on the way, which rounding decides, and the coefficients come within "
            f"{distances['in standard errors'].max():.2g} standard errors of (2, 3, 4); the steps do not "
            f"converge to a point, though: {in_cycle['share in the cycle']:.0%} of the coefficients end in a "
            f"cycle of period two, {in_cycle['half-width / lr']:.3f} lr on either side of the least-squares "
            "solution."
        ),
        tables={
            "The article's numbers": shown(numbers),
            "Distance from the true coefficients": distances,
            "The final cycle": cycle,
        },
        variants=variants(agree, history),
        absent={"selection rule": "nothing is selected: the settings are the article's"},
        read={
            "The article's numbers": at[at["seed"] == 0],
            "Distance from the true coefficients": at,
        },
    )


def rule(
    agree: bool,
    history: pd.DataFrame,
    left: float = SHARE_LEFT,
    errors: float = STANDARD_ERRORS,
    share: float = 0.5,
) -> Verdict:
    """Return the verdict on these runs; ``share`` of the data sets must come near the truth."""
    near = distance_table(history, share)["in standard errors"] < errors
    return verdict(agree, bool(near.all()), bool(share_left(history).max() < left))


def variants(agree: bool, history: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule with other thresholds, fewer steps, other learning rates."""
    at_article = history[history["optimizer.lr"] == ARTICLE_LR]
    for left in (0.001, 0.1):
        yield Variant("target", f"{100 * left:g} % of the first suboptimality", rule(agree, at_article, left))
    for steps in (200, 500):
        before = at_article[at_article["step"] <= steps]
        yield Variant("budget", f"{steps} steps", rule(agree, before))
    for errors in (1.0, 2.0):
        yield Variant("nearness", f"{errors:.1f} standard errors", rule(agree, at_article, errors=errors))
    yield Variant("data sets that come near", "9 in 10", rule(agree, at_article, share=0.9))
    for lr in sorted(set(history["optimizer.lr"]) - {ARTICLE_LR}):
        part = history[history["optimizer.lr"] == lr]
        yield Variant("learning rate", f"{lr:g}", rule(agree, part))


def verdict(agree: bool, near: bool, falls: bool) -> Verdict:
    if not agree:
        return Verdict.REFUTED
    return Verdict.REPRODUCED if near and falls else Verdict.PARTLY


def article_numbers(run: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return each figure of the article beside the one measured here, and whether they agree.

    Agreement is to 1e-9, or to the last digit where the article gives fewer. Rounding
    decides on which side of the solution the last step ends: the nearer of the final
    parameters and their mirror image is compared.
    """
    by_step = run.set_index("step")
    start, end = by_step.loc[0, PARAMS].to_numpy(float), by_step.loc[1000, PARAMS].to_numpy(float)
    [smallest] = 2 * runs.loc[(runs["seed"] == 0) & (runs["optimizer.lr"] == ARTICLE_LR), "best_loss"]
    instance = QuadraticFit().instance(np.array([0]))
    solution = instance.minimiser[:, 0]
    stated = np.array(list(ARTICLE.values())[-3:])
    final = np.where(np.abs(end - stated) < np.abs(2 * solution - end - stated), end, 2 * solution - end)
    measured = [*start, by_step.loc[1, "mse"], by_step.loc[1000, "mse"], smallest, *final]
    measured += [*solution, *np.linalg.eigvalsh(instance.hessian)]
    article = ARTICLE | LEAST_SQUARES | EIGENVALUES
    table = pd.DataFrame({"quantity": list(article), "article": article.values(), "here": measured})
    tolerance = [max(AGREEMENT, half_a_digit(value)) for value in table["article"]]
    return table.assign(agrees=(table["article"] - table["here"]).abs() <= tolerance)


def half_a_digit(value: float) -> float:
    """Return half a unit of the last decimal that is written."""
    return 0.5 * 10.0 ** -len(repr(value).partition(".")[2])


def shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the table with as many digits as are compared."""
    return numbers.assign(
        article=[repr(value) for value in numbers["article"]],
        here=[f"{value:.9f}" for value in numbers["here"]],
    )


def distance_table(history: pd.DataFrame, share: float = 0.5) -> pd.DataFrame:
    """Return within which distance of the truth each coefficient ends, on a share of the data sets."""
    problem = QuadraticFit()
    covariance = problem.noise**2 * np.linalg.inv(design(problem).T @ design(problem))
    error = np.sqrt(np.diag(covariance))
    distance = (last(history)[PARAMS] - TRUTH).abs().quantile(share).to_numpy()
    return pd.DataFrame(
        {
            "coefficient": ["a", "b", "c"],
            "median distance from the truth": distance,
            "standard error of least squares": error,
            "in standard errors": distance / error,
        }
    )


def cycle_table(history: pd.DataFrame) -> pd.DataFrame:
    """Return for each learning rate how the last two steps lie about the solution."""
    rows = []
    for lr in np.sort(history["optimizer.lr"].unique()):
        part = history[history["optimizer.lr"] == lr]
        before, after = (errors(part, part["step"].max() - back) for back in (1, 0))
        half_width = np.abs(after - before) / 2
        cycling = np.isclose(before, -after, rtol=0.01) & np.isclose(half_width, lr / 2, rtol=0.01)
        rows.append((lr, len(after), np.median(half_width) / lr, cycling.mean()))
    return pd.DataFrame(rows, columns=["learning rate", "data sets", "half-width / lr", "share in the cycle"])


def errors(history: pd.DataFrame, step: int) -> np.ndarray:
    """Return the parameters at a step minus the least-squares solution, shape (runs, 3)."""
    rows = history[history["step"] == step]
    minimiser = QuadraticFit().instance(rows["seed"].to_numpy()).minimiser
    return rows[PARAMS].to_numpy() - minimiser.T


def excess_over_least_squares(history: pd.DataFrame) -> Interval:
    """Return by how many percent the final MSE exceeds the least possible, median over data sets."""
    end = last(history)
    excess = 100 * (end["suboptimality"] / (end["loss"] - end["suboptimality"])).to_numpy()
    return over_seeds(len(excess), lambda drawn: float(np.median(excess[drawn])))


def share_left(history: pd.DataFrame) -> pd.Series:
    """Return each run's last suboptimality as a share of its first."""
    first = history[history["step"] == 0].set_index("run")["suboptimality"]
    return last(history).set_index("run")["suboptimality"] / first


def last(history: pd.DataFrame) -> pd.DataFrame:
    rows: pd.DataFrame = history[history["step"] == history["step"].max()]
    return rows


@pictures("fit")
def draw(evidence: Evidence) -> Iterator[Part]:
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
