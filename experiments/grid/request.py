"""What a user asks for in one cell of a grid, and what that leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from experiments import tuning
from experiments.engine.backend import BACKEND
from experiments.grid.batch import expanded
from experiments.grid.shards import Shard
from experiments.request.product import Product, product_of
from experiments.store import Store

DECIDING = ("optimizer", "schedule", "problem", "seed", "steps", "record", *BACKEND)
"""The keys of the settings that decide what a run is."""


@dataclass(frozen=True)
class Request:
    """The runs of one optimizer on one problem that a user asks for.

    Attributes:
        settings: as composed: what decides the runs, and what to do with them.
        axes: what varies, as the user wrote it.
        product: the runs to report.
        search: the trials that come before them, if they are to be tuned and have something to search.
    """

    settings: Mapping[str, Any]
    axes: Mapping[str, str]
    product: Product
    search: tuning.Search | None

    @property
    def folder(self) -> Path:
        """The folder of the study."""
        return Path(self.settings["results"]) / str(self.settings["study"])

    @property
    def first_runs(self) -> tuple[Shard, Product]:
        """The runs that can be run at once: the trials of a search, or what is asked for."""
        if self.search is None:
            return self.part(self.axes, {}, self.product)
        seeds = {"seed": self.search.seeds}
        axes = {"seed": f"range({self.search.seeds[0]},{self.search.seeds[-1] + 1})"}
        points = self.search.points
        return self.part(axes, points, product_of(self.settings, seeds, points))

    def part(
        self, axes: Mapping[str, str], points: Mapping[str, Any], product: Product
    ) -> tuple[Shard, Product]:
        """Return some of the runs in words, and as a product."""
        settings = {key: value for key, value in self.settings.items() if key in DECIDING}
        for group in ("optimizer", "schedule"):
            settings[group] = {k: v for k, v in settings[group].items() if k != "search"}
        # all constants as they were found here: a file's path holds in any folder, and its digest with it
        settings["problem"] = {"name": product.problem.name, **asdict(product.problem)}
        lists = {key: list(map(float, column)) for key, column in points.items()}
        return Shard(settings, dict(axes), lists, 0, len(product)), product

    def widened(self, store: Store) -> Request:
        """Return the same search in a wider space if the best trial lies at its edge, else this one."""
        if self.search is None:
            return self
        limits = tuning.limits_of(
            self.product.method(0, 1).optimizer.full_name(), self.settings["schedule"]["name"]
        )
        edges = tuning.at_edge(self.chosen(store), self.search.space, limits)
        space = tuning.widened(self.search.space, edges, limits)
        if space == self.search.space:
            return self
        tune = self.settings["tune"]
        points = tuning.draw(space, tune["trials"], tune["method"])
        return replace(self, search=replace(self.search, space=space, points=points))

    def chosen(self, store: Store) -> pd.DataFrame:
        """Return how the trials compare, and which are the best for each budget."""
        pool, tune = self.first_runs[1].cell(), self.settings["tune"]
        return tuning.select(
            pool.runs, store.runs_of(pool), str(tune["measure"]), [*tune["budgets"], tune["trials"]]
        )

    def tuned_runs(self, store: Store) -> list[tuple[Shard, Product]]:
        """Choose among the trials, store the choice, and return the runs that it leads to.

        They are the best trials of each budget, and the defaults, on the seeds that the user
        wrote; the best of all trials are the first.
        """
        if self.search is None:
            return []
        chosen = self.chosen(store)
        store.write_selection(chosen, self.first_runs[1].cell(), self.search.space)
        settings, axes, trials = self.settings, expanded(self.axes), self.settings["tune"]["trials"]
        choices = [tuning.best_points(chosen, trials), tuning.best_points(chosen), {}]
        return [self.part(self.axes, points, product_of(settings, axes, points)) for points in choices]

    @property
    def most_runs(self) -> int:
        """How many runs it takes: with tuning, the most that the choices can add."""
        reruns = 1 + len(self.settings["tune"]["budgets"]) if self.search else 0
        return len(self.first_runs[1]) + reruns * len(self.product)
