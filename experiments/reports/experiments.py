"""The experiments that a report is made of: what their files ask for, run as a user would."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims import Evidence
from experiments.command_line.signals import APART
from experiments.grid.experiment import config_of, requests_of
from experiments.grid.request import Request
from experiments.plugins.state import words as plugin_words
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.product import Product
from experiments.request.settings import is_hyperparameter
from experiments.store import Store
from experiments.wording import counted


class ExperimentFailed(RuntimeError):
    """An experiment that a report needs has failed; the words name the command that shows why."""


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


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# Running the experiments


def grid_of(experiment: str) -> Grid:
    """Return what an experiment's file asks for."""
    config, requests = config_of(experiment), requests_of(experiment)
    return grid_of_requests(config.study, requests)


def grid_of_requests(study: str, requests: Sequence[Request]) -> Grid:
    """Return what the requests of a study ask for."""
    ids = frozenset(run for request in requests for run in request.product.cell().runs["run"])
    tuned = requests[0].settings["tune"]["trials"]
    return Grid(study, ids, tuple(asked_of(request.product) for request in requests) if tuned else ())


def asked_of(product: Product) -> dict[str, Sequence[Any]]:
    """Return what a product asks for beside hyperparameters: optimizer, problem, constants, steps, seeds."""
    return {key: values for key, values in product.allowed.items() if not is_hyperparameter(key)}


def run_all(experiments: Sequence[str], long: Iterable[str], results: Path) -> dict[str, Grid]:
    """Run the experiments, as many at once as there are cores, and return what each asks for.

    Those of one study run in turn; the ``long`` ones, and the tuned ones, come first.

    Raises:
        ExperimentFailed: one of them did.
    """
    by_study: dict[str, list[str]] = {}
    tuned = set()
    for name in experiments:
        config = config_of(name)
        by_study.setdefault(config.study, []).append(name)
        tuned |= {name} if config.tune.trials else set()
    long_first = sorted(by_study.values(), key=lambda names: not ({*long, *tuned} & set(names)))
    alone = len(long_first) == 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = pool.map(lambda names: run_in_turn(names, results, alone), long_first)
        grids = {name: grid_of(name) for name in experiments}  # worked out while they run
        list(running)
    return grids


def run_in_turn(names: Sequence[str], results: Path, alone: bool) -> None:
    for name in names:
        run_experiment(name, results, alone)


def run_experiment(name: str, results: Path, alone: bool) -> None:
    """Run one experiment as a user would, and pass its progress on.

    One core each, as many at once as there are cores; one that runs ``alone`` takes all cores.
    """
    launcher = [] if alone else ["hydra/launcher=basic"]
    run_words(name, [f"+experiment={name}", f"results={results}", *launcher])


def run_words(name: str, words: Sequence[str]) -> None:
    """Run the run command with these words, as a user would, and pass its progress on under a name.

    Raises:
        ExperimentFailed: it did.
    """
    arguments = ["-m", "experiments.run", "-m", *words, *plugin_words()]
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **APART
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            say(f"[{name}] {line.rstrip()}")
    if process.returncode:
        raise ExperimentFailed(f"the experiment {name} failed; python {shlex.join(arguments)} shows why")
    say(f"[{name}] done")
