"""Who is better, how surely: the parts of a report that compare optimizers over problem instances.

Settings are chosen on some runs and compared on others (``protocol``). A comparison of all
optimizers takes the instances that all ran on; what it leaves out is listed, and beside it
stands what a table with holes allows. A budget of steps is no instance: where a problem has
several, each is compared by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments import figures, inference, measures, tables
from experiments.figures import charts
from experiments.figures.parts import Part, Picture, Table, Text
from experiments.reports.alarms import alarms, named
from experiments.reports.page import bullet_list
from experiments.reports.suites import memberships, over_suites
from experiments.tables.coverage import NOTHING, Where, missing_instances, unmeasured
from experiments.tuning.protocol import Budget, Split, budgets, split
from experiments.wording import counted
from optim import OPTIMIZERS

NAMES = tuple(OPTIMIZERS)
FEWEST_INSTANCES = 3
LEVEL = 0.05
"""Of every test: the probability to find a difference where there is none."""

FLOOR = 1e-16  # smaller numbers differ by rounding only
REFERENCE = "rmsprop"


def comparison_parts(runs: pd.DataFrame, measure: str, factor: float, where: Where = ()) -> Iterator[Part]:
    """Yield the alarms, and the comparison over problems at settings chosen on other seeds."""
    by_use = split(runs, where)
    chosen = tables.settings_shown(by_use.choosing, by_use.shown, measure)
    yield from parts_of(by_use, measure, factor, where)
    yield from uneven_parts(by_use.runs, by_use, chosen, measure)


def parts_of(parts: Split, measure: str, factor: float, where: Where) -> Iterator[Part]:
    """Yield the alarms and the comparison of runs that are split already."""
    yield Text("## Comparison")
    yield Text(how_compared(parts, measure))
    for budget in budgets(parts, where):
        if budget.heading:
            yield Text(budget.heading)
        suites = memberships(budget.split.runs)
        yield from (Text(each.said) for each in suites)
        yield from engine_lines(budget.split.runs)
        yield from budget_parts(budget, measure, factor)
        for over in over_suites(budget, suites):
            yield Text(over.heading)
            yield from budget_parts(over, measure, factor)


def engine_lines(runs: pd.DataFrame) -> Iterator[Text]:
    """Yield a line that names who ran under an engine of their own, where a problem has several."""
    if "engine" not in runs:
        return
    cells = runs[[*tables.PAIR, "engine"]].astype(str).drop_duplicates()
    mixed = cells[cells.groupby("problem")["engine"].transform("nunique") > 1]
    if len(mixed):
        most = mixed.groupby("problem")["engine"].transform(lambda engines: engines.mode().iloc[0])
        few = mixed[mixed["engine"] != most].groupby(["optimizer", "engine"])["problem"].nunique()
        rows = few.reset_index().itertuples(index=False, name=None)
        words = [f"{name} under {engine} on {counted(n, 'problem')}" for name, engine, n in rows]
        yield Text(f"Not all ran under one engine, and engines differ in rounding: {', '.join(words)}.")


def uneven_parts(runs: pd.DataFrame, by_use: Split, chosen: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield which seeds choose and are shown, where that differs, and what the tables leave out."""
    if not by_use.uniform:
        yield Table("seeds", "Which seeds choose settings, and which are shown", by_use.cells)
    lost = pd.concat([by_use.left_out, unmeasured(runs, chosen, measure)], ignore_index=True)
    if len(lost):
        fills = " The command fills the hole." if lost["command"].ne(NOTHING).any() else ""
        yield Text(
            f"Not all runs can be compared: {int(lost['runs'].sum()):,} of {len(runs):,} neither choose "
            f"settings nor show how they do.{fills}"
        )
        yield Table("left_out", "What the tables of best settings and the comparisons leave out", lost)


def how_compared(parts: Split, measure: str) -> str:
    """Return in words which runs choose, and which are compared."""
    if parts.by_the_same_runs:
        return (
            "There are too few seeds to choose settings on some and compare on others: all that follows was "
            "chosen by the same runs that it shows, and flatters whoever had more settings to choose from."
        )
    if not parts.uniform:
        return (
            f"Settings were chosen by the best median {measure}, and are compared, on the seeds that the "
            "table `seeds` says for each optimizer and problem."
        )
    row = parts.cells.iloc[0]
    return (
        f"Settings were chosen by the best median {measure} on {words(row['choosing'])}, and are "
        f"compared on {words(row['shown'])}."
    )


def words(spans: str) -> str:
    """Return spans of seeds in words: seeds 0 to 19, 30."""
    numbers = [[f"{int(end):,}" for end in span.split("-")] for span in spans.split()]
    several = len(numbers) > 1 or len(numbers[0]) > 1
    return f"seed{'s' if several else ''} {', '.join(' to '.join(ends) for ends in numbers)}"


def budget_parts(budget: Budget, measure: str, factor: float) -> Iterator[Part]:
    """Yield the alarms and the comparison at one budget."""
    parts = budget.split
    warnings = alarms(parts, measure, factor)
    yield Text("Alarms:" if warnings else "No alarms.")
    if warnings:
        yield bullet_list(warnings)
    chosen = tables.runs_at(parts.shown, tables.best_settings(parts.choosing, measure, parts.shown))
    if chosen["optimizer"].nunique() < 2:
        yield Text("Nothing to compare: run two optimizers at least, optimizer=sgd,rmsprop.")
        return
    costs = measures.instance_costs(chosen, measure)
    yield from rests_on(costs)
    yield from hole_parts(budget, chosen)
    for part in (*cost_parts(chosen), *rank_parts(costs, measure), *pair_parts(costs, measure)):
        yield part if isinstance(part, Text) else replace(part, name=budget.named(part.name), runs=chosen)


def rests_on(costs: pd.DataFrame) -> Iterator[Text]:
    """Yield a line that names the cells in the comparison that have no finite number."""
    lost = [
        f"{optimizer} on {named(costs.index[costs[optimizer] == np.inf])}"
        for optimizer in costs
        if (costs[optimizer] == np.inf).any()
    ]
    if lost:
        yield Text(
            "The comparison rests on cells without a number, where half of the runs or more diverged or "
            f"never arrived; they count as the worst there is: {'; '.join(lost)}."
        )


def hole_parts(budget: Budget, chosen: pd.DataFrame) -> Iterator[Part]:
    """Yield what the comparison of all optimizers leaves out: instances that not all of them ran on."""
    holes = missing_instances(chosen, budget.where, budget.split.runs)
    if len(holes):
        instances = chosen["problem"].nunique()
        yield Text(
            f"{counted(instances, 'problem instance')}, of which all optimizers ran on "
            f"{instances - len(holes)}: profiles, runtime distributions and Friedman's test are of those."
        )
        yield Table(
            budget.named("incomplete_instances"),
            "Instances that the comparison of all optimizers leaves out, and what would bring them in",
            holes,
            chosen,
        )


def cost_parts(chosen: pd.DataFrame) -> Iterator[Part]:
    """Yield what it costs to reach the targets: expected running time, profiles, runtime distributions."""
    unit = measures.unit(chosen)
    yield Table(
        "expected_running_time",
        f"Expected {unit} with restarts until the suboptimality is that fraction of its start",
        by_target(measures.expected_running_time(chosen), "ert"),
    )
    costs = measures.target_costs(chosen).dropna()
    if costs.empty:
        yield Text("No profiles: there is no problem instance that all optimizers ran on.")
        return
    there = costs.index.get_level_values("problem").astype(str)
    on_all = chosen[chosen["problem"].astype(str).isin(there)]
    yield Table(
        "algoperf_score",
        "Area under the performance profile up to 4 times the best (1 is best everywhere)",
        measures.algoperf_score(costs),
    )
    performance, data = measures.performance_profile(costs), measures.data_profile(costs)
    yield Picture(
        "profiles",
        "Share of problem-target pairs solved within a multiple of the best optimizer's cost (performance "
        "profile) and within so many gradient evaluations (data profile)",
        figures.profiles(performance, data, optimizers=NAMES, unit=unit),
        chart=lambda: charts.profiles(performance, data, NAMES, unit),
    )
    yield Picture(
        "runtime_distributions",
        f"Share of problem-target pairs reached within so many {unit}, with simulated restarts",
        figures.runtime_distributions(measures.runtime_distribution(on_all), optimizers=NAMES, unit=unit),
    )


def by_target(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return a table with a row for each problem and optimizer and a column for each target."""
    wide = table.pivot(index=["problem", "optimizer"], columns="target", values=value)
    wide = wide.sort_index(axis=1, ascending=False)
    return wide.rename(columns=lambda target: f"{target:.0e}").rename_axis(columns=None).reset_index()


def rank_parts(costs: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield the ranks over problem instances, and whether a test finds that they differ."""
    whole = costs.dropna()
    if len(whole) < FEWEST_INSTANCES or costs.shape[1] < 3:
        yield Text(
            f"No test of ranks over instances that all ran on: it takes {FEWEST_INSTANCES} problem instances "
            f"and three optimizers at least, here are {len(whole)} and {costs.shape[1]}. Seeds do not count "
            "as instances; sweep a constant, problem.dim=2,5,10."
        )
    else:
        yield from complete_rank_parts(whole, measure)
    if len(whole) < len(costs):
        yield Text(test_with_holes(costs))


def complete_rank_parts(costs: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield Friedman's test, and what Nemenyi's says of the pairs, on a table without holes."""
    test, critical = inference.friedman(costs), inference.nemenyi(costs, alpha=LEVEL)
    found = "mean ranks differ" if test.p <= LEVEL else "mean ranks are not shown to differ"
    pairs = (
        f"Two mean ranks differ by more than chance from {critical.difference:.2f} on"
        if test.p <= LEVEL
        else f"Two mean ranks would differ by more than chance from {critical.difference:.2f} on"
    )
    yield Text(
        f"Over {counted(test.instances, 'problem instance')} the {found} at the level of {LEVEL:.0%} "
        f"(Friedman test with the Iman-Davenport correction: F = {test.f:.3g}, p = {test.p:.2g}). "
        f"{pairs} (Nemenyi, {LEVEL:.0%})."
    )
    yield Picture(
        "critical_difference",
        f"Mean ranks over {counted(test.instances, 'problem instance')} by median {measure}, 1 is best; a "
        "bar joins optimizers that do not differ by more than chance",
        figures.critical_difference(critical, optimizers=NAMES),
    )
    yield Table(
        "instances_needed",
        "Differences of mean ranks, and the instances it takes to find one of that size (power 0.8)",
        inference.instances_needed(critical),
    )


def test_with_holes(costs: pd.DataFrame) -> str:
    """Return in words what the test of Skillings and Mack says of a table with holes."""
    pairs = costs[costs.notna().sum(axis=1) >= 2]
    if len(pairs) < FEWEST_INSTANCES:
        return (
            f"No test of ranks with holes either: {counted(len(pairs), 'problem instance')} "
            "with two optimizers or more."
        )
    test = inference.skillings_mack(costs)
    found = "differ" if test.p <= LEVEL else "are not shown to differ"
    apart = (
        " It says nothing of optimizers in different groups, which share no instance: "
        f"{'; '.join(', '.join(group) for group in test.groups)}."
        if len(test.groups) > 1
        else ""
    )
    return (
        f"With the instances that only some ran on, {test.instances} in all, the ranks {found} at the level "
        f"of {LEVEL:.0%} (test of Skillings and Mack: {test.statistic:.3g} on {test.degrees} degrees of "
        f"freedom, p = {test.p:.2g} by permutations).{apart}"
    )


def pair_parts(costs: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield each optimizer against one of them, paired over the problem instances that both ran on."""
    reference = REFERENCE if REFERENCE in costs else str(costs.columns[0])
    both = {
        str(name): clipped(costs[[name, reference]].dropna(), measure) for name in costs if name != reference
    }
    few = [name for name, pairs in both.items() if len(pairs) < FEWEST_INSTANCES]
    enough = {name: pairs for name, pairs in both.items() if name not in few}
    if few:
        yield Text(
            f"Not paired with {reference}, for want of {FEWEST_INSTANCES} problem instances that both ran "
            f"on: {', '.join(few)}."
        )
    if not enough:
        return
    table, ratio = paired_table(enough, reference, measure), not is_difference(measure)
    caption = f"Median over instances of the ratio of final {measure}; above 1 {reference} is better"
    label = f"final {measure}, ratio to {reference}"
    if not ratio:
        caption = (
            f"Median over instances of {reference}'s final {measure} less the other's; above 0 it is better"
        )
        label = f"final {measure} of {reference} less the other's"
    yield Picture("paired_differences", caption, figures.paired_differences(table, label, ratio=ratio))
    yield Table(
        "paired_differences",
        f"Each optimizer against {reference}, paired over the problem instances that both ran on",
        table,
    )


def is_difference(measure: str) -> bool:
    """Tell whether a measure is compared by differences: where high is good, costs are negative."""
    return tables.measure_of(measure, [measure]).higher_is_better


def clipped(costs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return costs such that those that differ by rounding only are equal, where ratios are taken."""
    return costs if is_difference(measure) else costs.clip(lower=FLOOR)


def compared(these: pd.Series, those: pd.Series, measure: str) -> tuple[float, float, float]:
    """Return the median over instances of these costs over those, or less those, with its interval."""
    of = "difference" if is_difference(measure) else "ratio"
    pairs = clipped(pd.DataFrame({"these": these, "those": those}), measure)
    found = inference.paired_bootstrap(pairs["these"], pairs["those"], of=of, statistic=np.median)
    return found.value, found.low, found.high


def paired_table(pairs: dict[str, pd.DataFrame], reference: str, measure: str) -> pd.DataFrame:
    """Return a row for each optimizer against the reference, given the costs of both."""
    of = "difference" if is_difference(measure) else "ratio"
    tests = inference.wilcoxon_holm(
        {
            name: inference.paired_differences(costs[name], costs[reference], of=of)
            for name, costs in pairs.items()
        },
        alpha=LEVEL,
    )
    rows = []
    for name, costs in pairs.items():
        ends = compared(costs[name], costs[reference], measure)
        win = inference.probability_of_superiority(costs[reference], costs[name]).value
        rows.append((f"{name} / {reference}", *ends, win, tests[name].p_holm, len(costs)))
    names = ["comparison", "value", "low", "high", f"{reference} better, probability", "Wilcoxon p, Holm"]
    return pd.DataFrame(rows, columns=[*names, "instances"])


def best_of_k_parts(trials: pd.DataFrame, measure: str) -> Iterator[Part]:
    """Yield what more trials buy, where a study was tuned."""
    if trials.empty:
        return
    settings = tables.by_setting(trials, measure)
    yield Picture(
        "best_of_k",
        "Best of k trials of the search, and the probability that an optimizer has the best of all",
        figures.best_of_k(
            measures.best_of_k_curves(settings, measure),
            measures.probability_best_curves(settings, measure),
            measure,
            optimizers=NAMES,
        ),
        runs=trials,
    )
