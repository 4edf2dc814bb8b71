"""Where a constant learning rate ends on a quadratic, held against runs."""

from typing import Any

import numpy as np
import pytest

from experiments import theory
from experiments.engine.minimize import minimize
from experiments.theory.cycles import half_width
from optim import OPTIMIZERS
from problems import QuadraticBowl

LR = 0.01


def tail_of(optimizer: str, condition: float, **settings: Any) -> np.ndarray[Any, Any]:
    """Return the last quarter of the path of each coordinate: (steps, dim x seeds)."""
    rule = OPTIMIZERS[optimizer](lr=LR, **settings)
    bowl = QuadraticBowl(dim=3, condition=condition)
    trace = minimize(bowl, rule, np.arange(4), steps=3000, points=3001, params=True, engine="numpy")
    assert trace.path is not None
    return trace.path[-750:].reshape(750, -1)


def cycle(optimizer: str, **settings: Any) -> theory.Cycle:
    rule = OPTIMIZERS[optimizer](lr=LR, **settings)
    found = theory.cycle_of(optimizer, {name: getattr(rule, name) for name in rule.__dataclass_fields__})
    assert found is not None
    return found


@pytest.mark.parametrize("condition", [1.0, 1000.0])
def test_sign_descent_goes_to_and_fro_by_half_the_learning_rate(condition: float) -> None:
    path = tail_of("signsgd", condition)
    np.testing.assert_allclose(np.ptp(path, axis=0) / 2, half_width(LR), rtol=1e-9)
    rms, known = np.sqrt((path**2).mean(axis=0)), cycle("signsgd")
    assert ((known.least <= rms) & (rms <= known.most)).all()
    assert np.ptp(rms) > 0.01 * LR  # the centre is the start's


@pytest.mark.parametrize("condition", [1.0, 1000.0])
@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_rmsprop_ends_at_half_the_learning_rate_whatever_the_curvature(beta: float, condition: float) -> None:
    path, known = tail_of("rmsprop", condition, beta=beta), cycle("rmsprop", beta=beta)
    assert known == theory.Cycle(LR / 2, LR / 2, True)
    np.testing.assert_allclose(np.abs(path), LR / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [("rmsprop", {"momentum": 0.9}), ("adam", {"beta1": 0.9, "beta2": 0.9}), ("adam", {"beta2": 0.9})],
)
def test_with_momentum_the_edge_of_stability_gives_the_scale(
    optimizer: str, settings: dict[str, float]
) -> None:
    rms, known = np.sqrt((tail_of(optimizer, 10, **settings) ** 2).mean(axis=0)), cycle(optimizer, **settings)
    assert not known.exact
    assert 0.5 < np.median(rms) / known.least < 2


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        ("signsgd", {"momentum": 0.9}),
        ("rmsprop", {"centered": True}),
        ("adam", {"amsgrad": True}),
        ("lion", {}),
    ],
)
def test_of_others_nothing_is_said(optimizer: str, settings: dict[str, Any]) -> None:
    rule = OPTIMIZERS[optimizer](lr=LR, **settings)
    assert (
        theory.cycle_of(optimizer, {name: getattr(rule, name) for name in rule.__dataclass_fields__}) is None
    )
