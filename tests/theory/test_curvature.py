"""Curvatures of problems, held against Hessians by differences of gradients."""

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.theory import Curvature, curvature_of
from problems import (
    PROBLEMS,
    LeastSquares,
    LogisticRegression,
    Problem,
    QuadraticBowl,
    QuadraticFit,
    Rosenbrock,
)


def eigenvalues(problem: Problem, at: float) -> NDArray[np.float64]:
    """Return the eigenvalues of the Hessian at a point drawn from N(0, at^2), by central differences."""
    instance = problem.instance(np.zeros(1, int))
    point = at * np.random.default_rng(1).standard_normal(instance.start.shape)
    step = 1e-5
    steps = np.eye(len(point)) * step
    above, below = (instance.loss_and_grad(point + sign * steps)[1] for sign in (1, -1))
    return np.linalg.eigvalsh((above - below + (above - below).T) / (4 * step))


def known(problem: Problem) -> Curvature:
    found = curvature_of(problem)
    assert isinstance(found, Curvature)
    return found


@pytest.mark.parametrize(
    "problem",
    [
        QuadraticBowl(dim=4, condition=50),
        QuadraticBowl(dim=4, condition=50, spectrum="spike", rotated=True),
        LeastSquares(l2=0.01),
        QuadraticFit(high=2, scale=3),
    ],
    ids=lambda problem: f"{problem.name}-{getattr(problem, 'rotated', '')}",
)
def test_of_a_quadratic_they_are_the_ends_of_its_spectrum(problem: Problem) -> None:
    found, values = known(problem), eigenvalues(problem, 1.0)
    assert found.quadratic
    assert (found.low, found.high) == pytest.approx((values[0], values[-1]), rel=1e-5)
    assert found.condition == pytest.approx(values[-1] / values[0], rel=1e-5)


@pytest.mark.parametrize("at", [0.0, 0.3, 3.0])
@pytest.mark.parametrize(
    "problem",
    [
        LogisticRegression(l2=0.1),
        LogisticRegression(data="wine", l2=0.01),
        LeastSquares(loss="huber", l2=0.05),
        LeastSquares(loss="logcosh"),
    ],
    ids=lambda problem: f"{problem.name}-{problem.data}-{getattr(problem, 'loss', '')}",
)
def test_of_a_regression_they_bound_every_eigenvalue(problem: Problem, at: float) -> None:
    found, values = known(problem), eigenvalues(problem, at)
    assert not found.quadratic
    assert found.low <= values[0] + 1e-6
    assert values[-1] <= found.high + 1e-6


def test_two_classes_have_a_bound_that_is_met_where_all_is_even() -> None:
    found = known(LogisticRegression(l2=0.1))
    assert eigenvalues(LogisticRegression(l2=0.1), 0.0)[-1] == pytest.approx(found.high, rel=1e-4)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (QuadraticBowl(grad_noise=0.1), "noisy"),
        (LogisticRegression(batch_size=16), "minibatches"),
        (Rosenbrock(), "not known to be above 0"),
    ],
    ids=["noise", "minibatches", "rosenbrock"],
)
def test_without_a_bound_it_is_said_why(problem: Problem, why: str) -> None:
    assert why in str(curvature_of(problem))


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_an_answer(name: str) -> None:
    assert isinstance(curvature_of(PROBLEMS[name]()), Curvature | str)
