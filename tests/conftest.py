"""Fixtures that run a test on every registered optimizer and problem."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from contracts import OPTIMIZER_CASES, PROBLEM_CASES, Case
from threadpoolctl import threadpool_limits

from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Problem

collect_ignore = ["reference/make_reference.py"]  # needs the extra `peers`
collect_ignore_glob = ["trouble/*"]  # programs that tests run


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Multiply matrices here as the loop does, so that bits can be compared."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(params=OPTIMIZERS.values(), ids=OPTIMIZERS)
def optimizer_class(request: pytest.FixtureRequest) -> Any:
    """A registered optimizer class."""
    return request.param


@pytest.fixture(params=OPTIMIZER_CASES, ids=str)
def optimizer_case(request: pytest.FixtureRequest) -> Case:
    """A registered optimizer class with some of its fields given."""
    return request.param


@pytest.fixture
def optimizer(optimizer_case: Case) -> Optimizer:
    """An optimizer: a registered one with its defaults, or a variant."""
    return optimizer_case.make()


@pytest.fixture(params=PROBLEMS.values(), ids=PROBLEMS)
def problem_class(request: pytest.FixtureRequest) -> Any:
    """A registered problem class."""
    return request.param


@pytest.fixture(params=PROBLEM_CASES, ids=str)
def problem_case(request: pytest.FixtureRequest) -> Case:
    """A registered problem class with some of its fields given."""
    return request.param


@pytest.fixture
def problem(problem_case: Case) -> Problem:
    """A problem: a registered one with its defaults, or a variant."""
    return problem_case.make()
