"""Who is better, how surely: the parts of a report that compare optimizers over problem instances.

Settings are chosen on a third of the seeds and compared on the others, which chose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments import figures, inference, measures, tables, tuning
from experiments.page import Part, Picture, Table, Text, bullet_list
from optim import OPTIMIZERS

NAMES = tuple(OPTIMIZERS)
FEWEST_INSTANCES = 3
FLOOR = 1e-16  # smaller numbers differ by rounding only
REFERENCE = "rmsprop"
SPECIAL_CASES = {"adam": "rmsprop"}
"""An optimizer and another that it contains, or nearly: it should not lose to it when tuned well."""

WITHOUT = ("optimizer.momentum",)
"""Hyperparameters whose 0 makes an optimizer the special case without them."""


def comparison_parts(runs: pd.DataFrame, measure: str, factor: float) -> Iterator[Part]:
    """Yield the alarms, and the comparison over problems at settings chosen on other seeds."""
    runs = tables.labelled(runs)
    choosing, reported = split_seeds(runs)
    best = tables.best_settings(choosing, measure, reported)
    chosen = tables.runs_at(reported, best)
    same = choosing is reported
    yield Text("## Comparison")
    yield Text(
        "There are too few seeds to choose settings on some and compare on others: all that follows was "
        "chosen by the same runs that it shows, and flatters whoever had more settings to choose from."
        if same
        else f"Settings were chosen by the best median {measure} on seeds {span(choosing)}, and are "
        f"compared on seeds {span(reported)}."
    )
    warnings = alarms(runs, measure, factor)
    yield Text("Alarms:" if warnings else "No alarms.")
    if warnings:
        yield bullet_list(warnings)
    if chosen["optimizer"].nunique() < 2:
        yield Text("Nothing to compare: run two optimizers at least, optimizer=sgd,rmsprop.")
        return
    for part in (*cost_parts(chosen), *rank_parts(chosen, measure), *pair_parts(chosen, measure)):
        yield part if isinstance(part, Text) else replace(part, runs=chosen)


def split_seeds(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs that choose settings and those that are reported; the same if there are few seeds.

    Tuning seeds choose where there are any, among the trials that were rerun on other seeds;
    else the upper third of at least three seeds.
    """
    seeds = np.sort(runs["seed"].unique())
    if seeds[-1] >= tuning.FIRST_TUNING_SEED > seeds[0]:
        reported = runs[runs["seed"] < tuning.FIRST_TUNING_SEED]
        return rerun(tuning_runs(runs), reported), reported
    if len(seeds) < 3:
        return runs, runs
    first = int(seeds[-(len(seeds) // 3)])
    return runs[runs["seed"] >= first], runs[runs["seed"] < first]


def tuning_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs on tuning seeds: the trials of a search, every one on the same seeds."""
    return runs[runs["seed"] >= tuning.FIRST_TUNING_SEED]


def rerun(pool: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of a pool whose problem and setting are among those reported."""
    keys = [str(key) for key in pool if str(key).startswith(("optimizer", "problem"))]
    if not keys:  # one setting alone
        return pool
    there, known = (pd.MultiIndex.from_frame(runs[keys].astype(str)) for runs in (pool, reported))
    return pool[there.isin(known)]


def span(runs: pd.DataFrame) -> str:
    return f"{runs['seed'].min():,} to {runs['seed'].max():,}"


def alarms(runs: pd.DataFrame, measure: str, factor: float) -> list[str]:
    """Return a line for each sign that a comparison is unfair.

    The best learning rate lies at an end of its grid (Wilson et al., 2017); an optimizer
    loses to one that it contains, or to itself without momentum (Choi et al., 2019).
    """
    choosing, reported = split_seeds(runs)
    best = tables.best_settings(choosing, measure)
    return [
        *edge_alarms(runs, best),
        *special_case_alarms(best, measure, factor),
        *without_alarms(choosing, reported, measure, factor),
    ]


def edge_alarms(runs: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    """Return a line for each optimizer whose best learning rate is at an end of its grid somewhere."""
    lines = []
    for optimizer, part in best.groupby("optimizer"):
        grid = runs.loc[runs["optimizer"] == optimizer, "optimizer.lr"]
        ends = part.loc[part["optimizer.lr"].isin([grid.min(), grid.max()]), "problem"].astype(str)
        if grid.nunique() > 1 and len(ends):
            lines.append(
                f"{optimizer}: the best learning rate is at an end of its grid, {grid.min():g} to "
                f"{grid.max():g}, on {len(ends)} of {len(part)} problems ({named(ends)}); extend it"
            )
    return lines


def special_case_alarms(best: pd.DataFrame, measure: str, factor: float) -> list[str]:
    """Return a line for each optimizer that does worse, by the factor, than one that it nearly contains."""
    lines = []
    medians = best.astype({"problem": str}).pivot(index="problem", columns="optimizer", values="median")
    for larger, smaller in SPECIAL_CASES.items():
        if {larger, smaller} <= set(medians):
            loses = worse(medians[larger], medians[smaller], measure, factor)
            if len(loses):
                lines.append(
                    f"{larger} loses to {smaller}, which it nearly contains, on {len(loses)} of "
                    f"{len(medians)} problems ({named(loses)}); its other hyperparameters want tuning"
                )
    return lines


def worse(these: pd.Series, those: pd.Series, measure: str, factor: float) -> list[str]:
    """Return the problems, the index, on which these medians are worse than those by more than the factor."""
    kind = tables.measure_of(measure, [measure])
    if kind.higher_is_better:
        return [str(name) for name in these.index[these * factor < those]]
    return [str(name) for name in these.index[kind.cost(these) > factor * kind.cost(those)]]


def without_alarms(choosing: pd.DataFrame, reported: pd.DataFrame, measure: str, factor: float) -> list[str]:
    """Return a line for each optimizer whose best setting with momentum loses to its best without.

    Both are chosen among the runs that choose settings, or, where those have none without
    momentum, as when a search drew it, both among the reported runs.
    """
    lines = []
    for key in WITHOUT:
        if key not in choosing:
            continue
        for optimizer in sorted(choosing["optimizer"].astype(str).unique()):
            pairs = (with_and_without(runs, optimizer, key, measure) for runs in (choosing, reported))
            medians = next((pair for pair in pairs if len(pair)), pd.DataFrame())
            loses = worse(medians["with"], medians["without"], measure, factor) if len(medians) else []
            if loses:
                word = key.removeprefix("optimizer.")
                lines.append(
                    f"{optimizer} with {word} loses to its own special case, {optimizer} without, on "
                    f"{len(loses)} of {len(medians)} problems ({named(loses)}); search its {word} and "
                    "learning rate together, and longer"
                )
    return lines


def with_and_without(runs: pd.DataFrame, optimizer: str, key: str, measure: str) -> pd.DataFrame:
    """Return the best medians of an optimizer with that hyperparameter above 0, and at 0: a row a problem.

    Only of the problems that it ran on both with and without.
    """
    own = runs[runs["optimizer"] == optimizer]
    found = {}
    for name, part in (("with", own[own[key] > 0]), ("without", own[own[key] == 0])):
        if part.empty:
            return pd.DataFrame()
        best = tables.best_settings(part, measure).astype({"problem": str})
        found[name] = best.set_index("problem")["median"]
    return pd.DataFrame(found).dropna()


def named(problems: Iterable[str], most: int = 3) -> str:
    names = list(problems)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def cost_parts(chosen: pd.DataFrame) -> Iterator[Part]:
    """Yield what it costs to reach the targets: expected running time, profiles, runtime distributions."""
    costs = measures.target_costs(chosen)
    yield Table(
        "expected_running_time",
        "Expected steps with restarts until the suboptimality is that fraction of its start",
        by_target(measures.expected_running_time(chosen), "ert"),
    )
    yield Table(
        "algoperf_score",
        "Area under the performance profile up to 4 times the best (1 is best everywhere)",
        measures.algoperf_score(costs),
    )
    yield Picture(
        "profiles",
        "Share of problem-target pairs solved within a multiple of the best optimizer's cost (performance "
        "profile) and within so many gradient evaluations (data profile)",
        figures.profiles(measures.performance_profile(costs), measures.data_profile(costs), optimizers=NAMES),
    )
    yield Picture(
        "runtime_distributions",
        "Share of problem-target pairs reached within so many steps, with simulated restarts",
        figures.runtime_distributions(measures.runtime_distribution(chosen), optimizers=NAMES),
    )


def by_target(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return a table with a row for each problem and optimizer and a column for each target."""
    wide = table.pivot(index=["problem", "optimizer"], columns="target", values=value)
    wide = wide.sort_index(axis=1, ascending=False)
    return wide.rename(columns=lambda target: f"{target:.0e}").rename_axis(columns=None).reset_index()


def rank_parts(chosen: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield the ranks over problem instances and whether they differ by more than chance."""
    costs = measures.instance_costs(chosen, measure).dropna()
    if len(costs) < FEWEST_INSTANCES or costs.shape[1] < 3:
        yield Text(
            f"No test of ranks: it takes {FEWEST_INSTANCES} problem instances and three optimizers at least, "
            f"here are {len(costs)} and {costs.shape[1]}. Seeds do not count as instances; sweep a constant, "
            "problem.dim=2,5,10."
        )
        return
    test, critical = inference.friedman(costs), inference.nemenyi(costs)
    yield Text(
        f"Over {test.instances} problem instances the mean ranks differ "
        f"(Friedman test with the Iman-Davenport correction: F = {test.f:.3g}, p = {test.p:.2g}). "
        f"Two mean ranks differ by more than chance from {critical.difference:.2f} on (Nemenyi, 5 %)."
    )
    yield Picture(
        "critical_difference",
        f"Mean ranks over {test.instances} problem instances by median {measure}, 1 is best; a bar joins "
        "optimizers that do not differ by more than chance",
        figures.critical_difference(critical, optimizers=NAMES),
    )
    yield Table(
        "instances_needed",
        "Differences of mean ranks, and the instances it takes to find one of that size (power 0.8)",
        inference.instances_needed(critical),
    )


def pair_parts(chosen: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield each optimizer against one of them, paired over problem instances."""
    costs = measures.instance_costs(chosen, measure).dropna().clip(lower=FLOOR)
    if len(costs) < FEWEST_INSTANCES:
        return
    reference = REFERENCE if REFERENCE in costs else str(costs.columns[0])
    others = [str(name) for name in costs if name != reference]
    differences = {
        name: inference.paired_differences(costs[name], costs[reference], of="ratio") for name in others
    }
    tests = inference.wilcoxon_holm(differences)
    ratios = {
        name: inference.paired_bootstrap(costs[name], costs[reference], of="ratio", statistic=np.median)
        for name in others
    }
    wins = {name: inference.probability_of_superiority(costs[reference], costs[name]) for name in others}
    table = pd.DataFrame(
        {
            "comparison": [f"{name} / {reference}" for name in others],
            "value": [ratios[name].value for name in others],
            "low": [ratios[name].low for name in others],
            "high": [ratios[name].high for name in others],
            f"{reference} better, probability": [wins[name].value for name in others],
            "Wilcoxon p, Holm": [tests[name].p_holm for name in others],
            "instances": len(costs),
        }
    )
    yield Picture(
        "paired_differences",
        f"Median over instances of the ratio of final {measure}; above 1 {reference} is better",
        figures.paired_differences(table, f"final {measure}, ratio to {reference}", ratio=True),
    )
    yield Table(
        "paired_differences",
        f"Each optimizer against {reference}, paired over problem instances",
        table,
    )


def best_of_k_parts(runs: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield what more trials buy, where a study was tuned."""
    pool = tuning_runs(runs)
    if pool.empty:
        return
    trials = tables.by_setting(pool, measure)
    curves = measures.best_of_k_curves(trials, measure)
    winners = measures.probability_best_curves(trials, measure)
    yield Picture(
        "best_of_k",
        "Best of k trials of the search, and the probability that an optimizer has the best of all",
        figures.best_of_k(curves, winners, measure, optimizers=NAMES),
        runs=pool,
    )
