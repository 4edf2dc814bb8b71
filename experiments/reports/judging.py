"""A claim without code, from its file to its page: planned, written down, run, decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.claims import Claim, Evidence, Finding
from experiments.claims.base import Verdict
from experiments.claims.rules import Stated, There, decided, map_of, predicate, there_in
from experiments.claims.rules.comparisons import Compared, compared
from experiments.claims.rules.finding import verdict
from experiments.claims.rules.reading import check
from experiments.claims.rules.rule import AREA
from experiments.claims.rules.scores import choosing_seeds
from experiments.figures.parts import Part, Table, Text
from experiments.grid.experiment import swept_requests
from experiments.grid.request import Request
from experiments.inference.spending import levels
from experiments.plugins.state import words as plugin_words
from experiments.reports.article import decided_parts, verdict_table
from experiments.reports.experiments import Grid, grid_of_requests, run_words, say
from experiments.reports.html import folds, sources_fold, write_folds
from experiments.reports.latex import Studied, claim_methods, joined, origin_of, set_sections, write_latex
from experiments.reports.page import write_text, written
from experiments.reports.registration import registration_parts
from experiments.reports.sources import FOLDER, INDEX, Section, write_sources
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.store import MOST_READ, Store
from experiments.store.parquet import replacing
from experiments.store.registration import Registered, register
from experiments.tables.coverage import number_list, quoted, spans
from experiments.tables.distinct import distinct
from experiments.wording import counted

MOST_LOOKS = 20  # at data that grow
MOST_STEPS = 5_000_000  # recorded steps whose histories are read for choices made otherwise


NEEDED = (
    ("paired", "seed", "it adds seeds"),
    ("interval", "exact", "a bootstrap of few seeds holds at no level of a first look"),
    (
        "average",
        "median",
        "its interval holds whatever the distribution, that of a mean does not at all looks",
    ),
)
"""What a rule must be for seeds to be added: key, value, and why."""


@dataclass(frozen=True)
class Task:
    """A claim that is to be decided.

    Attributes:
        stated: what its file says.
        results: the folder that holds the studies.
        rule_text: what is written down of it.
        most_runs: up to how many runs seeds may be added; None to add none.
        latex: whether the page is written as LaTeX too.
    """

    stated: Stated
    results: Path
    rule_text: str
    most_runs: int | None
    latex: bool = False

    @property
    def folder(self) -> Path:
        """The folder of its study."""
        return self.results / self.stated.study

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the run command that makes its runs."""
        where = () if self.results == Path("results") else (f"results={self.results}",)
        return (*self.stated.runs, f"study={self.stated.study}", *where)


@dataclass(frozen=True)
class Look:
    """One look at data that grow.

    Attributes:
        seeds: how many seeds there are.
        confidence: of the intervals, such that those of all looks hold together.
        runs: how many runs were looked at.
        verdict: what the rule says then.
    """

    seeds: int
    confidence: float
    runs: int
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A claim that is decided, with its page.

    Attributes:
        finding: how it was decided.
        looks: at data that grew; none if they did not.
        page: the path of its report.
        row: its row of ``claims.csv``.
        paper: the path of its LaTeX, if that was asked for.
    """

    finding: Finding
    looks: tuple[Look, ...]
    page: Path
    row: pd.DataFrame
    paper: Path | None


def judged(task: Task, prepared: Callable[[Sequence[str]], list[str]]) -> Judged:
    """Decide a claim and write its page, running what is not there.

    Args:
        task: the claim.
        prepared: makes words of the run command as Hydra is to have them.

    Raises:
        ValueError: the claim asks for what cannot be.
        ExperimentFailed: its runs did.
    """
    stated = task.stated
    requests = swept_requests(prepared(task.words)) if stated.runs else []
    check(stated, there_for(requests) if requests else there_in(study_runs(task)))
    plan = [] if task.most_runs is None else looks_at(task, requests)
    looks: list[Look] = []
    rule = register(task.folder, stated.name, task.rule_text)
    if task.most_runs is None:
        evidence = evidence_of(task, requests, stated.runs)
        finding = decided(stated.rule, evidence)
    else:
        finding, evidence, looks = until_decided(task, prepared, plan)
    page, row, paper = write_page(task, finding, evidence, looks, rule)
    return Judged(finding, tuple(looks), page, row, paper)


# What there is, or will be


def there_for(requests: Sequence[Request]) -> There:
    """Return what there will be once these requests are run."""
    values: dict[str, dict[Any, None]] = {}
    for request in requests:
        for axis, those in request.product.allowed.items():
            if axis != "seed":
                values.setdefault(axis, {}).update(dict.fromkeys(each for each in those if each is not None))
    metrics = {name for request in requests for name in request.product.problem.metric_names}
    known = there_in(pd.DataFrame({"seed": [0], **{name: [0.0] for name in (*MEASURED, *metrics)}}))
    axes = {axis: tuple(those) for axis, those in values.items() if those}
    return There(axes, known.measures, len(requests[0].product.levels["seed"]))


MEASURED = (
    "suboptimality",
    "loss",
    "best_loss",
    "grad_norm",
    "distance",
    *(f"hit_1e-{digits}" for digits in range(1, 9)),
)
"""The columns by which every run is measured."""


def study_runs(task: Task) -> pd.DataFrame:
    """Return the runs of a study that is taken as it is.

    Raises:
        ValueError: there are none, or none by the present code.
    """
    store = Store(task.folder).within(MOST_READ)
    runs = distinct(store.runs(), store.with_params())
    if runs.empty:
        old = store.outdated()
        made = f"its {counted(old, 'run is', 'runs are')} of older code" if old else "it holds no runs"
        raise ValueError(
            f"claim.study={task.stated.study}: {made}, and claim.runs does not say which to make; "
            f"it would be the keys of the run command, as runs: {{optimizer: sgd,adam}}"
        )
    return runs


def evidence_of(task: Task, requests: Sequence[Request], words: Sequence[str]) -> Evidence:
    """Return what the rule is applied to, running what is not there of what was asked for."""
    store = Store(task.folder)
    if not requests:
        runs = study_runs(task)
        selections = store.selections()
        history = history_of(store, runs, any(each.name == AREA for each in task.stated.rule.measures))
        return Evidence(runs, history, selections if len(selections) else None)
    grid = grid_of_requests(task.stated.study, requests)
    if not complete(store, grid, requests):
        run_words(task.stated.name, [*words, f"study={task.stated.study}", f"results={task.results}"])
    return grid.evidence(task.results)


def complete(store: Store, grid: Grid, requests: Sequence[Request]) -> bool:
    """Tell whether all runs that are asked for are stored; a search is asked to look itself."""
    if grid.searched:
        return False
    with store.looking_once():
        return all(bool(store.has(request.product.cell()).all()) for request in requests)


def history_of(store: Store, runs: pd.DataFrame, needed: bool) -> pd.DataFrame:
    """Return the recorded steps of runs; none if they are too many to read, unless the rule needs them."""
    if not needed and len(runs) * store.steps_a_run() > MOST_STEPS:
        return pd.DataFrame({"run": pd.Series(dtype=str), "step": pd.Series(dtype=int)})
    return store.history(runs["run"].astype(str))


# Seeds that are added


def looks_at(task: Task, requests: Sequence[Request]) -> list[list[int]]:
    """Return the seeds of each look: first those that are asked for, at last as many as the runs allow.

    Raises:
        ValueError: seeds cannot be added to what the claim asks for.
    """
    rule, most = task.stated.rule, task.most_runs or 0
    if not requests:
        raise ValueError("judge.until_decided: claim.runs must say which runs to add seeds to; it says none")
    for key, needs, why in NEEDED:
        if getattr(rule, key) != needs:
            got = getattr(rule, key)
            raise ValueError(f"judge.until_decided: claim.rule.{key} must be {needs}, got {got!r}; {why}")
    first = list(map(int, requests[0].product.levels["seed"]))
    if any(list(request.product.levels["seed"]) != first for request in requests):
        raise ValueError("judge.until_decided: the seeds must be the same in all cells")
    a_seed = sum((request.most_runs - trials_of(request)) // len(first) for request in requests)
    fixed = sum(map(trials_of, requests))
    end = min((most - fixed) // a_seed, FIRST_TUNING_SEED - 1 - max(first))
    if end < len(first):
        asked = counted(len(first) * a_seed + fixed, "run")
        raise ValueError(f"judge.most_runs={most}: the seeds that claim.runs asks for take {asked} already")
    more = range(max(first) + 1, max(first) + 1 + end)
    return [[*first, *more][:count] for count in looks_of(len(first), end)]


def looks_of(first: int, end: int) -> list[int]:
    """Return how many seeds there are at each look, from ``first`` to ``end``: as many more each time.

    There are at most ``MOST_LOOKS``, and none that adds less than the first has.
    """
    step = max(first, math.ceil(end / MOST_LOOKS))
    counts = list(range(first, end - first + 1, step))
    return [*counts, end] if counts else [end]


def trials_of(request: Request) -> int:
    """Return how many runs choose, which come once however many seeds are reported."""
    return len(request.first_runs[1]) if request.search else 0


def until_decided(
    task: Task, prepared: Callable[[Sequence[str]], list[str]], plan: Sequence[Sequence[int]]
) -> tuple[Finding, Evidence, list[Look]]:
    """Add seeds, look by look, until no comparison is open or the runs are used up.

    A group-sequential test: the error rate is spent by the function of Lan and DeMets (1983), and what an
    interval leaves out at any look is left out (Jennison and Turnbull, 1989). The seeds that choose settings
    are those of the first look, so that later ones show the same settings.
    """
    rule = task.stated.rule
    looks: list[Look] = []
    chosen: tuple[int, ...] = rule.choose_on
    confidences: list[float] = []
    for number, seeds in enumerate(plan):
        words = [word for word in task.stated.runs if not word.startswith("seed=")]
        words = [*words, f"seed={number_list(seeds)}"]
        requests = swept_requests(prepared([*words, f"study={task.stated.study}", f"results={task.results}"]))
        evidence = evidence_of(task, requests, words)
        if not number:
            chosen = chosen or choosing_seeds(rule, evidence)
            shown = [len(set(each) - set(chosen)) for each in plan]
            confidences = levels([count / shown[-1] for count in shown], 1 - rule.confidence)
        then = replace(rule, choose_on=chosen, confidence=confidences[number])
        found = compared(then, evidence)
        looks.append(Look(len(seeds), confidences[number], len(evidence.runs), verdict(found)))
        say(f"[{task.stated.name}] {counted(len(seeds), 'seed')}: {looks[-1].verdict}")
        if settled(found):
            break
    return decided(then, evidence), evidence, looks


def settled(found: Compared) -> bool:
    """Tell whether more seeds could not make another verdict of what is decided."""
    now = verdict(found)
    conditions = (found.rule.reproduced, found.rule.partly, found.rule.refuted)
    if now == Verdict.REPRODUCED or not any(condition.one_by_one for condition in conditions):
        return now != Verdict.UNDECIDED
    return now != Verdict.UNDECIDED and not any(c.open and not c.why for c in found.comparisons)


# The page


def write_page(
    task: Task, finding: Finding, evidence: Evidence, looks: Sequence[Look], rule: Registered
) -> tuple[Path, pd.DataFrame, Path | None]:
    """Write the page of a claim into the folder ``claims`` of its study; return it, its row, its LaTeX."""
    stated, folder = task.stated, task.folder / "claims" / task.stated.name
    command = command_of(task)
    claim = Claim(
        id=stated.name,
        of=stated.study,
        statement=stated.statement,
        experiment="",
        predicate=predicate(stated.rule),
        revised="",
        decide=lambda there: decided(stated.rule, there),
    )
    drawn = [map_of(stated.name, stated.rule, evidence, stated.axes)] if stated.axes else []
    parts: list[Part] = [
        *opening(claim, finding, task.folder, evidence, rule, looks),
        *decided_parts(claim, finding, evidence, drawn),
        *closing(task, evidence, command),
    ]
    path = write_text(folder, [written(folder, part) for part in parts])
    write_sources(folder, [Section(stated.name, stated.study, command, evidence.runs, parts)])
    runs = sources_fold(folder, pd.read_csv(folder / INDEX))
    write_folds(folder, stated.statement, [*folds(parts, folder), runs])
    row = verdict_table([(claim, finding, stated.study)])
    with replacing(folder / "claims.csv") as temporary:
        row.to_csv(temporary, index=False, float_format="%.6g")
    return path, row, set_in_latex(task, evidence, claim, parts, folder) if task.latex else None


def set_in_latex(task: Task, evidence: Evidence, claim: Claim, parts: Sequence[Part], folder: Path) -> Path:
    """Write the folder ``latex`` of a claim's page and return the path of its document."""
    trials = evidence.selections if evidence.selections is not None else pd.DataFrame()
    studied = Studied(evidence.runs, trials, origin_of(Store(task.folder)))
    methods = joined([(claim.id, claim_methods(studied, claim.predicate, task.stated.rule.confidence))])
    command = f"python -m experiments.judge +claim={claim.id} latex=true"
    return write_latex(folder, claim.statement, set_sections(folder, parts), methods, command)


def not_read(task: Task) -> Iterator[Text]:
    """Yield a line on the runs of a study, taken as it is, that are not read."""
    if task.stated.runs:
        return
    store = Store(task.folder)
    if old := store.outdated():
        yield Text(
            f"{counted(old, 'run of the study is', 'runs of the study are')} of older code and left out."
        )
    if store.within(MOST_READ).sample is not None:
        yield Text(f"The study holds more than {MOST_READ:,} runs: of every setting some seeds are read.")


def command_of(task: Task) -> str:
    """Return the command that makes the runs, or says what there is of them."""
    if task.stated.runs:
        return f"python -m experiments.run -m {' '.join(map(quoted, [*task.words, *plugin_words()]))}"
    return f"python -m experiments.report study={task.stated.study}"


def opening(
    claim: Claim, finding: Finding, study: Path, evidence: Evidence, rule: Registered, looks: Sequence[Look]
) -> Iterator[Part]:
    """Yield what comes before the section: a title, what is older, the rule or its runs, and the looks."""
    yield Text(f"# {claim.statement}")
    yield Text(
        f"**{str(finding.verdict).capitalize()}**: {finding.effect} ({finding.unit}). The rule below alone "
        "decides. A run that diverged counts as infinitely bad and is never dropped."
    )
    yield from registration_parts(study, evidence.runs, rule)
    if looks:
        yield Text(said_of(looks))
        rows = [
            (n + 1, look.seeds, look.runs, f"{1 - look.confidence:.2g}", str(look.verdict))
            for n, look in enumerate(looks)
        ]
        names = ["look", "seeds", "runs", "error of an interval", "verdict"]
        yield Table(f"{claim.id}_looks", "The looks at data that grew", pd.DataFrame(rows, columns=names))


def said_of(looks: Sequence[Look]) -> str:
    """Say how seeds were added, and why the error rate holds."""
    return (
        "Seeds were added until the rule decided or the runs were used up, in "
        f"{counted(len(looks), 'look')}. The error rate of all looks together is that of one: it is spent by "
        "the function of Lan & DeMets (1983) that is like O'Brien and Fleming's bounds, and each look has an "
        "interval of its own confidence (Jennison & Turnbull, 1989). "
        "Settings, where there are several, were chosen once, on seeds of the first look."
    )


def closing(task: Task, evidence: Evidence, command: str) -> Iterator[Part]:
    """Yield the rule as it was written down, and the command that makes the runs."""
    yield Text(f"## The rule, as it was written down\n\n```yaml\n{task.rule_text.rstrip()}\n```")
    name = task.stated.name
    place = (
        f"results/{task.stated.study}/claims/{name}"
        if task.results == Path("results")
        else f"{task.folder}/claims/{name}"
    )
    yield from not_read(task)
    seeds = spans(evidence.runs["seed"])
    yield Text(
        f"{counted(len(evidence.runs), 'run')}, seeds {seeds}: `{command}` "
        f"([settings and seeds]({FOLDER}/{name}.csv)). From a table or figure to its runs:"
    )
    yield Text(
        "```python\nfrom experiments.reports.sources import runs_behind\n\n"
        f'runs_behind("{name}_effect", "{place}", "{task.results}")\n```'
    )
