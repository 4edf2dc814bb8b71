"""A report on claims, as the article's: a section for each claim and each experiment beside them."""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from experiments.claims import CLAIMS, PICTURES, Claim, Evidence, Finding
from experiments.claims.base import ARTICLE, Verdict, listed
from experiments.figures.parts import Part, Table, Text
from experiments.grid.experiment import question_of
from experiments.grid.pool import Pool, cores
from experiments.reports.beside import BESIDE
from experiments.reports.experiments import Grid, say
from experiments.reports.html import Fold, folds
from experiments.reports.latex import Studied, claim_methods, origin_of, set_sections
from experiments.reports.page import file_name, table_text, written
from experiments.reports.searches import search_alarms, search_parts
from experiments.reports.sources import FOLDER, INDEX, Section, write_listing
from experiments.store import Store
from experiments.tables import LR, PAIR, labelled
from experiments.wording import counted


@dataclass(frozen=True)
class Task:
    """A section of the report that is to be made.

    Attributes:
        name: of a claim, or of an experiment beside the claims.
        experiment: whose runs it reads.
        results: the folder that holds the studies.
        folder: of the report.
        heading: of an experiment beside the claims; empty for a claim.
        before: the section above that reads the same experiment, and says what its searches chose.
        latex: whether the section is written as LaTeX too.
    """

    name: str
    experiment: str
    grid: Grid
    results: Path
    folder: Path
    heading: str = ""
    before: str = ""
    latex: bool = False


@dataclass(frozen=True)
class Made:
    """A section of the report whose files are written.

    Attributes:
        verdict: the claim's row of ``claims.csv``; no row beside the claims.
        paragraphs: the Markdown of its parts.
        folds: the same as HTML.
        index: its rows of ``runs.csv``.
        latex: the same as LaTeX, and its paragraph on methods; none of it if it was not asked for.
        methods: that paragraph.
    """

    verdict: pd.DataFrame
    paragraphs: Sequence[str]
    folds: Sequence[Fold]
    index: pd.DataFrame
    latex: Sequence[str] = ()
    methods: str = ""


def all_made(tasks: Sequence[Task]) -> list[Made]:
    """Make the sections, as many at once as there are cores, and return them in their order."""
    workers = min(cores(), len(tasks))
    if workers == 1:
        sections = [made(task) for task in tasks]
    else:
        sections = Pool(workers, start_quietly, ()).run(made, tasks)
    for section in sections:
        if isinstance(section, BaseException):
            raise section
    return [one_listing(task, section) for task, section in zip(tasks, sections, strict=True)]


def one_listing(task: Task, section: Made) -> Made:
    """Return the section with the listing of the one before it, its own taken away, if both are the same."""
    own, other = (task.folder / FOLDER / f"{name}.csv" for name in (task.name, task.before))
    if not task.before or not filecmp.cmp(own, other, shallow=False):
        return section
    own.unlink()
    here, there = (f"{FOLDER}/{name}.csv" for name in (task.name, task.before))
    return replace(
        section,
        paragraphs=[text.replace(here, there) for text in section.paragraphs],
        folds=[replace(fold, body=fold.body.replace(here, there)) for fold in section.folds],
        index=section.index.assign(section=task.before),
    )


def start_quietly() -> None:
    """Begin a worker process that needs nothing beforehand."""


def made(task: Task) -> Made:
    """Decide a claim, or show an experiment, and write the files of its section."""
    evidence, folder = task.grid.evidence(task.results), task.folder
    if task.heading:
        parts = [*further_parts(task, evidence)]
        verdict, predicate = verdict_table([]), ""
    else:
        say(f"deciding {task.name}")
        claim = CLAIMS[task.name]
        finding = claim.decide(evidence)
        parts = [*claim_parts(claim, finding, evidence, task.before)]
        verdict, predicate = verdict_table([(claim, finding, task.grid.study)]), claim.predicate
    section = Section(task.name, task.grid.study, command_of(task.experiment), evidence.runs, parts)
    paragraphs = [written(folder, part) for part in parts]
    index = write_listing(folder, section)
    page = Made(verdict, paragraphs, folds(parts, folder)[1:], index)
    return in_latex(page, task, evidence, parts, predicate) if task.latex else page


def in_latex(page: Made, task: Task, evidence: Evidence, parts: Sequence[Part], predicate: str) -> Made:
    """Return a section with its LaTeX, whose files are written."""
    trials = evidence.selections if evidence.selections is not None else pd.DataFrame()
    studied = Studied(evidence.runs, trials, origin_of(Store(task.results / task.grid.study)))
    sections = set_sections(task.folder, parts)[1:]
    return replace(page, latex=sections, methods=claim_methods(studied, predicate))


def command_of(experiment: str) -> str:
    return f"python -m experiments.run -m +experiment={experiment}"


# The report


def opening_parts(
    title: str, note: str, folder: Path, verdicts: pd.DataFrame, sections: Sequence[Made]
) -> Iterator[Part]:
    """Yield the head of the report: what it is, how to get from a number to its runs, and the verdicts."""
    yield Text(f"# {title}")
    if note:
        yield Text(note)
    is_article = folder.name == ARTICLE
    command = "python -m experiments.reproduce" + ("" if is_article else f" of={folder.name}")
    report = "" if is_article else f', "results/{folder.name}"'
    yield Text(
        "Each claim was turned into an experiment and a rule; the rule alone decides. Rules were written "
        "before the runs; where a first look led to a change, the section says what was changed. An "
        "interval is a 95 % confidence interval over seeds or runs. A run that diverged counts as infinitely "
        "bad and is never dropped. Steps are gradient evaluations; suboptimality is the loss above its "
        f"minimum. `{command}` makes this page anew."
    )
    example = sections[0].index["table"].iloc[-1]
    yield Text(
        "From a number to its runs: a table's or figure's file has a name, as `tables/NAME.csv` or "
        f"`figures/NAME.png`. [{INDEX}]({INDEX}) has a row for each name: the study, the command, the number "
        f"of runs, a digest of their ids; `{FOLDER}/SECTION.csv` has their settings and seeds. With the "
        "studies in `results/`, this gives the runs, ids and all, and checks them against the digest:"
    )
    yield Text(
        "```python\nfrom experiments.reports.sources import runs_behind\n\n"
        f'runs = runs_behind("{example}"{report})\nruns[["run", "optimizer", "problem", "seed"]]\n```'
    )
    columns = ["claim", "statement", "verdict", "effect", "low", "high", "unit"]
    yield Text(table_text(verdicts[columns]))


def short_parts(verdicts: pd.DataFrame) -> Iterator[Part]:
    """Yield the verdicts in a paragraph and a table, with which the page to send begins."""
    yield Text("## In short")
    counts = verdicts["verdict"].value_counts()
    said = listed([f"{counts[verdict]} {verdict}" for verdict in map(str, Verdict) if verdict in counts])
    yield Text(
        f"Of {counted(len(verdicts), 'claim')}: {said}. Each verdict is that of a rule that was written "
        "before the runs; the interval of an effect is a 95 % confidence interval."
    )
    columns = ["claim", "verdict", "statement", "effect", "low", "high", "unit"]
    yield Table("claims", "The verdicts", verdicts[columns])


def claim_parts(claim: Claim, finding: Finding, evidence: Evidence, before: str = "") -> Iterator[Part]:
    """Yield the section of one claim."""
    drawn = PICTURES[claim.id](evidence) if claim.id in PICTURES else ()
    yield from decided_parts(claim, finding, evidence, drawn, before)
    yield rerun(claim.id, claim.experiment, evidence)


def decided_parts(
    claim: Claim, finding: Finding, evidence: Evidence, drawn: Iterable[Part], before: str = ""
) -> Iterator[Part]:
    """Yield how a claim was decided: verdict, rule, effect, pictures, tables, what the verdict hangs on."""
    yield Text(f"## {claim.id}: {claim.statement}")
    yield Text(f"**Verdict: {finding.verdict}.** {finding.said}")
    yield Text(f"The rule: {claim.predicate}")
    yield from without_numbers(evidence.runs)
    if claim.revised:
        yield Text(f"Changed after a first look: {claim.revised}")
    effect = {"value": finding.effect.value, "low": finding.effect.low, "high": finding.effect.high}
    yield Table(f"{claim.id}_effect", "The effect", pd.DataFrame([{**effect, "unit": finding.unit}]))
    yield from drawn
    for title, frame in finding.tables.items():
        yield Table(f"{claim.id}_{file_name(title)}", title, frame, finding.read.get(title))
    if evidence.selections is not None and before:
        yield Text(
            f"The searches are those of {before}; what they chose at the edge of their space is said there."
        )
    elif evidence.selections is not None:
        yield search_alarms(evidence.selections)
    if finding.variants:
        title = f"The verdict, which is {finding.verdict}, when one choice is made otherwise"
        yield Table(f"{claim.id}_sensitivity", title, finding.sensitivity.table)


def without_numbers(runs: pd.DataFrame, most: int = 6) -> Iterator[Text]:
    """Yield a line that names the optimizers and problems of which every run diverged, if there are any."""
    cells = labelled(runs).assign(lost=runs["status"].eq("diverged").to_numpy())
    found = cells.groupby(PAIR, observed=True).agg(
        lost=("lost", "all"), runs=("lost", "size"), lr=(LR, "min")
    )
    lost = found[found["lost"]].reset_index()
    if len(lost):
        named = [
            f"{each['optimizer']} on {each['problem']} ({counted(each['runs'], 'run')}, learning rates from "
            f"{each['lr']:g} on)"
            for each in lost.head(most).to_dict("records")
        ]
        more = f", and {len(lost) - most} more" if len(lost) > most else ""
        yield Text(f"Every run diverged, so that there is no best setting, of {', '.join(named)}{more}.")


def further_parts(task: Task, evidence: Evidence) -> Iterator[Part]:
    """Yield the section of an experiment beside the claims."""
    yield Text(f"## {task.heading}")
    yield from BESIDE[task.name](evidence) if task.name in BESIDE else ()
    yield from searched(task.name, evidence)
    yield rerun(task.name, task.experiment, evidence)


def searched(name: str, evidence: Evidence) -> Iterator[Part]:
    """Yield what the searches of a tuned experiment chose."""
    if evidence.selections is not None:
        yield from search_parts(evidence.selections, f"{name}_selections")


def rerun(section: str, experiment: str, evidence: Evidence) -> Text:
    """Return an experiment's question, the command that reruns it, and where its runs are listed."""
    return Text(
        f"{question_of(experiment)} {counted(len(evidence.runs), 'run')}: `{command_of(experiment)}` "
        f"([settings and seeds]({FOLDER}/{section}.csv))"
    )


def verdict_table(findings: Sequence[tuple[Claim, Finding, str]]) -> pd.DataFrame:
    """Return one row a claim: claim, statement, verdict, effect, low, high, unit, evidence, study."""
    rows = [
        {
            "claim": claim.id,
            "statement": claim.statement,
            "verdict": str(finding.verdict),
            "effect": finding.effect.value,
            "low": finding.effect.low,
            "high": finding.effect.high,
            "unit": finding.unit,
            "evidence": finding.said,
            "study": study,
        }
        for claim, finding, study in findings
    ]
    return pd.DataFrame(rows)
