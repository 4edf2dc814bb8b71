"""What a grid will take, from a short calibration on this machine."""

from __future__ import annotations

import heapq
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from experiments.engine.blocks import block_size
from experiments.grid.shards import Shard
from experiments.grid.worker import traced
from experiments.request.product import Product
from experiments.store import Store

CALIBRATION_STEPS = 50
MOST_SECONDS = 30.0  # of measuring: cells that are not measured by then are reckoned from those that are

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
        measured: whether it was, not reckoned from others; what is stored whole takes nothing.
    """

    optimizer: str
    problem: str
    runs: int
    more: int
    shards: int
    stored: int
    seconds: float
    bytes: float
    measured: bool = True


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


NOTHING = Rate(0.0, 0.0, 0.0)


def forecasts(parts: Sequence[Part], more: Sequence[int], batches: Batches, store: Store) -> list[Forecast]:
    """Return what each part of a grid will take; ``more`` runs are those that tuning adds to it."""
    settings = [dict(whole.settings) for whole, _ in parts]
    problems = zip(labels(settings, "problem"), others(settings), strict=True)
    names = zip(labels(settings, "optimizer"), (" ".join(each).strip() for each in problems), strict=True)
    cuts = Counter(id(shard.settings) for batch in batches for shard in batch)
    stored = [stored_runs(product, store) for _, product in parts]
    left = [
        len(product) - there + added for (_, product), there, added in zip(parts, stored, more, strict=True)
    ]
    products = [product for _, product in parts]
    measured = measured_rates(products, [i for i, count in enumerate(left) if count])
    found = []
    for i, ((whole, product), (optimizer, problem)) in enumerate(zip(parts, names, strict=True)):
        rate = measured.get(i, NOTHING)
        if left[i] and i not in measured:
            rate = reckoned(product, products, measured)
        seconds, size = rate.once + rate.seconds * left[i], rate.bytes * left[i]
        cells = len(product), more[i], cuts[id(whole.settings)], stored[i]
        found.append(Forecast(optimizer, problem, *cells, seconds, size, i in measured or not left[i]))
    return found


def measured_rates(products: Sequence[Product], places: Sequence[int]) -> dict[int, Rate]:
    """Return the rates of as many of these cells as can be measured in the time, at least of one.

    They are taken in a fixed random order, and of each problem one first.
    """
    shuffled = [places[i] for i in np.random.default_rng(0).permutation(len(places))]
    seen: Counter[str] = Counter()
    turns = []
    for place in shuffled:
        name = str(products[place].settings["problem"]["name"])
        turns.append((seen[name], place))
        seen[name] += 1
    found: dict[int, Rate] = {}
    began = time.perf_counter()
    for _, place in sorted(turns, key=lambda turn: turn[0]):
        if not found or time.perf_counter() - began < MOST_SECONDS:
            found[place] = calibrated(products[place])
    return found


def reckoned(product: Product, products: Sequence[Product], measured: Mapping[int, Rate]) -> Rate:
    """Return a cell's rate from those measured on its problem, else with its optimizer, else from all."""
    for group in ("problem", "optimizer"):
        name = product.settings[group]["name"]
        if alike := [i for i in measured if products[i].settings[group]["name"] == name]:
            break
    chosen = alike or list(measured)
    per_step = [measured[i].seconds / products[i].settings["steps"] for i in chosen]
    return Rate(
        once=float(np.mean([measured[i].once for i in chosen])),
        seconds=float(np.mean(per_step)) * product.settings["steps"],
        bytes=float(np.mean([measured[i].bytes for i in chosen])),
    )


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


def others(settings: Sequence[dict[str, Any]]) -> list[str]:
    """Return for each cell what varies beside its optimizer and problem: what computes it, and how long."""
    keys = ("schedule", "steps", "engine", "dtype", "device")
    told = [{key: name_of(each[key]) for key in keys if key in each} for each in settings]
    varied = [key for key in keys if len({each.get(key) for each in told}) > 1]
    return [" ".join(f"{key}={each[key]}" for key in varied if key in each) for each in told]


def name_of(value: Any) -> Any:
    return value["name"] if isinstance(value, Mapping) else value
