"""Fixtures that run a test on every registered optimizer and problem, and others."""

import gc
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

pytest.register_assert_rewrite("experiments.contracts")

import pandas as pd
from contracts import CASES_BY_ENGINE, OPTIMIZER_CASES, PROBLEM_CASES
from experiments.contracts.cases import Case
from frames import frames
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from threadpoolctl import threadpool_limits

from experiments.claims import base
from experiments.engine.backend import ENGINES
from optim import OPTIMIZERS, Optimizer
from optim.schedules import SCHEDULES
from problems import PROBLEMS, Problem

collect_ignore = [
    f"reference/make_{name}.py"
    for name in ("reference", "networks_a", "networks_b", "schedules", "points", "layers")
]  # need `peers`
collect_ignore_glob = ["trouble/*", "newcomers/*"]  # programs and parts that tests run


LONGEST = (
    *("loop", "endings", "problems", "divergence", "kills", "newcomers", "experiments", "peers"),
    *("layer_optimizers", "check", "sequences", "engines", "hessian", "methods", "elsewhere", "run"),
    *("report", "sources", "bad_input", "plan", "data", "protocol", "networks", "figures", "front_doors"),
    *("launchers", "failures", "lanes", "disk", "folders", "contracts", "new", "installed"),
    *("exports", "merge", "diff", "prune", "html", "watch"),
)


EVERYTHING = (
    "test_a_broken_contract_is_named",
    "test_workers_have_them_too",
    "test_a_grid_that_nobody_reads_of_is_stored",
)
"""Tests of many long cases, of which the first alone is run without ``--everything``."""


IN_COMPANY = ("company", "a_lane_alone")
"""In the names of the tests of a lane's bits, which compile a program for each number type."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="run every case of the longest tests too")


def is_left(item: pytest.Item, seen: set[str]) -> bool:
    """Tell whether an item is left to ``--everything``: float32 in company, and cases after the first."""
    name, _, case = item.name.partition("[")
    if "float32" in case and any(words in name for words in IN_COMPANY):
        return True
    if name not in EVERYTHING:
        return False
    repeated = name in seen
    seen.add(name)
    return repeated


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the files that take longest come first: at the end no core is to wait long for another."""
    if not config.getoption("--everything"):
        seen: set[str] = set()
        left = [item for item in items if is_left(item, seen)]
        config.hook.pytest_deselected(items=left)
        gone = set(left)
        items[:] = [item for item in items if item not in gone]
    first = [f"test_{name}" for name in LONGEST]
    items.sort(key=lambda item: first.index(item.path.stem) if item.path.stem in first else len(first))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Multiply matrices here as the loop does, so that bits can be compared."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="session", autouse=True)
def programs_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let all processes of the tests share what is compiled, and leave the user's folder alone."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LANES_CACHE", str(shared / "programs"))
        yield


@pytest.fixture(scope="session", autouse=True)
def files_parsed_once() -> Iterator[None]:
    """Let the hundreds of commands that are run in this process parse each file of a configuration once."""
    Plugins.instance()  # enters the sources
    sources = [SourcesRegistry.instance().resolve(scheme) for scheme in ("file", "pkg")]
    with pytest.MonkeyPatch.context() as patched:
        for source in sources:
            patched.setattr(source, "load_config", remembering(source.load_config))
        yield


def remembering(load: Callable[[Any, str], ConfigResult]) -> Callable[[Any, str], ConfigResult]:
    """Return a function that loads as this one does, and a file that it has loaded from its memory."""
    loaded: dict[tuple[str, str, str], ConfigResult] = {}

    def load_config(source: ConfigSource, config_path: str) -> ConfigResult:
        key = source.provider, source.path, config_path
        if key not in loaded:
            loaded[key] = load(source, config_path)
        return deepcopy(loaded[key])

    return load_config


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


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule_class(request: pytest.FixtureRequest) -> Any:
    """A registered schedule class."""
    return request.param


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    """An engine, of those that run the optimizer if there is one."""
    case = "optimizer_case" in request.fixturenames and request.getfixturevalue("optimizer_case")
    if case and request.param not in case.cls.engines:
        pytest.skip(f"{case.cls.name} does not run under engine={request.param}")
    return request.param


@pytest.fixture(params=CASES_BY_ENGINE, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def problem_and_engine(request: pytest.FixtureRequest) -> tuple[Problem, str]:
    """A problem, as ``problem``, and an engine that runs it."""
    case, engine = request.param
    return case.make(), engine


# What the tests of claims are given


@pytest.fixture
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "RESAMPLES", 80)


@pytest.fixture(scope="module")
def still() -> tuple[pd.DataFrame, pd.DataFrame]:
    """RMSprop on the bowl at a learning rate so small that the gradient stays as it is."""
    axes = {"lr": [1e-9], "beta": [0.9, 0.99]}
    return frames("rmsprop", "quadratic_bowl", axes, steps=1000, points=40, constants={"dim": 3}, params=True)
