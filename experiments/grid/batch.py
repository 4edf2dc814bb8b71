"""A batch of shards: what one job runs, in whatever process and on whatever machine."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from experiments.command_line.progress import CURRENT
from experiments.grid.axes import values
from experiments.grid.pool import die_when
from experiments.grid.shards import Batch
from experiments.grid.worker import Outcome, Worker, total
from experiments.plugins.loading import check_unchanged, load
from experiments.request.product import product_of
from experiments.store import Store


def run_batch(batch: Batch) -> Outcome:
    """Run what the store does not have of a batch."""
    die_with_parent(batch.parent)
    load(batch.plugins)  # which this process has, or another has that asked for the batch
    check_unchanged(batch.outside)
    stop = marker(batch)
    worker = Worker(
        store=store_at(batch.folder),
        provenance=provenance(batch.command),
        advance=CURRENT.get(),
        stop=lambda: "fail_fast=true: a run failed" if stop.exists() else "",
        failed=stop.touch if batch.fail_fast else lambda: None,
    )
    outcomes = []
    with worker.store.looking_once():
        for shard in batch.shards:
            product = product_of(shard.settings, expanded(shard.axes), shard.points)
            outcomes.append(worker.work(product, shard.first, shard.end))
            if outcomes[-1].stopped:
                break
    return total(outcomes)


@cache
def store_at(folder: str) -> Store:
    """Return the store in a folder; one for all batches of a process, since it knows what it has read."""
    return Store(folder)


def marker(batch: Batch) -> Path:
    """Return the file whose presence stops a grid, on whatever machine its batches run."""
    return Path(batch.folder) / f".stop-{batch.grid}"


def this_process() -> str:
    return f"{platform.node()}:{os.getpid()}"


@cache
def die_with_parent(parent: str) -> None:
    """End this process when the one that asked for the batch, if it started this one, has ended."""
    if parent != f"{platform.node()}:{os.getppid()}":
        return

    def orphaned() -> None:
        while os.getppid() == int(parent.rpartition(":")[2]):
            time.sleep(0.5)

    die_when(orphaned)


def expanded(axes: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the values of axes that are as the user wrote them."""
    return {key: values(key, text) for key, text in axes.items()}


def provenance(arguments: str) -> dict[str, str]:
    """Return where a run comes from: versions, machine, commit, command."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.node()} {platform.machine()}",
        "commit": commit(),
        "command": arguments,
    }


@cache
def commit() -> str:
    """Return the commit of this code, with a mark if files have changed since; empty if unknown."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
