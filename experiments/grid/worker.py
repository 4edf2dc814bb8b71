"""Run and store what the store does not have of a stretch of runs, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from experiments.command_line.progress import Advance
from experiments.engine.blocks import block_size, block_slices
from experiments.engine.minimize import minimize
from experiments.engine.trace import Trace
from experiments.grid.failures import Failure, failure_of
from experiments.request.cell import Cell
from experiments.request.product import STRETCH, Product
from experiments.store import Store
from experiments.store.parquet import CannotWrite

MOST_ATTEMPTS = 32  # at a block of which some run fails; what is then left of it fails together


@dataclass(frozen=True)
class Outcome:
    """How a stretch of runs went.

    Attributes:
        reused, ran: how many runs were stored already, and how many are now.
        failures: of the others.
        stopped: why the rest was not tried; empty if it was.
    """

    reused: int = 0
    ran: int = 0
    failures: tuple[Failure, ...] = ()
    stopped: str = ""


def total(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the sum of several outcomes."""
    outcomes = list(outcomes)
    return Outcome(
        reused=sum(outcome.reused for outcome in outcomes),
        ran=sum(outcome.ran for outcome in outcomes),
        failures=tuple(failure for outcome in outcomes for failure in outcome.failures),
        stopped=next((outcome.stopped for outcome in outcomes if outcome.stopped), ""),
    )


@dataclass(frozen=True)
class Worker:
    """Where runs go, and whom to tell.

    Attributes:
        provenance: what is kept beside the runs: versions, machine, command.
        stop: returns why to stop before the next block, or nothing.
        failed: is called when something failed.
    """

    store: Store
    provenance: dict[str, str]
    advance: Advance
    stop: Callable[[], str]
    failed: Callable[[], Any]

    def work(self, product: Product, first: int, end: int) -> Outcome:
        """Run what is missing of these runs of a product, a stretch of whole blocks at a time."""
        block = block_size(product.problem, product.backend)
        length = max(1, STRETCH // block) * block
        outcomes: list[Outcome] = []
        for start in range(first, end, length):
            outcomes += self.run_missing(product.cell(start, min(start + length, end)))
            if outcomes[-1].stopped:
                break
        return total(outcomes)

    def run_missing(self, cell: Cell) -> list[Outcome]:
        """Run the runs of a cell that are not stored, block by block."""
        stored = self.store.has(cell)
        outcomes = [Outcome(reused=int(stored.sum()))]
        self.advance(0, outcomes[0].reused)
        missing = np.flatnonzero(~stored)
        for block in block_slices(cell.problem, cell.backend, len(missing)):
            reason = self.stop()
            if reason:
                return [*outcomes, Outcome(stopped=reason)]
            outcomes.append(self.run_block(cell.take(missing[block])))
            if outcomes[-1].failures:
                self.failed()
            self.advance(len(missing[block]), 0)
        return outcomes

    def run_block(self, cell: Cell) -> Outcome:
        """Run and store a block.

        A block that fails is tried again in halves: one run that raises costs no other, and
        half a block may fit into memory where the whole did not.
        """
        waiting: list[tuple[Cell, Exception | None]] = [(cell, None)]
        failures: list[Failure] = []
        ran = attempts = 0
        while waiting and attempts < MOST_ATTEMPTS:
            part, _ = waiting.pop(0)
            attempts += 1
            try:
                self.store.write(part, traced(part), self.provenance)
                ran += len(part.runs)
            except CannotWrite as error:
                return Outcome(ran=ran, failures=tuple(failures), stopped=f"{error}")
            except Exception as error:
                half = len(part.runs) // 2
                if half:
                    waiting += [(part.take(slice(half)), error), (part.take(slice(half, None)), error)]
                else:
                    failures.append(failure_of(part, error))
        failures += [failure_of(part, error) for part, error in waiting if error]
        return Outcome(ran=ran, failures=tuple(failures))


def traced(cell: Cell) -> Trace:
    """Return what happens to the lanes of a cell."""
    return minimize(
        cell.problem,
        cell.method.optimizer,
        cell.seeds,
        schedule=cell.method.schedule,
        wrapper=cell.method.wrapper,
        steps=cell.steps,
        points=cell.points,
        params=cell.params,
        **asdict(cell.backend),
    )
