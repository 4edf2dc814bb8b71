"""Linear regression against scikit-learn, SciPy and formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error

from experiments.contracts.seen import SEEDS, near_start, seen
from problems import LeastSquares


def squared(residual: np.ndarray, delta: float) -> np.ndarray:
    return 0.5 * residual**2


def log_cosh(residual: np.ndarray, delta: float) -> np.ndarray:
    ratio = residual / delta
    return delta**2 * (np.logaddexp(ratio, -ratio) - np.log(2))


def huber(residual: np.ndarray, delta: float) -> np.ndarray:
    return np.asarray(special.huber(delta, residual))


def pseudo_huber(residual: np.ndarray, delta: float) -> np.ndarray:
    return np.asarray(special.pseudo_huber(delta, residual))


ORACLES = {"squared": squared, "huber": huber, "pseudo_huber": pseudo_huber, "logcosh": log_cosh}
DELTAS = (0.1, 1.0, 30.0)


def objective(problem: LeastSquares, params: np.ndarray) -> np.ndarray:
    """Return the objective of each lane, by SciPy's losses."""
    residual = problem.split.x_train @ params - problem.split.y_train[:, None]
    losses = ORACLES[problem.loss](residual, problem.delta)
    return losses.mean(axis=0) + problem.l2 / 2 * (params**2).sum(axis=0)


@pytest.mark.parametrize("loss", ORACLES)
@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e3])
def test_the_loss_is_the_mean_of_its_definition_and_the_penalty(
    loss: str, delta: float, scale: float
) -> None:
    problem = LeastSquares(loss=loss, delta=delta, l2=0.1)
    instance = problem.instance(SEEDS)
    params = near_start(instance, scale)
    np.testing.assert_allclose(instance.loss(params), objective(problem, params), rtol=1e-12)


@pytest.mark.parametrize("data", ["diabetes", "linnerud"])
@pytest.mark.parametrize("l2", [1e-4, 0.1])
def test_the_minimiser_of_squared_is_that_of_ridge(data: str, l2: float) -> None:
    problem = LeastSquares(data=data, l2=l2)
    x, y = problem.split.x_train, problem.split.y_train
    ridge = Ridge(alpha=l2 * len(y), fit_intercept=False, solver="svd").fit(x, y)
    instance = problem.instance(SEEDS)
    np.testing.assert_allclose(instance.minimiser[:, 0], ridge.coef_, rtol=1e-9, atol=1e-12)
    held_out = mean_squared_error(problem.split.y_test, ridge.predict(problem.split.x_test))
    np.testing.assert_allclose(instance.metrics(instance.minimiser)["mse"], held_out, rtol=1e-9)


def reweighted(problem: LeastSquares, steps: int = 3000) -> np.ndarray:
    """Return the minimiser of a robust loss by weighted ridge regressions (Huber, 1964), in plain NumPy."""
    x, y, delta = problem.split.x_train, problem.split.y_train, problem.delta
    weight: dict[str, Any] = {
        "huber": lambda r: np.minimum(1, delta / np.maximum(np.abs(r), 1e-300)),
        "pseudo_huber": lambda r: 1 / np.sqrt(1 + (r / delta) ** 2),
        "logcosh": lambda r: np.tanh(r / delta) / np.where(r == 0, 1, r / delta) + (r == 0),
    }
    params = np.zeros(x.shape[1])
    for _ in range(steps):
        w = weight[problem.loss](x @ params - y)[:, None]
        params = np.linalg.solve(
            x.T @ (w * x) + len(y) * problem.l2 * np.eye(x.shape[1]), x.T @ (w[:, 0] * y)
        )
    return params


@pytest.mark.parametrize("loss", ["huber", "pseudo_huber", "logcosh"])
@pytest.mark.parametrize("delta", [0.1, 1.0])
@pytest.mark.parametrize("data", ["diabetes", "linnerud"])
def test_the_minimiser_of_a_robust_loss_is_that_of_reweighted_least_squares(
    loss: str, delta: float, data: str
) -> None:
    problem = LeastSquares(data=data, loss=loss, delta=delta)
    np.testing.assert_allclose(
        problem.instance(SEEDS).minimiser[:, 0], reweighted(problem), rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize("loss", ["huber", "pseudo_huber", "logcosh"])
@pytest.mark.parametrize(("delta", "l2"), [(1e-6, 1e-8), (1e-3, 1e-4), (1e-2, 1e-8), (1e6, 1.0)])
def test_the_gradient_vanishes_at_the_minimum_also_of_extreme_scales(
    loss: str, delta: float, l2: float
) -> None:
    problem = LeastSquares(loss=loss, delta=delta, l2=l2)
    instance = problem.instance(SEEDS)
    grads = instance.loss_and_grad(instance.minimiser)[1]
    assert (np.linalg.norm(grads, axis=0) < 1e-11).all()


def test_a_robust_loss_of_a_large_scale_is_the_squared_one() -> None:
    params = near_start(LeastSquares().instance(SEEDS))
    plain = LeastSquares().instance(SEEDS).loss(params)
    for loss in ("huber", "pseudo_huber", "logcosh"):
        np.testing.assert_allclose(
            LeastSquares(loss=loss, delta=1e6).instance(SEEDS).loss(params), plain, rtol=1e-9
        )


@pytest.mark.parametrize("loss", ORACLES)
def test_the_minibatches_of_an_epoch_are_all_the_data_once(loss: str) -> None:
    problem = LeastSquares(loss=loss, delta=0.5, batch_size=331)  # all the examples to train on
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    full, batch = (seen(problem, instance, params, step) for step in (None, 4))
    np.testing.assert_allclose(batch[0], full[0], rtol=1e-12)
    np.testing.assert_allclose(batch[1], full[1], rtol=1e-10, atol=1e-13)


def test_the_scale_of_the_loss_does_not_hang_on_the_units_of_what_is_predicted() -> None:
    y = LeastSquares().split.y_train
    assert abs(y.std() - 1) < 1e-12
    assert np.median(y) == 0
