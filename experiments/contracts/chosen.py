"""The parts that are held to the contracts, as pytest is given them, and how the contracts ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from itertools import product
from typing import Any

import pytest

from experiments.contracts.cases import Case
from experiments.contracts.seen import SEEDS, STEP
from experiments.engine.backend import DTYPES
from optim.base import Optimizer
from problems.base import Problem

FAR_OUT = (1e3, 1e6, 1e12, 1e50)
"""How far from the start a loss is to be finite."""


@dataclass
class Chosen:
    """A plugin of pytest that hands the contracts the chosen classes, and notes how they end.

    Attributes:
        classes: those chosen of each kind: optimizer, schedule, problem.
        ended: for each contract how each of its checks ended.
        why: what was said where one does not apply.
    """

    classes: Mapping[str, Sequence[type[Any]]]
    ended: dict[str, list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a contract the chosen classes in the place of what its arguments are called."""
        rows = [row for group, classes in self.classes.items() for cls in classes for row in ROWS[group](cls)]
        names = [name for name in metafunc.fixturenames if any(name in row for row in rows)]
        if names:
            distinct = {
                labelled(row, names): [row[name] for name in names] for row in rows if has(row, names)
            }
            metafunc.parametrize(names, list(distinct.values()), ids=list(distinct))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended."""
        if report.when == "call" or report.outcome != "passed":
            contract = report.nodeid.rpartition("::")[2].partition("[")[0]
            self.ended.setdefault(contract, []).append(report.outcome)
            if report.skipped and isinstance(report.longrepr, tuple):
                self.why[contract] = report.longrepr[2].removeprefix("Skipped: ")

    def broken(self) -> list[str]:
        """Return in words the contracts that a check found broken."""
        return [in_words(name) for name, ends in self.ended.items() if "failed" in ends]

    def not_applied(self) -> dict[str, str]:
        """Return in words the contracts that are not of these classes, with the reason."""
        return {in_words(n): self.why.get(n, "") for n, ends in self.ended.items() if {*ends} == {"skipped"}}


def in_words(contract: str) -> str:
    return contract.removeprefix("test_").replace("_", " ")


def of_optimizer(cls: type[Optimizer]) -> Iterator[dict[str, Any]]:
    """Yield what a contract of an optimizer may ask for."""
    yield {"optimizer_class": cls}
    for case in cases_of(cls.of({})):
        for engine, dtype in product(cls.engines, DTYPES):
            yield {"optimizer_case": case, "optimizer": case.make(), "engine": engine, "dtype": dtype}


def cases_of(cls: type[Optimizer]) -> Iterator[Case]:
    """Yield an optimizer with its defaults, and with each of its switches the other way where that can be."""
    yield Case(cls)
    for spec in fields(cls):
        if isinstance(spec.default, bool):
            with suppress(ValueError):  # a switch that needs other values
                case = Case(cls, {spec.name: not spec.default})
                case.make()
                yield case


def of_schedule(cls: type[Any]) -> Iterator[dict[str, Any]]:
    """Yield what a contract of a schedule may ask for."""
    yield {"schedule_class": cls}


def of_problem(cls: type[Problem]) -> Iterator[dict[str, Any]]:
    """Yield what a contract of a problem may ask for."""
    yield {"problem_class": cls}
    problem = cls()
    is_noise = problem.batch(SEEDS, STEP) is not None and problem.instance(SEEDS).loss_is_exact
    for engine, dtype in product(cls.engines, DTYPES):
        for gradient_at, far_out in product([None] if is_noise else [None, STEP], FAR_OUT):
            yield {
                "problem": problem,
                "problem_engine": engine,
                "dtype": dtype,
                "gradient_at": gradient_at,
                "far_out": far_out,
            }


ROWS = {"optimizer": of_optimizer, "schedule": of_schedule, "problem": of_problem}
"""What the contracts of each kind may ask for, by the names of their arguments."""


def has(row: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(name in row for name in names)


def labelled(row: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return what values are called in the name of a check."""
    return "-".join(str(getattr(row.get(name), "name", row.get(name))) for name in names)
