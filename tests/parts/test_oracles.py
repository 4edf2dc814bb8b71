"""Problems against their files and independent oracles, and minibatches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der
from scipy.special import logsumexp

from experiments.contracts.bits import same_bits
from experiments.contracts.seen import LANES, SEEDS, STEP, near_start, seen
from problems import PROBLEMS

CONF = Path(__file__).parents[2] / "conf" / "problem"


def test_every_problem_has_a_file_and_every_file_a_problem() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(PROBLEMS)


@pytest.mark.parametrize("seed", [0, 5])
def test_quadratic_is_half_the_mean_squared_error_of_the_articles_data(seed: int) -> None:
    rng = np.random.RandomState(seed)
    x = np.linspace(-3, 3, 100)
    y = 2 * x**2 + 3 * x + 4 + rng.normal(0, 0.5, 100)
    start = rng.randn(3)
    instance = PROBLEMS["quadratic"]().instance(np.full(LANES, seed))
    params = near_start(instance)
    residual = params[0] * x[:, None] ** 2 + params[1] * x[:, None] + params[2] - y[:, None]
    mse = (residual**2).mean(axis=0)
    by_hand = np.array([(residual * factor[:, None]).mean(axis=0) for factor in (x**2, x, np.ones(100))])
    assert same_bits(instance.start[:, 0], start)
    np.testing.assert_allclose(instance.loss(params), mse / 2, rtol=1e-12)
    np.testing.assert_allclose(instance.metrics(params)["mse"], mse, rtol=1e-12)
    np.testing.assert_allclose(instance.loss_and_grad(params)[1], by_hand, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(instance.minimiser[:, 0], np.polyfit(x, y, 2), rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_rosenbrock_is_scipys(dim: int) -> None:
    instance = PROBLEMS["rosenbrock"](dim=dim).instance(np.arange(LANES))
    params = near_start(instance)
    loss, grads = instance.loss_and_grad(params)
    np.testing.assert_allclose(loss, rosen(params), rtol=1e-13)
    np.testing.assert_allclose(grads, rosen_der(params), rtol=1e-12, atol=1e-10)


def test_rosenbrock_starts_from_the_classic_point_which_a_seed_perturbs() -> None:
    start = PROBLEMS["rosenbrock"](dim=5, perturbation=0.1).instance(np.arange(500)).start
    assert start[:, 0].tolist() == [-1.2, 1.0, -1.2, 1.0, -1.2]
    offset = start[:, 1:] - start[:, :1]
    assert abs(offset.mean()) < 0.01
    assert abs(offset.std() - 0.1) < 0.01


def cross_entropy(problem: Any, params: np.ndarray) -> np.ndarray:
    """Return the objective by SciPy's logsumexp, shape (lanes,), one example after the other."""
    x, y = problem.split.x_train, problem.split.y_train
    total = np.zeros(params.shape[1])
    for row, label in zip(x, y, strict=True):
        logits = np.tensordot(row, params.reshape(len(row), -1, params.shape[1]), axes=1)
        if len(logits) == 1:  # two classes: the other logit is zero
            logits = np.vstack([np.zeros_like(logits), logits])
        total += logsumexp(logits, axis=0) - logits[label]
    return total / len(y) + problem.l2 / 2 * (params**2).sum(axis=0)


@pytest.mark.parametrize("data", ["breast_cancer", "wine"])
@pytest.mark.parametrize("scale", [0.1, 1e3])
def test_logistic_is_the_mean_cross_entropy_and_the_penalty(data: str, scale: float) -> None:
    problem = PROBLEMS["logistic"](data=data, l2=1e-6)
    instance = problem.instance(SEEDS)
    params = near_start(instance, scale)
    np.testing.assert_allclose(instance.loss(params), cross_entropy(problem, params), rtol=1e-12)


@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits"])
def test_accuracy_is_the_share_of_held_out_examples_predicted_right(data: str) -> None:
    problem = PROBLEMS["logistic"](data=data)
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    lane = 5
    logits = problem.split.x_test @ params[:, lane].reshape(problem.split.x_test.shape[1], -1)
    if logits.shape[1] == 1:  # two classes: the other logit is zero
        logits = np.hstack([np.zeros_like(logits), logits])
    right = np.mean(logits.argmax(axis=1) == problem.split.y_test)
    assert instance.metrics(params)["accuracy"][lane] == right
    assert (instance.metrics(instance.minimiser)["accuracy"] > 0.9).all()


def test_accuracy_is_nan_where_parameters_are_not_finite() -> None:
    instance = PROBLEMS["logistic"](data="wine").instance(SEEDS)
    params = instance.start.copy()
    params[3, 1], params[0, 2] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        accuracy = instance.metrics(params)["accuracy"]
    assert np.flatnonzero(np.isnan(accuracy)).tolist() == [1, 2]


@pytest.mark.parametrize(("data", "share"), [("breast_cancer", 0.25), ("wine", 0.4), ("digits", 0.1)])
def test_logistic_data_are_standardised_with_an_intercept_and_a_held_out_share(
    data: str, share: float
) -> None:
    split = PROBLEMS["logistic"](data=data, test_size=share).split
    features, ones = split.x_train[:, :-1], split.x_train[:, -1]
    spread = features.std(axis=0)
    assert np.abs(features.mean(axis=0)).max() < 1e-12
    assert np.logical_or(np.abs(spread - 1) < 1e-12, spread == 0).all()
    assert (ones == 1).all()
    assert (split.x_test[:, -1] == 1).all()
    examples = len(split.y_train) + len(split.y_test)
    assert abs(len(split.y_test) - share * examples) <= 1


def test_logistic_starts_at_zero_for_seed_0_and_near_it_for_others() -> None:
    start = PROBLEMS["logistic"]().instance(np.arange(100)).start
    assert not start[:, 0].any()
    assert abs(start[:, 1:].std() - 0.1) < 0.01


def test_the_minibatches_of_an_epoch_are_all_the_data_once() -> None:
    problem = PROBLEMS["logistic"](data="wine", batch_size=19)  # 133 examples: 7 whole batches
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    for epoch in range(3):
        steps = range(7 * epoch, 7 * epoch + 7)
        losses, grads = zip(*(seen(problem, instance, params, step) for step in steps), strict=True)
        full_loss, full_grads = instance.loss_and_grad(params)
        np.testing.assert_allclose(np.mean(losses, axis=0), full_loss, rtol=1e-12)
        np.testing.assert_allclose(np.mean(grads, axis=0), full_grads, rtol=1e-10, atol=1e-12)


def test_what_is_left_of_an_epoch_is_not_used() -> None:
    problem = PROBLEMS["logistic"](data="wine", batch_size=20)
    for epoch in range(3):  # 133 examples: 6 whole batches
        steps = range(6 * epoch, 6 * epoch + 6)
        rows = [problem.batch(np.array([4]), step) for step in steps]
        assert [batch.shape for batch in rows] == [(20, 1)] * 6
        assert len(np.unique(rows)) == 120


def test_every_epoch_has_a_new_order() -> None:
    problem = PROBLEMS["logistic"](data="wine", batch_size=19)
    instance = problem.instance(SEEDS)
    losses = [seen(problem, instance, near_start(instance), 7 * epoch)[0] for epoch in range(4)]
    assert len(np.unique(losses, axis=0)) == 4


def test_lanes_that_share_a_seed_share_their_minibatches() -> None:
    problem = PROBLEMS["logistic"](batch_size=32)
    instance = problem.instance(SEEDS)
    params = np.repeat(near_start(instance)[:, :1], LANES, axis=1)
    for step in range(20):
        loss, grads = seen(problem, instance, params, step)
        for seed in np.unique(SEEDS):
            lanes = np.flatnonzero(np.equal(SEEDS, seed))
            assert np.ptp(loss[lanes]) == 0
            assert not np.ptp(grads[:, lanes], axis=1).any()
        assert len(np.unique(loss)) == len(np.unique(SEEDS))


def test_a_batch_of_all_examples_is_the_full_gradient_in_another_order() -> None:
    problem = PROBLEMS["logistic"](data="wine", batch_size=133)
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    full, batch = (seen(problem, instance, params, step)[1] for step in (None, STEP))
    np.testing.assert_allclose(batch, full, rtol=1e-10, atol=1e-13)
