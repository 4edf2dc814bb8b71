"""The article, end to end: run every experiment, decide every claim, write one report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.table import Table as TerminalTable

from experiments.app import CONF, command, disk_errors_end_here, fail
from experiments.claims import (
    CLAIMS,
    Claim,
    Evidence,
    Finding,
)
from experiments.illustrations import FIGURES, FURTHER_PARTS
from experiments.lanes import Product
from experiments.page import Part, Table, Text, file_name, table_text, write_text, written
from experiments.pool import Pool, cores
from experiments.report import search_alarms, search_parts
from experiments.sources import FOLDER, INDEX, Section, write_index, write_listing
from experiments.store import Store
from experiments.tables import LR, PAIR, labelled
from experiments.terminal import print_table
from experiments.tuning import FIRST_TUNING_SEED
from experiments.wording import counted
from hydra_plugins.lane_sweeper.plan import Planner

FURTHER = {
    "instances": "The four optimizers over 35 problem instances",
    "search": "The four optimizers when every hyperparameter is searched",
    "paths": "How the four optimizers move",
}
"""Experiments beside the claims that the report shows, with their headings."""


@dataclass(frozen=True)
class Grid:
    """An experiment: the study that holds its runs, and which of them its file asks for.

    Attributes:
        study: the name of its folder.
        ids: the runs that its file asks for.
        searched: of a tuned experiment, which runs more than that, the optimizer, the problem,
            the constants, steps and seeds of each part; its trials lead to the hyperparameters.
    """

    study: str
    ids: frozenset[str]
    searched: tuple[Mapping[str, Sequence[Any]], ...] = ()

    def evidence(self, results: Path) -> Evidence:
        """Return its runs, their histories, and what tuning chose; runs of a study beside it are none.

        Raises:
            ValueError: runs that it asks for are not in the store.
        """
        store = Store(results / self.study)
        runs = store.runs() if self.searched else store.runs(self.ids)
        if lacking := self.ids.difference(runs["run"] if len(runs) else ()):
            raise ValueError(
                f"study={self.study}: {len(lacking):,} of {counted(len(self.ids), 'run')} not in the store, "
                "and nothing is decided without them; the same command runs them"
            )
        if not self.searched:
            return Evidence(runs, store.history(self.ids))
        runs = runs[np.logical_or.reduce([belongs(runs, each) for each in self.searched])]
        runs = runs.reset_index(drop=True)
        return Evidence(runs, store.history(runs["run"].astype(str)), store.selections())


def belongs(runs: pd.DataFrame, asked: Mapping[str, Sequence[Any]]) -> NDArray[np.bool_]:
    """Tell which runs have the settings that are asked for, on these seeds or on tuning seeds."""
    there = [
        runs[key].isin(values)
        | (runs[key].isna() & (None in values))
        | ((key == "seed") & runs["seed"].ge(FIRST_TUNING_SEED))
        for key, values in asked.items()
    ]
    return np.asarray(np.logical_and.reduce(there))


@dataclass(frozen=True)
class Task:
    """A section of the report that is to be made.

    Attributes:
        name: of a claim, or of an experiment beside the claims.
        experiment: whose runs it reads.
        results: the folder that holds the studies.
    """

    name: str
    experiment: str
    grid: Grid
    results: Path


@dataclass(frozen=True)
class Made:
    """A section of the report whose files are written.

    Attributes:
        verdict: the claim's row of ``claims.csv``; no row beside the claims.
        paragraphs: the Markdown of its parts.
        index: its rows of ``runs.csv``.
    """

    verdict: pd.DataFrame
    paragraphs: Sequence[str]
    index: pd.DataFrame


@disk_errors_end_here()
def reproduce(config: DictConfig) -> Path:
    """Write results/article: report.md, claims.csv, tables and figures."""
    chosen = {name: CLAIMS[name].experiment for name in checked_claims(config.claims)}
    further = {name: name for name in FURTHER} if config.claims is None else {}
    results = Path(config.results)
    grids = run_all(list(dict.fromkeys([*further, *chosen.values()])), results)
    experiments = {**chosen, **further}
    sections = all_made([Task(name, e, grids[e], results) for name, e in experiments.items()])
    verdicts = pd.concat([section.verdict for section in sections if len(section.verdict)], ignore_index=True)
    folder = results / "article"
    head = [written(folder, part) for part in opening_parts(verdicts, sections)]
    path = write_text(folder, [*head, *(text for section in sections for text in section.paragraphs)])
    write_index(folder, [section.index for section in sections])
    verdicts.to_csv(folder / "claims.csv", index=False, float_format="%.6g")
    show(verdicts)
    print(f"report written to {path}")
    return path


def all_made(tasks: Sequence[Task]) -> list[Made]:
    """Make the sections, as many at once as there are cores, and return them in their order."""
    workers = min(cores(), len(tasks))
    if workers == 1:
        return [made(task) for task in tasks]
    ends = Pool(workers, start_quietly, ()).run(made, tasks)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return ends


def start_quietly() -> None:
    """Begin a worker process that needs nothing beforehand."""


def made(task: Task) -> Made:
    """Decide a claim, or show an experiment, and write the files of its section."""
    evidence, folder = task.grid.evidence(task.results), task.results / "article"
    if task.name in FURTHER:
        parts = [*further_parts(task, evidence)]
        verdict = verdict_table([])
    else:
        say(f"deciding {task.name}")
        claim = CLAIMS[task.name]
        finding = claim.decide(evidence)
        parts = [*claim_parts(claim, finding, evidence)]
        verdict = verdict_table([(claim, finding, task.grid.study)])
    section = Section(task.name, task.grid.study, command_of(task.experiment), evidence.runs, parts)
    return Made(verdict, [written(folder, part) for part in parts], write_listing(folder, section))


def command_of(experiment: str) -> str:
    return f"python -m experiments.run -m +experiment={experiment}"


def checked_claims(names: Any) -> list[str]:
    """Return the claims asked for, all by default, in their order; bad input ends the command."""
    order = [*ORDER, *(name for name in CLAIMS if name not in ORDER)]
    if names is None:
        return order
    asked = list(names) if isinstance(names, Sequence) and not isinstance(names, str) else [names]
    unknown = [name for name in asked if name not in CLAIMS]
    if unknown or not asked:
        got = repr(unknown[0]) if unknown else "none"
        fail(f"claims must be among {', '.join(order)}, as claims=[{order[0]}], got {got}")
    return [name for name in order if name in asked]


ORDER = (
    "fit",
    "per_parameter",
    "imbalance",
    "lr_choice",
    "faster",
    "eps_stability",
    "memory",
    "deep",
    "scale_free",
)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# Running the experiments


def grid_of(experiment: str) -> Grid:
    """Return what an experiment's file asks for."""
    loader = GlobalHydra.instance().config_loader()
    config = config_of(experiment)
    requests = Planner(config, loader).plan([f"+experiment={experiment}"])
    ids = frozenset(run for request in requests for run in request.product.cell().runs["run"])
    searched = tuple(asked_of(request.product) for request in requests) if config.tune.trials else ()
    return Grid(config.study, ids, searched)


def asked_of(product: Product) -> dict[str, Sequence[Any]]:
    """Return what a product asks for beside hyperparameters: optimizer, problem, constants, steps, seeds."""
    return {key: values for key, values in product.allowed.items() if not key.startswith("optimizer.")}


def config_of(experiment: str) -> DictConfig:
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration("config", [f"+experiment={experiment}"], RunMode.MULTIRUN)


def run_all(experiments: Sequence[str], results: Path) -> dict[str, Grid]:
    """Run the experiments, as many at once as there are cores, and return what each asks for.

    Those of one study run in turn; the long ones, which are those beside the claims and the
    tuned ones, come first.
    """
    by_study: dict[str, list[str]] = {}
    tuned = set()
    for name in experiments:
        config = config_of(name)
        by_study.setdefault(config.study, []).append(name)
        tuned |= {name} if config.tune.trials else set()
    long_first = sorted(by_study.values(), key=lambda names: not ({*FURTHER, *tuned} & set(names)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = pool.map(lambda names: run_in_turn(names, results), long_first)
        grids = {name: grid_of(name) for name in experiments}  # worked out while they run
        list(running)
    return grids


def run_in_turn(names: Sequence[str], results: Path) -> None:
    for name in names:
        run_experiment(name, results)


def run_experiment(name: str, results: Path) -> None:
    """Run one experiment as a user would, and pass its progress on; a failure ends the command."""
    # one core each: as many experiments run at once as there are cores
    one_core = "hydra/launcher=basic"
    arguments = ["-m", "experiments.run", "-m", f"+experiment={name}", f"results={results}", one_core]
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            say(f"[{name}] {line.rstrip()}")
    if process.returncode:
        fail(f"the experiment {name} failed; python {' '.join(arguments)} shows why")
    say(f"[{name}] done")


# The report


def opening_parts(verdicts: pd.DataFrame, sections: Sequence[Made]) -> Iterator[Part]:
    """Yield the head of the report: what it is, how to get from a number to its runs, and the verdicts."""
    yield Text("# The article's claims about RMSprop, tested")
    yield Text(
        "Each claim was turned into an experiment and a rule; the rule alone decides. Rules were written "
        "before the runs; where a first look led to a change, the section says what was changed. An "
        "interval is a 95 % confidence interval over seeds or runs. A run that diverged counts as infinitely "
        "bad and is never dropped. Steps are gradient evaluations; suboptimality is the loss above its "
        "minimum. `python -m experiments.reproduce` makes this page anew."
    )
    example = sections[0].index["table"].iloc[-1]
    yield Text(
        "From a number to its runs: a table's or figure's file has a name, as `tables/NAME.csv` or "
        f"`figures/NAME.png`. [{INDEX}]({INDEX}) has a row for each name: the study, the command, the number "
        f"of runs, a digest of their ids; `{FOLDER}/SECTION.csv` has their settings and seeds. With the "
        "studies in `results/`, this gives the runs, ids and all, and checks them against the digest:"
    )
    yield Text(
        "```python\nfrom experiments.sources import runs_behind\n\n"
        f'runs_behind("{example}")[["run", "optimizer", "problem", "seed"]]\n```'
    )
    columns = ["claim", "statement", "verdict", "effect", "low", "high", "unit"]
    yield Text(table_text(verdicts[columns]))


def claim_parts(claim: Claim, finding: Finding, evidence: Evidence) -> Iterator[Part]:
    """Yield the section of one claim."""
    yield Text(f"## {claim.id}: {claim.statement}")
    yield Text(f"**Verdict: {finding.verdict}.** {finding.said}")
    yield Text(f"The rule: {claim.predicate}")
    yield from without_numbers(evidence.runs)
    if claim.revised:
        yield Text(f"Changed after a first look: {claim.revised}")
    effect = {"value": finding.effect.value, "low": finding.effect.low, "high": finding.effect.high}
    yield Table(f"{claim.id}_effect", "The effect", pd.DataFrame([{**effect, "unit": finding.unit}]))
    yield from FIGURES[claim.id](evidence) if claim.id in FIGURES else ()
    for title, frame in finding.tables.items():
        yield Table(f"{claim.id}_{file_name(title)}", title, frame, finding.read.get(title))
    if evidence.selections is not None:
        yield search_alarms(evidence.selections)
    if finding.sensitivity is not None:
        title = f"The verdict, which is {finding.verdict}, when one choice is made otherwise"
        yield Table(f"{claim.id}_sensitivity", title, finding.sensitivity.table)
    yield rerun(claim.id, claim.experiment, evidence)


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
    yield Text(f"## {FURTHER[task.name]}")
    yield from FURTHER_PARTS[task.name](evidence)
    yield from searched(task.name, evidence)
    yield rerun(task.name, task.experiment, evidence)


def searched(name: str, evidence: Evidence) -> Iterator[Part]:
    """Yield what the searches of a tuned experiment chose."""
    if evidence.selections is not None:
        yield from search_parts(evidence.selections, f"{name}_selections")


def rerun(section: str, experiment: str, evidence: Evidence) -> Text:
    """Return an experiment's question, the command that reruns it, and where its runs are listed."""
    text = (CONF / "experiment" / f"{experiment}.yaml").read_text()
    question = text.splitlines()[1].removeprefix("# ")
    return Text(
        f"{question} {counted(len(evidence.runs), 'run')}: `{command_of(experiment)}` "
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


def show(verdicts: pd.DataFrame) -> None:
    """Print the verdicts."""
    table = TerminalTable()
    for name in ("claim", "verdict", "evidence"):
        table.add_column(name, overflow="fold")
    for _, row in verdicts.iterrows():
        table.add_row(row["claim"], row["verdict"], row["evidence"])
    print_table("Verdicts", table)


main = command("reproduce", reproduce)

if __name__ == "__main__":
    # what worker processes are handed belongs to this module by its name; run that one
    from experiments.reproduce import main as only_main

    only_main()
