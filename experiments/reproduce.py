"""The article, end to end: run every experiment, decide every claim, write one report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table as TerminalTable

from experiments import figures, tables
from experiments.app import CONF, command, fail
from experiments.claims import (
    CLAIMS,
    Claim,
    Evidence,
    Finding,
    deep,
    faster,
    imbalance,
    lr_choice,
    memory,
    per_parameter,
    scale_free,
)
from experiments.comparison import comparison_parts
from experiments.page import Part, Picture, Table, Text, file_name, table_text, write_page
from experiments.report import NAMES, fit_of, path_figure, rate_figure
from experiments.store import Store
from hydra_plugins.lane_sweeper.plan import Planner

FURTHER = {
    "instances": "The four optimizers over 35 problem instances",
    "paths": "How the four optimizers move",
}
"""Experiments beside the claims that the report shows, with their headings."""


@dataclass(frozen=True)
class Grid:
    """An experiment: the study that holds its runs, and the ids that its file asks for.

    A tuned experiment runs more than that: what its trials led to. It is all of its study.
    """

    study: str
    ids: frozenset[str]
    tuned: bool

    def evidence(self, results: Path) -> Evidence:
        """Return its runs, their histories, and what tuning chose."""
        store = Store(results / self.study)
        if self.tuned:
            return Evidence(store.runs(), store.history(), store.selections())
        return Evidence(store.runs(self.ids), store.history(self.ids))


def reproduce(config: DictConfig) -> Path:
    """Write results/article: report.md, claims.csv, tables and figures."""
    chosen = [CLAIMS[name] for name in checked_claims(config.claims)]
    further = FURTHER if config.claims is None else {}
    results = Path(config.results)
    names = list(dict.fromkeys([*(claim.experiment for claim in chosen), *further]))
    grids = {name: grid_of(name) for name in names}
    run_all(grids, results)
    findings, parts = [], []
    for claim in chosen:
        say(f"deciding {claim.id}")
        evidence = grids[claim.experiment].evidence(results)
        finding = claim.decide(evidence)
        findings.append((claim, finding, grids[claim.experiment].study))
        parts += list(claim_parts(claim, finding, evidence))
    for name, heading in further.items():
        evidence = grids[name].evidence(results)
        parts += [Text(f"## {heading}"), *FURTHER_PARTS[name](evidence), rerun(name, evidence)]
    verdicts = verdict_table(findings)
    folder = results / "article"
    path = write_page(folder, [*opening_parts(verdicts), *parts])
    verdicts.to_csv(folder / "claims.csv", index=False, float_format="%.6g")
    show(verdicts)
    print(f"report written to {path}")
    return path


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
    config = loader.load_configuration("config", [f"+experiment={experiment}"], RunMode.MULTIRUN)
    cells = [planned.cell for planned in Planner(config, loader).plan([f"+experiment={experiment}"])]
    ids = frozenset(run for cell in cells for run in cell.runs["run"])
    return Grid(config.study, ids, tuned=bool(config.tune.trials))


def run_all(grids: dict[str, Grid], results: Path) -> None:
    """Run the experiments, as many at once as there are cores; those of one study in turn."""
    by_study: dict[str, list[str]] = {}
    for name, grid in grids.items():
        by_study.setdefault(grid.study, []).append(name)
    largest_first = sorted(by_study.values(), key=lambda names: -max(len(grids[name].ids) for name in names))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda names: run_in_turn(names, results), largest_first))


def run_in_turn(names: Sequence[str], results: Path) -> None:
    for name in names:
        run_experiment(name, results)


def run_experiment(name: str, results: Path) -> None:
    """Run one experiment as a user would, and pass its progress on; a failure ends the command."""
    arguments = ["-m", "experiments.run", "-m", f"+experiment={name}", f"results={results}"]
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


def opening_parts(verdicts: pd.DataFrame) -> Iterator[Part]:
    """Yield the head of the report: what it is, and the verdicts."""
    yield Text("# The article's claims about RMSprop, tested")
    yield Text(
        "Each claim was turned into an experiment and a rule before the runs; the rule alone decides. An "
        "interval is a 95 % confidence interval over seeds or runs. A run that diverged counts as infinitely "
        "bad and is never dropped. Steps are gradient evaluations; suboptimality is the loss above its "
        "minimum. `python -m experiments.reproduce` makes this page anew."
    )
    columns = ["claim", "statement", "verdict", "effect", "low", "high", "unit"]
    yield Text(table_text(verdicts[columns]))


def claim_parts(claim: Claim, finding: Finding, evidence: Evidence) -> Iterator[Part]:
    """Yield the section of one claim."""
    yield Text(f"## {claim.id}: {claim.statement}")
    yield Text(f"**Verdict: {finding.verdict}.** {finding.evidence}")
    yield Text(f"Effect: {finding.effect} {finding.unit}.")
    yield Text(f"The rule: {claim.predicate}")
    yield from FIGURES[claim.id](evidence) if claim.id in FIGURES else ()
    for title, frame in finding.tables.items():
        yield Table(f"{claim.id}_{file_name(title)}", title, frame)
    yield rerun(claim.experiment, evidence)


def rerun(experiment: str, evidence: Evidence) -> Text:
    """Return an experiment's question, the command that reruns it, and where its runs are."""
    text = (CONF / "experiment" / f"{experiment}.yaml").read_text()
    question = text.splitlines()[1].removeprefix("# ")
    return Text(
        f"{question} {len(evidence.runs):,} runs: `python -m experiments.run -m +experiment={experiment}`"
    )


def fit_figures(evidence: Evidence) -> Iterator[Part]:
    runs = evidence.runs
    article = runs[(runs["seed"] == 0) & (runs["optimizer.lr"] == 0.01)].iloc[0]
    yield Picture(
        "fit",
        "The article's figure: its data, and the curve after 1000 steps",
        fit_of(article, evidence.history, "RMSprop fits the quadratic"),
    )
    at_article = runs[runs["optimizer.lr"] == 0.01]
    yield Picture(
        "fit_learning_curve",
        "Suboptimality on the way, median and quartiles over 50 data sets: the final cycle is a floor",
        figures.learning_curves(evidence.history, at_article, optimizers=NAMES),
    )


def lr_choice_figures(evidence: Evidence) -> Iterator[Part]:
    table = tables.lr_sensitivity(evidence.runs, factor=lr_choice.FACTOR)
    yield Picture(
        "lr_choice",
        "Suboptimality after 1000 steps against the learning rate, median and quartiles over seeds; below it "
        "the share of runs that diverged",
        figures.lr_sensitivity(table, optimizers=NAMES),
    )


def faster_figures(evidence: Evidence) -> Iterator[Part]:
    reported = evidence.runs[evidence.runs["seed"] < faster.TUNING_SEEDS_FROM]
    settings = (
        ("tuned", faster.tuned_settings(evidence.runs, faster.TARGET)),
        ("default", faster.default_settings(evidence.runs)),
    )
    for label, chosen in settings:
        yield Picture(
            f"faster_{label}",
            f"Learning curves with {label} learning rates on the reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, tables.runs_at(reported, chosen), optimizers=NAMES),
        )


def eps_figures(evidence: Evidence) -> Iterator[Part]:
    yield Picture(
        "eps_stability",
        "Median suboptimality after 200 steps over learning rate and epsilon",
        figures.heat_map(evidence.runs, "optimizer.lr", "optimizer.eps"),
    )


def per_parameter_figures(evidence: Evidence) -> Iterator[Part]:
    runs = evidence.runs
    shown = runs[(runs["optimizer"] == "rmsprop") & (runs["optimizer.lr"] == per_parameter.RATE_LR)]
    yield Picture(
        "per_parameter",
        "Effective learning rates of RMSprop on a bowl of condition 10,000 whose coordinates 0 to 9 grow "
        "ever steeper (top), and on the same bowl rotated (bottom); median and quartiles over seeds",
        figures.effective_rates(
            evidence.history,
            shown[shown["problem.condition"] == 10_000],
            names=[str(i) for i in range(10)],
        ),
    )


def imbalance_figures(evidence: Evidence) -> Iterator[Part]:
    ratios = imbalance.ratio_table(imbalance.ratios_of(evidence))
    bowl = ratios["problem.rotated"].map({False: "axis-aligned", True: "rotated"})
    yield Picture(
        "imbalance",
        "Largest over smallest per-coordinate update in the first steps, geometric mean over steps and seeds",
        figures.dependence(
            ratios.assign(bowl=bowl),
            "problem.condition",
            "ratio",
            xlabel="condition number",
            ylabel="largest / smallest update",
            panel="bowl",
            optimizers=NAMES,
        ),
    )


def memory_figures(evidence: Evidence) -> Iterator[Part]:
    moving = evidence.runs[evidence.runs["optimizer.lr"] != memory.STILL]
    yield Picture(
        "memory",
        "Median suboptimality after 1000 steps over learning rate and beta",
        figures.heat_map(moving, "optimizer.lr", "optimizer.beta"),
    )


def deep_figures(evidence: Evidence) -> Iterator[Part]:
    chosen = deep.settings(evidence)[deep.LARGEST]
    best = deep.reported_at(evidence, chosen)
    for measure in ("loss", "accuracy"):
        yield Picture(
            f"deep_{measure}",
            f"{'Training loss' if measure == 'loss' else 'Held-out accuracy'} of the tuned settings on the "
            "reported seeds, median and quartiles",
            figures.learning_curves(evidence.history, best, measure, optimizers=NAMES),
        )


def scale_free_figures(evidence: Evidence) -> Iterator[Part]:
    yield Picture(
        "scale_free",
        "How far the path moves when the loss is multiplied by a factor; a path that diverges leaves the "
        "panel at the top",
        figures.dependence(
            scale_free.move_table(scale_free.moves_by_seed(evidence)),
            "factor",
            "median share moved",
            xlabel="factor on the loss",
            ylabel="share of the way moved",
            optimizers=NAMES,
        ),
    )


FIGURES: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "fit": fit_figures,
    "lr_choice": lr_choice_figures,
    "faster": faster_figures,
    "eps_stability": eps_figures,
    "per_parameter": per_parameter_figures,
    "imbalance": imbalance_figures,
    "memory": memory_figures,
    "deep": deep_figures,
    "scale_free": scale_free_figures,
}


def instances_parts(evidence: Evidence) -> Iterator[Part]:
    yield from comparison_parts(evidence.runs, "suboptimality", 2.0)
    yield Picture(
        "faster_map",
        "Where the claim `faster` holds: median steps of SGD over those of RMSprop on the bowls, by "
        "condition number and target, each tuned for that target on seeds 6 and 7 and shown on seeds 0 to 5",
        figures.claim_map(
            faster.map_table(evidence.runs), "problem.condition", "target", "steps, SGD / RMSprop"
        ),
    )


def paths_parts(evidence: Evidence) -> Iterator[Part]:
    runs, history = evidence.runs, evidence.history
    best = tables.runs_at(runs, tables.best_settings(runs))
    for draw in (path_figure, rate_figure):
        part = draw(runs, best, history, "suboptimality", 2.0)
        assert isinstance(part, Picture), part
        yield part
    yield Table("paths_best_settings", "Best settings", tables.best_settings(runs))


FURTHER_PARTS: dict[str, Callable[[Evidence], Iterator[Part]]] = {
    "instances": instances_parts,
    "paths": paths_parts,
}


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
            "evidence": finding.evidence,
            "study": study,
        }
        for claim, finding, study in findings
    ]
    return pd.DataFrame(rows)


def show(verdicts: pd.DataFrame) -> None:
    """Print the verdicts."""
    table = TerminalTable(title="Verdicts", title_justify="left")
    for name in ("claim", "verdict", "evidence"):
        table.add_column(name, overflow="fold")
    for _, row in verdicts.iterrows():
        table.add_row(row["claim"], row["verdict"], row["evidence"])
    Console().print(table)


main = command("reproduce", reproduce)

if __name__ == "__main__":
    main()
