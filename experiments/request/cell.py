"""Runs of one optimizer on one problem that advance together: one row of a table a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import Backend
from experiments.engine.fingerprint import code_fingerprint
from optim.base import Optimizer
from optim.method import Method
from problems import Problem


@dataclass(frozen=True)
class Cell:
    """The runs of one optimizer on one problem, which advance together.

    ``runs`` has one row per run: ``run`` (the id), ``optimizer``, ``problem``, ``seed``,
    ``steps``, ``engine``, ``dtype``, ``device``, ``schedule``, and every hyperparameter and constant
    under the path a user types.
    """

    problem: Problem
    method: Method
    runs: pd.DataFrame
    steps: int
    points: int
    params: bool
    backend: Backend

    def take(self, rows: Any) -> Cell:
        """Return the cell with only these rows, given as a slice, a mask or positions."""
        return replace(self, runs=self.runs.iloc[rows], method=self.method.take(rows))

    @property
    def optimizer(self) -> Optimizer:
        return self.method.optimizer

    @property
    def seeds(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return self.runs["seed"].to_numpy(dtype=np.int64)

    @property
    def code(self) -> str:
        """The fingerprint of the code that runs this cell."""
        return code_fingerprint(
            self.optimizer.full_name(), self.problem.name, self.backend.engine, self.method.schedule.name
        )
