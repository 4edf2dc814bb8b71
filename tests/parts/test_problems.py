"""Contracts of problems."""

from typing import Any

import numpy as np
import pytest
from contracts import PROBLEM_CASES, PROBLEM_VARIANTS

from experiments.contracts import problems
from experiments.contracts.cases import Case
from experiments.contracts.problems import *  # noqa: F403  each is a test here
from experiments.contracts.seen import STEP
from experiments.contracts.values import message_of
from problems import PROBLEMS, register


def test_the_registry_holds_the_three_problems_under_the_names_a_user_types() -> None:
    assert {"quadratic", "logistic", "rosenbrock"} <= PROBLEMS.keys()


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'quadratic' is taken by QuadraticFit"):
        register("quadratic")(PROBLEMS["rosenbrock"])


@pytest.mark.parametrize("name", PROBLEM_VARIANTS)
def test_two_seeds_start_apart(name: str) -> None:
    start = PROBLEMS[name]().instance(np.array([1, 2])).start
    assert (start[:, 0] != start[:, 1]).any()


NOISE = "the noise is on the gradient only: no loss has it as its slope"


NOISY = ("quadratic_bowl(grad_noise=1.0)", "noisy_quadratic()", "noisy_quadratic(dim=5, batch_size=2)")
NOT_THE_SLOPE = {(case, STEP): NOISE for case in NOISY}
"""(problem case, step) -> why differences of the loss are not the gradient."""


def gradients() -> list[Any]:
    """Return every problem case with all data and with one step's."""
    return [
        pytest.param(
            case, step, id=f"{case}-{step}", marks=expected_failure(NOT_THE_SLOPE.get((str(case), step)))
        )
        for case in PROBLEM_CASES
        for step in (None, STEP)
    ]


def expected_failure(reason: str | None) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=reason, strict=True)] if reason else []


DEGREE_EIGHT = "a polynomial of degree eight: its value there is above the largest float64"


OVERFLOWS = {(name, 1e50): DEGREE_EIGHT for name in ("beale", "goldstein_price")}
"""(problem, scale of the parameters) -> why its loss cannot be finite."""


def large_parameters() -> list[Any]:
    """Return every problem case with every scale of large parameters."""
    return [
        pytest.param(
            case, scale, id=f"{case}-{scale}", marks=expected_failure(OVERFLOWS.get((case.cls.name, scale)))
        )
        for case in PROBLEM_CASES
        for scale in (1e3, 1e6, 1e12, 1e50)
    ]


ERRORS = [
    ("rosenbrock", {"dim": 1}, "Rosenbrock: dim must be an integer in [2, 100000], got 1"),
    ("rosenbrock", {"dim": 2.0}, "Rosenbrock: dim must be an integer in [2, 100000], got 2.0"),
    ("quadratic", {"noise": -1}, "QuadraticFit: noise must be a number in [0, inf), got -1"),
    ("quadratic", {"a": "2"}, "QuadraticFit: a must be a number in (-inf, inf), got '2'"),
    (
        "quadratic",
        {"low": 1.0, "high": 1.0},
        "QuadraticFit: low must be below high, got low=1.0, high=1.0",
    ),
    (
        "logistic",
        {"data": "irsi"},
        "LogisticRegression: data must be one of breast_cancer, digits, iris, wine, keel/NAME, or a file "
        "(.csv or .parquet), got 'irsi'; near that: iris",
    ),
    (
        "logistic",
        {"batch_size": 0},
        "LogisticRegression: batch_size must be an integer in [1, inf), or null, got 0",
    ),
    (
        "logistic",
        {"batch_size": 134, "data": "wine"},
        "LogisticRegression: batch_size must be at most 133, the training examples of wine, got 134",
    ),
    (
        "logistic",
        {"test_size": 0.99},
        "LogisticRegression: test_size must be a number in [0.05, 0.95], got 0.99",
    ),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_bad_value_gets_this_very_message(name: str, values: dict[str, Any], message: str) -> None:
    assert message_of(lambda: PROBLEMS[name](**values)) == message


@pytest.mark.parametrize(("case", "step"), gradients())
def test_the_gradient_is_the_slope_of_the_loss(case: Case, step: int | None) -> None:
    problems.test_the_gradient_is_the_slope_of_the_loss(case.make(), step)


@pytest.mark.parametrize(("case", "scale"), large_parameters())
def test_loss_and_gradient_are_finite_at_large_parameters(case: Case, scale: float) -> None:
    problems.test_loss_and_gradient_are_finite_at_large_parameters(case.make(), scale)
