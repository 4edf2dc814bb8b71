"""The answer that a report begins with: who is best, by how much, how surely, tuned how, over what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments import inference, measures, tables
from experiments.claims.base import listed
from experiments.figures.parts import Part, Table, Text
from experiments.inference.friedman import mean_ranks
from experiments.reports.alarms import alarms
from experiments.reports.comparison import FEWEST_INSTANCES, LEVEL, compared, is_difference, words
from experiments.reports.contests import contest_of_ranks, contest_of_seeds
from experiments.reports.page import bullet_list
from experiments.tables.coverage import Where, spans
from experiments.tuning.protocol import Budget, Split, budgets, searched_or_swept, tuning_runs
from experiments.wording import counted

MOST_ALARMS = 6
MOST_SAID = 6  # problems


@dataclass(frozen=True)
class Field:
    """Who is compared over what.

    Attributes:
        runs: those at the chosen settings.
        costs: of each optimizer on each instance (``measures.instance_costs``).
        measure: what they are compared by.
        tried: how many settings each optimizer chose from on each problem: a series by both.
        searched: whether settings are trials of a search.
    """

    runs: pd.DataFrame
    costs: pd.DataFrame
    measure: str
    tried: pd.Series[int]
    searched: bool

    @property
    def whole(self) -> pd.DataFrame:
        """The costs of the instances that all optimizers ran on."""
        return self.costs.dropna()

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.costs]

    @property
    def over_instances(self) -> bool:
        """Whether there are instances enough to compare over them, rather than over seeds."""
        return len(self.whole) >= FEWEST_INSTANCES


def answer_parts(by_use: Split, measure: str, factor: float, where: Where) -> Iterator[Part]:
    """Yield a paragraph and a table that answer who is best, for each budget of steps, with the alarms."""
    yield Text("## In short")
    for budget in budgets(by_use, where):
        if budget.heading:
            yield Text(budget.heading)
        field = field_of(budget.split, measure)
        name = budget.named("in_short")
        if len(field.names) < 2:
            yield Text(alone(field))
        elif field.over_instances:
            yield from over_instances(field, name)
        else:
            yield from over_seeds(field, name)
        yield Text(how_tuned(field, budget))
        yield from warnings(alarms(budget.split, measure, factor))


def field_of(parts: Split, measure: str) -> Field:
    best = tables.best_settings(parts.choosing, measure, parts.shown)
    chosen = tables.runs_at(parts.shown, best)
    costs = measures.instance_costs(chosen, measure)
    offered = searched_or_swept(parts.runs)
    settings = offered[[*tables.PAIR, *tables.hyperparameters(offered)]].drop_duplicates()
    tried = settings.groupby(tables.PAIR, observed=True).size()
    return Field(chosen, costs, measure, tried, len(tuning_runs(parts.runs)) > 0)


def alone(field: Field) -> str:
    ran = f"only {field.names[0]} ran" if field.names else f"no run has the measure {field.measure}"
    return f"Nothing is compared: {ran}."


def warnings(lines: Sequence[str]) -> Iterator[Part]:
    """Yield the first of the alarms, and how many more the comparison has."""
    more = len(lines) - MOST_ALARMS
    if not lines:
        yield Text("No alarms.")
        return
    yield Text(f"{counted(len(lines), 'alarm').capitalize()}:")
    rest = [f"and {more} more, under Comparison"] if more > 0 else []
    yield bullet_list([*lines[:MOST_ALARMS], *rest])


# Over instances


def over_instances(field: Field, name: str) -> Iterator[Part]:
    """Yield who has the best mean rank over the instances that all ran on, and how surely."""
    ranks = tables_of_ranks(field)
    leader = str(ranks["optimizer"].iloc[0])
    yield Text(said_of_ranks(field, ranks, leader))
    yield Table(
        name,
        f"Over {counted(len(field.whole), 'instance')}: mean rank by median {field.measure}, 1 is "
        f"best; {against_name(field)} of {measure_words(field)} to that of {leader}, median, "
        "with its 95 % interval; p, the probability of ranks so far apart by chance; share diverged",
        ranks,
        field.runs,
        contest=contest_of_ranks(ranks, beaten(field, ranks)),
    )


def tables_of_ranks(field: Field) -> pd.DataFrame:
    """Return a row for each optimizer, the best mean rank first."""
    whole = field.whole
    means = mean_ranks(whole)
    leader = next(iter(means))
    chance = p_values(whole, leader)
    rows = []
    for optimizer, rank in means.items():
        against = compared(whole[optimizer], whole[leader], field.measure)
        best = int(whole.le(whole.min(axis=1), axis=0)[optimizer].sum())
        apart = ("-", "-", "-", "-") if optimizer == leader else (*against, chance[optimizer])
        rows.append((optimizer, rank, f"{best} of {len(whole)}", *apart, diverged(field, optimizer)))
    names = ["optimizer", "mean_rank", "best_on", against_name(field), "low", "high", "p", "diverged"]
    return pd.DataFrame(rows, columns=names).replace("-", np.nan).infer_objects()


def p_values(whole: pd.DataFrame, leader: str) -> dict[str, float]:
    """Return the p-value of each one's difference from the leader: Nemenyi's, or Wilcoxon's for two."""
    others = [str(name) for name in whole if name != leader]
    if whole.shape[1] > 2:
        found = inference.nemenyi(whole, alpha=LEVEL)
        return {name: float(found.p_values.loc[leader, name]) for name in others}  # type: ignore[arg-type]
    pairs = {name: inference.paired_differences(whole[name], whole[leader]) for name in others}
    return {name: test.p_holm for name, test in inference.wilcoxon_holm(pairs, alpha=LEVEL).items()}


def said_of_ranks(field: Field, ranks: pd.DataFrame, leader: str) -> str:
    """Return in words who leads, whom it is shown to beat, and by how much the next one is behind."""
    whole, others = field.whole, ranks.iloc[1:]
    worse = beaten(field, ranks)
    equal = [name for name in others["optimizer"] if name not in worse]
    head = (
        f"Over {counted(len(whole), 'problem instance')}, **{leader}** has the best mean rank, "
        f"{ranks['mean_rank'].iloc[0]:.3g} of {len(ranks)}"
    )
    test = "Nemenyi" if whole.shape[1] > 2 else "Wilcoxon"
    surely = [
        f"it is better than {listed(worse)} by more than chance" if worse else "",
        f"it is not shown to be better than {listed(equal, 'or')}" if equal else "",
    ]
    left = len(field.costs) - len(whole)
    holes = f" {counted(left, 'instance')} that not all ran on left out." if left else ""
    words = " and ".join(word for word in surely if word)
    return f"{head}: {words} ({test}, {LEVEL:.0%}). {behind(field, others.iloc[0])}{holes}"


def beaten(field: Field, ranks: pd.DataFrame) -> list[str]:
    """Return those that the first is shown to beat: none where Friedman's test finds no difference."""
    whole, others = field.whole, ranks.iloc[1:]
    differ = whole.shape[1] < 3 or inference.friedman(whole).p <= LEVEL
    return list(others.loc[others["p"] <= LEVEL, "optimizer"]) if differ else []


def behind(field: Field, second: pd.Series) -> str:
    """Return in words how far the next one is behind the leader."""
    name, (value, low, high) = second["optimizer"], second[[against_name(field), "low", "high"]]
    if is_difference(field.measure):
        words = measure_words(field)
        return (
            f"The next, {name}, is {value:.3g} [{low:.3g}, {high:.3g}] below it in {words} (median over all)."
        )
    return f"The next, {name}, has {value:.3g} [{low:.3g}, {high:.3g}] times its {measure_words(field)}."


def against_name(field: Field) -> str:
    return "difference" if is_difference(field.measure) else "ratio"


def measure_words(field: Field) -> str:
    return tables.measure_of(field.measure, [field.measure]).final_label


def diverged(field: Field, optimizer: str) -> float:
    own = field.runs[field.runs["optimizer"] == optimizer]
    return float((own["status"] == "diverged").mean())


# Over seeds


def over_seeds(field: Field, name: str) -> Iterator[Part]:
    """Yield who is best on each of a few problem instances, and how surely, seed by seed."""
    scored = tables.by_setting(field.runs, field.measure)
    parts = [
        of_problem(field, str(problem), part) for problem, part in scored.groupby("problem", observed=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    yield Text(
        f"There are too few problem instances to compare over them, {len(field.whole)} of "
        f"{FEWEST_INSTANCES} that all ran on; so this holds for these alone. "
        + " ".join(said_of_problem(field, part) for part in parts[:MOST_SAID])
    )
    yield Table(
        name,
        f"Median {field.measure} and its quartiles over seeds at the chosen setting, and the probability "
        "that the best one is better on a seed, with its 95 % interval",
        table,
        field.runs,
        contest=contest_of_seeds(table, tables.measure_of(field.measure, [field.measure])),
    )


def of_problem(field: Field, problem: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each optimizer on one problem, the best first."""
    kind = tables.measure_of(field.measure, [field.measure])
    order = rows.assign(cost=kind.cost(rows["median"])).sort_values(["cost", "optimizer"], kind="stable")
    own = field.runs[field.runs["problem"].astype(str) == problem]
    lost = own["status"].eq("diverged")
    values = kind.cost(own[field.measure].astype(float).mask(lost, kind.worst).fillna(kind.worst))
    by_seed = own.assign(cost=values).pivot(index="seed", columns="optimizer", values="cost")
    leader = str(order["optimizer"].iloc[0])
    found = []
    for row in order.to_dict("records"):
        optimizer = str(row["optimizer"])
        chance = better(by_seed[[leader, optimizer]].dropna()) if optimizer != leader else (np.nan,) * 3
        numbers = [row[key] for key in tables.QUARTILES]
        found.append((problem, optimizer, *numbers, *chance, row["diverged"], int(row["runs"])))
    names = ["problem", "optimizer", *tables.QUARTILES, "best_is_better", "low", "high", "diverged", "seeds"]
    return pd.DataFrame(found, columns=names)


def better(pairs: pd.DataFrame) -> tuple[float, float, float]:
    """Return the probability that the first of two columns is below the second, and its interval.

    NaN where fewer than two seeds are shared, of which nothing can be said.
    """
    if len(pairs) < 2:
        return np.nan, np.nan, np.nan
    found = inference.probability_of_superiority(pairs.iloc[:, 0], pairs.iloc[:, 1])
    return found.value, found.low, found.high


def said_of_problem(field: Field, rows: pd.DataFrame) -> str:
    """Return in words who is best on a problem, and how surely."""
    problem, leader = rows["problem"].iloc[0], rows["optimizer"].iloc[0]
    first = tables.cell(rows["median"].iloc[0])
    head = f"On {problem}, **{leader}** has the best median {measure_words(field)}, {first}"
    if len(rows) < 2:
        return f"{head}; no other ran."
    second = rows.iloc[1]
    name, other = second["optimizer"], tables.cell(second["median"])
    share, low, high = second[["best_is_better", "low", "high"]]
    if share != share:
        return f"{head}, before {name} with {other}; too few seeds are shared to tell how surely."
    surely = "is better than" if low > 0.5 else "is not shown to be better than"
    return (
        f"{head}, and {surely} {name} ({other}): it is on {share:.0%} of the seeds [{low:.0%}, {high:.0%}]."
    )


# Tuned how


def how_tuned(field: Field, budget: Budget) -> str:
    """Return in words how many settings each optimizer chose from, and on which seeds."""
    tried = field.tried.groupby("optimizer", observed=True).agg(["min", "max"])
    if tried.empty:
        return "No settings were chosen."
    ranges = {str(name): between(row["min"], row["max"]) for name, row in tried.iterrows()}
    alike = set(ranges.values())
    if len(alike) == 1:
        said = f"Each chose its setting on each problem from {counted_of(alike.pop(), field)}"
    else:
        uneven = listed([f"{name} {many}" for name, many in ranges.items()])
        said = f"Settings that each chose from on a problem, which is uneven: {uneven}"
    return f"{said}; {which_seeds(budget.split)}."


def between(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def counted_of(many: str, field: Field) -> str:
    one = "trial of a search" if field.searched else "setting"
    several = "trials of a search" if field.searched else "settings"
    return f"{many} {one if many == '1' else several}"


def which_seeds(parts: Split) -> str:
    """Return in words which seeds are shown, and whether they also chose."""
    if parts.by_the_same_runs:
        return "the runs that chose are those that are shown, which flatters whoever had more settings"
    if not parts.uniform:
        return "which seeds choose and which are shown is not the same for all: the table `seeds` has them"
    return f"the seeds that chose are others than the {words(spans(parts.shown['seed']))} that are shown"
