"""A grid cut into shards that run anywhere on their own, and packed into batches, one a job."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from experiments.engine.blocks import block_size
from experiments.request.product import Product

FLOATS_PER_SECOND = 2e8  # touched by one core, very roughly: to cut evenly, never to be shown
COMPILING = 0.5  # seconds, roughly, that a cell takes under JAX before its first step
STATE_FLOATS = 24  # what optimizer and loop touch for each lane, roughly


@dataclass(frozen=True)
class Shard:
    """A stretch of a product's runs, in words short enough to be sent to another machine.

    Attributes:
        settings: as ``lanes.product_of`` takes them.
        axes: the axes as the user wrote them: ``range(0,1000)`` and not a thousand numbers.
        points: values of hyperparameters that vary together.
        first, end: the runs of the product that are meant, ``end`` not included.
    """

    settings: Mapping[str, Any]
    axes: Mapping[str, str]
    points: Mapping[str, Sequence[float]]
    first: int
    end: int


@dataclass(frozen=True)
class Batch:
    """What one job runs, with all that it needs to know.

    Attributes:
        folder: the study's folder.
        command: what the user typed, for the provenance of the runs.
        parent: host and process that asked for it, as ``host:pid``.
        grid: the mark of the grid that it belongs to.
        fail_fast: whether a failure ends the grid.
        plugins: the folders of parts from outside.
        outside: the digests of their modules, and of those of installed packages, where it was asked for.
    """

    folder: str
    command: str
    parent: str
    grid: str
    fail_fast: bool
    shards: tuple[Shard, ...] = ()
    plugins: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return the batch as one line, in which nothing is an interpolation of OmegaConf's."""
        return json.dumps(asdict(self), separators=(",", ":")).replace("$", r"\u0024")

    @classmethod
    def from_text(cls, text: str) -> Batch:
        """Return the batch that ``text()`` wrote down."""
        fields = json.loads(text)
        return cls(**{**fields, "shards": tuple(Shard(**shard) for shard in fields["shards"])})


def seconds(product: Product, lanes: int) -> float:
    """Return very roughly how long so many runs of a product take on one core."""
    floats = product.problem.floats_per_lane + STATE_FLOATS
    return lanes * int(product.settings["steps"]) * floats / FLOATS_PER_SECOND


def started(product: Product) -> float:
    """Return very roughly how many seconds pass before the first step of a product."""
    return COMPILING if product.backend.engine == "jax" else 0.0


def cut(whole: Shard, product: Product, size: float) -> Iterator[tuple[float, Shard]]:
    """Yield a product in shards of about ``size`` seconds, in whole blocks where it has several."""
    lanes, block = len(product), block_size(product.problem, product.backend)
    shards, blocks = max(1, round(seconds(product, lanes) / size)), math.ceil(lanes / block)
    length = math.ceil(blocks / shards) * block if shards <= blocks else math.ceil(lanes / shards)
    for first in range(0, lanes, length):
        end = min(first + length, lanes)
        yield started(product) + seconds(product, end - first), replace(whole, first=first, end=end)


def packed(pairs: Sequence[tuple[Shard, Product]], jobs: int, least: float) -> list[tuple[Shard, ...]]:
    """Return the shards of a grid in batches of about the same length.

    Args:
        jobs: how many batches, at most and roughly.
        least: seconds that a batch should take, so that starting it is worth it.
    """
    total = sum(started(product) + seconds(product, len(product)) for _, product in pairs)
    size = max(total / jobs, least)
    batches: list[list[Shard]] = [[]]
    filled = 0.0
    for cost, shard in (found for pair in pairs for found in cut(*pair, size)):
        if filled and filled + cost / 2 > size:
            batches.append([])
            filled = 0.0
        batches[-1].append(shard)
        filled += cost
    return [tuple(batch) for batch in batches if batch]
