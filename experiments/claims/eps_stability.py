"""eps_stability: epsilon prevents division by zero and keeps the rate stable."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from experiments import figures
from experiments.claims.base import (
    FEWER_RESAMPLES,
    Evidence,
    Finding,
    Interval,
    Variant,
    Verdict,
    claim,
    geometric_mean,
    map_picture,
    pictures,
)
from experiments.figures.parts import Part, Picture
from experiments.wording import counted

EPS, LR = "optimizer.eps", "optimizer.lr"
ARTICLE_EPS = 1e-8
ARTICLE_LR = 0.01
SAME = 2.0
SHARE = "largest share of lr / epsilon"


@claim(
    "eps_stability",
    statement="Epsilon prevents division by zero and keeps the learning rate stable.",
    experiment="eps_stability",
    predicate=(
        "Reproduced if with epsilon 0 every run diverges that meets a gradient of exactly 0 (digits, seed "
        "0), if with epsilon 1e-8 no run diverges anywhere, and if the largest effective rate stays at or "
        "below lr / epsilon for every epsilon above 0; refuted if epsilon 0 does no harm there or 1e-8 "
        "does not prevent it; else partly."
    ),
    revised=(
        "More learning rates were added, so that more than one run meets a gradient of exactly 0, and the "
        "effect became the share of those that diverge; the verdict was the same before."
    ),
)
def decide(evidence: Evidence) -> Finding:
    runs = evidence.runs.assign(diverged=evidence.runs["status"] == "diverged")
    lost, safe = zero_gradient(runs, 0.0)["diverged"], ~runs.loc[runs[EPS] == ARTICLE_EPS, "diverged"]
    rates = rate_table(evidence)
    at_article = runs[runs[LR] == ARTICLE_LR]
    results = result_table(at_article)
    largest = results[results["epsilon"] == results["epsilon"].max()]["times that of 1e-8"]
    decided = rule(runs, rates)
    return Finding(
        verdict=decided,
        effect=share(lost),
        unit="share of runs that diverge with epsilon 0 where a gradient is exactly 0",
        evidence=(
            f"With epsilon 0, {lost.sum()} of {counted(len(lost), 'run that meets', 'runs that meet')} "
            "a gradient of exactly 0 diverge, "
            f"with 1e-8 {(~safe).sum()} of all {len(safe)}; an epsilon from {indifferent(results)} changes "
            f"the median result by less than a factor of {SAME:g} on every problem, and one of 1 makes it "
            f"{largest.min():.1f} to {largest.max():.0f} times worse."
        ),
        tables={"Results by epsilon": results, "The largest effective rate": rates},
        variants=variants(runs, rates),
        absent={
            "target": "a divergence has no target",
            "selection rule": "nothing is selected, as every run counts",
        },
        read={"Results by epsilon": at_article, "The largest effective rate": runs[runs[EPS] > 0]},
    )


def rule(runs: pd.DataFrame, rates: pd.DataFrame, eps: float = ARTICLE_EPS) -> Verdict:
    """Return the verdict on these runs, with ``eps`` as the one that is to prevent the division by zero."""
    lost, safe_there = zero_gradient(runs, 0.0)["diverged"], ~zero_gradient(runs, eps)["diverged"]
    safe = ~runs.loc[runs[EPS] == eps, "diverged"]
    bounded = (rates[SHARE] <= 1 + 1e-9).all()
    return verdict(lost, safe_there, bool(safe.all() and bounded))


def zero_gradient(runs: pd.DataFrame, eps: float) -> pd.DataFrame:
    """Return the runs with that epsilon that meet a gradient of exactly 0."""
    rows: pd.DataFrame = runs[(runs["problem"] == "logistic") & (runs["seed"] == 0) & (runs[EPS] == eps)]
    return rows


def variants(runs: pd.DataFrame, rates: pd.DataFrame) -> Iterator[Variant]:
    """Yield the rule with other epsilons, fewer steps, each learning rate."""
    for eps in sorted(set(runs[EPS]) - {0.0, ARTICLE_EPS}):
        yield Variant("epsilon that is to help", f"{eps:g}", rule(runs, rates, eps))
    if "diverged_at" in runs:
        for steps in (1, 20):
            yield Variant(
                "budget",
                f"{steps} step{'s' if steps > 1 else ''}",
                rule(runs.assign(diverged=runs["diverged_at"] <= steps), rates),
            )
    for lr in sorted(set(runs[LR])):
        yield Variant("learning rate", f"{lr:g} alone", rule(runs[runs[LR] == lr], rates))


def verdict(lost: pd.Series, safe_there: pd.Series, stable: bool) -> Verdict:
    if not lost.any() or not safe_there.all():
        return Verdict.REFUTED
    return Verdict.REPRODUCED if lost.all() and stable else Verdict.PARTLY


def share(flags: pd.Series) -> Interval:
    """Return the share of true flags with its exact interval (Clopper & Pearson, 1934)."""
    found = binomtest(int(flags.sum()), len(flags)).proportion_ci(method="exact")
    return Interval(float(flags.mean()), float(found.low), float(found.high))


def result_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the median suboptimality (a diverged run is infinite) and the share diverged."""
    runs = runs.assign(suboptimality=runs["suboptimality"].fillna(np.inf))
    groups = runs.groupby(["problem", EPS], observed=True)
    table = groups.agg(
        runs=("run", "size"), diverged=("diverged", "mean"), median=("suboptimality", "median")
    ).reset_index()
    usual = table[table[EPS] == ARTICLE_EPS].set_index("problem")["median"]
    names = {EPS: "epsilon", "diverged": "share diverged", "median": "median suboptimality"}
    ratio = table["median"] / table["problem"].map(usual).astype(float)
    return table.assign(**{"times that of 1e-8": ratio}).rename(columns=names)


def indifferent(results: pd.DataFrame) -> str:
    """Return the range of epsilons, about the article's, whose results are the same within the factor."""
    ratio = results["times that of 1e-8"]
    same = ((ratio <= SAME) & (ratio >= 1 / SAME)).groupby(results["epsilon"]).all()
    positive = same[same.index > 0]
    good = [eps for eps in positive.index if positive[min(eps, ARTICLE_EPS) : max(eps, ARTICLE_EPS)].all()]
    return f"{min(good):g} to {max(good):g}"


def rate_table(evidence: Evidence) -> pd.DataFrame:
    """Return the largest effective rate of any parameter on the way, and as a share of lr / epsilon."""
    rates = [str(column) for column in evidence.history if str(column).startswith("rate.")]
    largest = evidence.history.groupby("run", observed=True)[rates].max().max(axis=1)
    runs = evidence.runs[evidence.runs[EPS] > 0]
    rate = runs["run"].astype(str).map(largest.rename(index=str))
    bound = runs["optimizer.lr"] / runs[EPS]
    groups = [runs["problem"].astype(str), runs[EPS].rename("epsilon")]
    table = pd.DataFrame({"largest rate": rate, SHARE: rate / bound}).groupby(groups).max()
    return table.reset_index()


def map_table(evidence: Evidence) -> pd.DataFrame:
    """Return how far each epsilon is from a factor of ``SAME`` worse than no epsilon.

    By learning rate and epsilon: ``SAME`` times the suboptimality with epsilon 0, over that
    with this one; the geometric mean over seeds, infinite where a run diverged with epsilon
    0 only, 0 where with this one. Columns: problem, optimizer.lr, optimizer.eps, ratio, low,
    high; above 1 this epsilon prevents what it should and changes little else.
    """
    runs = evidence.runs.assign(suboptimality=evidence.runs["suboptimality"].fillna(np.inf))
    rows = []
    for (problem, lr), part in runs.groupby([runs["problem"].astype(str), LR]):
        wide = part.pivot(index="seed", columns=EPS, values="suboptimality")
        for eps in (float(column) for column in wide if column != 0):  # type: ignore[arg-type]
            with np.errstate(divide="ignore"):
                logs = np.log((SAME * wide[0.0] / wide[eps]).to_numpy(float))
            found = geometric_mean(logs, resamples=FEWER_RESAMPLES)
            rows.append((problem, lr, eps, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["problem", LR, EPS, "ratio", "low", "high"])


@pictures("eps_stability")
def draw(evidence: Evidence) -> Iterator[Part]:
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
        map_table(evidence),
        "optimizer.lr",
        "optimizer.eps",
        "twice that without / with",
    )
