"""Contractions and optimal settings, held against eigenvalues of the iteration that optim/sgd.py makes."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments import theory
from optim import SGD

CONDITIONS = (2.0, 10.0, 100.0, 1e4, 1e6)


def iteration_matrix(settings: theory.Settings, curvature: float) -> NDArray[np.float64]:
    """Return what a step of ``sgd`` does to (parameter, velocity) on a parabola: applied to both units."""
    rule = SGD(lr=settings.lr, momentum=settings.momentum, nesterov=settings.nesterov)
    params, velocity = np.eye(2)[:, None, :]
    state = rule.init(params)
    if state.velocity is None:
        return np.array([[1 - settings.lr * curvature]])
    updates, after = rule.update(curvature * params, state._replace(velocity=velocity, step=1), params)
    assert after.velocity is not None
    return np.vstack([params + updates, after.velocity])


def spectral_radius(settings: theory.Settings, low: float, high: float, count: int = 300) -> float:
    """Return the largest modulus of an eigenvalue over curvatures from low to high."""
    values = np.geomspace(low, high, count)
    return max(float(np.abs(np.linalg.eigvals(iteration_matrix(settings, v))).max()) for v in values)


@pytest.mark.parametrize(("method", "condition"), list(product(theory.METHODS, CONDITIONS)))
def test_the_optimal_settings_contract_as_their_formula_says(method: str, condition: float) -> None:
    settings = theory.optimal(method, 0.5, 0.5 * condition)
    expected = spectral_radius(settings, 0.5, 0.5 * condition)
    found = theory.contraction(*settings, 0.5, 0.5 * condition)
    assert found == pytest.approx(expected, abs=1e-7)  # of a double root the eigenvalues have half the digits
    assert -np.log(found) == pytest.approx(theory.decay(method, 0.5, 0.5 * condition), rel=2e-3)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_two_rates_of_the_claim(condition: float) -> None:
    root = condition**0.5
    gradient, heavy = (theory.decay(name, 1, condition) for name in ("gradient_descent", "heavy_ball"))
    assert np.exp(-gradient) == pytest.approx((condition - 1) / (condition + 1), rel=1e-12)
    assert np.exp(-heavy) == pytest.approx((root - 1) / (root + 1), rel=1e-12)


@pytest.mark.parametrize(
    ("lr", "momentum", "nesterov"),
    [(0.01, 0.0, False), (0.19, 0.0, False), (0.1, 0.5, False), (0.3, 0.9, False), (0.05, 0.9, True)],
)
def test_the_contraction_at_any_settings_is_the_spectral_radius(
    lr: float, momentum: float, nesterov: bool
) -> None:
    settings = theory.Settings(lr, momentum, nesterov)
    expected = spectral_radius(settings, 1, 10)
    assert theory.contraction(*settings, 1, 10) == pytest.approx(expected, abs=1e-7)


NEIGHBOURS: dict[str, Callable[[theory.Settings, float], theory.Settings]] = {
    "learning rate": lambda settings, factor: settings._replace(lr=settings.lr * factor),
    "momentum": lambda settings, factor: settings._replace(momentum=1 - (1 - settings.momentum) * factor),
}


@pytest.mark.parametrize(
    ("method", "setting"),
    [
        ("gradient_descent", "learning rate"),
        *product(("heavy_ball", "nesterov"), NEIGHBOURS),
    ],
)
def test_no_settings_beside_the_optimal_ones_contract_faster(method: str, setting: str) -> None:
    settings = theory.optimal(method, 1, 100)
    best = theory.contraction(*settings, 1, 100)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert theory.contraction(*NEIGHBOURS[setting](settings, factor), 1, 100) > best


def test_many_settings_at_once_are_those_one_by_one() -> None:
    lr, momentum = np.array([0.01, 0.1, 0.3]), np.array([0.0, 0.5, 0.9])
    found = theory.contraction(lr, momentum, momentum > 0.6, 1, 10)
    each = [theory.contraction(*row, 1, 10) for row in zip(lr, momentum, momentum > 0.6, strict=True)]
    assert found.tolist() == each
    assert theory.contraction(0.21, 0, False, 1, 10) > 1  # above 2 / L it diverges


def test_what_is_guaranteed_on_every_function_is_no_faster_than_on_quadratics() -> None:
    for method, condition in product(theory.METHODS, CONDITIONS):
        found = theory.guaranteed(method, 1, condition)
        if found is not None:
            assert -np.log(found) <= theory.decay(method, 1, condition) * (1 + 1e-9)
    assert theory.guaranteed("heavy_ball", 1, 10) is None


def test_steps_until_a_share_is_left() -> None:
    steps = theory.steps_until("gradient_descent", 1, 10, 1e-6)
    factor = 9 / 11
    assert factor**steps <= 1e-6 < factor ** (steps - 1)
    assert theory.steps_until("gradient_descent", 3, 3, 1e-6) == 1  # there in one step


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: theory.optimal("newton", 1, 2), "method must be one of gradient_descent, heavy_ball, "),
        (lambda: theory.optimal("nesterov", 2, 1), "curvatures must be 0 < smallest <= largest, got 2 and 1"),
        (lambda: theory.optimal("nesterov", 0, 1), "curvatures must be 0 < smallest <= largest, got 0 and 1"),
        (lambda: theory.steps_until("nesterov", 1, 2, 1.0), r"share must be in \(0, 1\), got 1"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        call()


def test_the_round_bowl_needs_no_momentum() -> None:
    for method in theory.METHODS:
        assert theory.optimal(method, 2, 2).momentum == 0
        assert theory.decay(method, 2, 2) == np.inf
