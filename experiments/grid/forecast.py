"""What a grid will take, from a short calibration on this machine."""

from __future__ import annotations

import heapq
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from experiments.engine.blocks import block_size
from experiments.grid.shards import Shard
from experiments.grid.worker import traced
from experiments.request.product import Product
from experiments.store import Store

CALIBRATION_STEPS = 50

Part = tuple[Shard, Product]
Batches = Sequence[Sequence[Shard]]


@dataclass(frozen=True)
class Forecast:
    """What the runs of one optimizer on one problem will take.

    Attributes:
        optimizer, problem: with those of their settings that tell them from other cells.
        runs: asked for.
        more: that tuning will add, at most.
        shards: into which the runs are cut.
        stored: runs that are there already.
        seconds: of one processor.
        bytes: on disk.
    """

    optimizer: str
    problem: str
    runs: int
    more: int
    shards: int
    stored: int
    seconds: float
    bytes: float


@dataclass(frozen=True)
class Rate:
    """What the runs of one cell take.

    Attributes:
        once: seconds before the first block: reference solutions, data.
        seconds: processor time of a run.
        bytes: on disk, of a run.
    """

    once: float
    seconds: float
    bytes: float


def forecasts(parts: Sequence[Part], more: Sequence[int], batches: Batches, store: Store) -> list[Forecast]:
    """Return what each part of a grid will take; ``more`` runs are those that tuning adds to it."""
    settings = [dict(whole.settings) for whole, _ in parts]
    names = zip(labels(settings, "optimizer"), labels(settings, "problem"), strict=True)
    cuts = Counter(id(shard.settings) for batch in batches for shard in batch)
    found = []
    for (whole, product), added, (optimizer, problem) in zip(parts, more, names, strict=True):
        rate, stored = calibrated(product), stored_runs(product, store)
        left = len(product) - stored + added
        shards = cuts[id(whole.settings)]
        seconds = rate.once + rate.seconds * left
        found.append(
            Forecast(optimizer, problem, len(product), added, shards, stored, seconds, rate.bytes * left)
        )
    return found


def duration(found: Sequence[Forecast], parts: Sequence[Part], batches: Batches, workers: int) -> float:
    """Return how many seconds so many workers will need; what is stored is spread evenly."""
    each = {id(whole.settings): f.seconds / f.runs for f, (whole, _) in zip(found, parts, strict=True)}
    lengths = (sum(each[id(s.settings)] * (s.end - s.first) for s in batch) for batch in batches)
    return makespan(lengths, workers)


def stored_runs(product: Product, store: Store) -> int:
    """Return how many runs of a product are stored."""
    if not store.files_meeting(product.method(0, 1).optimizer, product.problem, product.allowed):
        return 0
    return sum(int(store.has(product.cell(*stretch)).sum()) for stretch in product.stretches())


def calibrated(product: Product) -> Rate:
    """Measure the runs of a product on its first block: the start, some steps, some records, the file.

    A run is fixed costs, steps and records; each is measured apart, so that a few steps tell of many.
    """
    cell = product.cell(0, min(len(product), block_size(product.problem, product.backend)))
    steps = min(cell.steps, max(CALIBRATION_STEPS, cell.points))
    points = min(cell.points, steps + 1)
    once = clocked(lambda: traced(replace(cell, steps=1, points=2)))[0]
    fixed = clocked(lambda: traced(replace(cell, steps=1, points=2)))[0]
    stepping = clocked(lambda: traced(replace(cell, steps=steps, points=2)))[0]
    recording, trace = clocked(lambda: traced(replace(cell, steps=steps, points=points)))
    per_step = max(stepping - fixed, 0) / max(steps - 1, 1)
    per_record = max(recording - stepping, 0) / max(points - 2, 1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        writing = clocked(lambda: store.write(cell, trace, {}))[0]
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    recorded = min(cell.points, cell.steps + 1)
    block = fixed + per_step * (cell.steps - 1) + per_record * (recorded - 2) + writing
    lanes = len(cell.runs)
    return Rate(max(once - fixed, 0), block / lanes, size / lanes)


Result = TypeVar("Result")


def clocked(function: Callable[[], Result]) -> tuple[float, Result]:
    """Return how many seconds a function took, and what it returned."""
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def makespan(batches: Iterable[float], workers: int) -> float:
    """Return when the last of some batches ends that are handed to workers in their order, in seconds."""
    free = [0.0] * workers
    for seconds in batches:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def labels(settings: Sequence[dict[str, Any]], group: str) -> list[str]:
    """Return a name for each cell's optimizer or problem, with those of its settings that vary."""
    parts = [setting[group] for setting in settings]
    values: dict[tuple[str, str], set[Any]] = {}
    for part in parts:
        for key, value in part.items():
            values.setdefault((part["name"], key), set()).add(value)
    return [
        " ".join([f"{part['name']}", *(f"{k}={part[k]}" for k in part if len(values[part["name"], k]) > 1)])
        for part in parts
    ]
