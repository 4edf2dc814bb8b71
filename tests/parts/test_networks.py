"""Networks against PyTorch's numbers, what they are made of, and that they learn."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.engine.minimize import minimize
from optim import OPTIMIZERS
from problems import PROBLEMS, Problem
from problems.data import load_mnist1d, load_pixels

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "networks_a.npz")
NETWORKS: dict[str, dict[str, Any]] = {
    "convnet": {"channels": 2, "l2": 0.01},
    "autoencoder": {"hidden": 5, "code": 3, "l2": 0.01},
    "vae": {"hidden": 5, "code": 3},
    "mnist1d": {"hidden": 4, "l2": 0.01},
    "mnist1d conv": {"network": "conv", "hidden": 3, "l2": 0.01},
}


def network(name: str, **others: Any) -> Problem:
    return PROBLEMS[name.split()[0]](**{**NETWORKS[name], **others})


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_and_gradient_are_those_of_pytorch(name: str) -> None:
    params, loss, grad = (REFERENCE[f"{name} {part}"] for part in ("params", "loss", "grad"))
    ours = network(name).instance(np.arange(params.shape[1])).loss_and_grad(params)
    np.testing.assert_allclose(ours[0], loss, rtol=1e-10)
    np.testing.assert_allclose(ours[1], grad, rtol=1e-10, atol=1e-10 * np.abs(grad).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_falls_by_a_fifth_in_some_dozens_of_steps(name: str) -> None:
    others = {"test_size": 0.9} if name == "convnet" else {"hidden": 12}
    problem, adam = network(name, batch_size=16, **others), OPTIMIZERS["adam"](lr=0.01)
    trace = minimize(problem, adam, np.arange(3), steps=60, points=2, dtype="float32")
    assert (trace.loss[-1] < 0.8 * trace.loss[0]).all()
    assert (trace.diverged_at == -1).all()


def test_pixels_are_from_0_to_1() -> None:
    pixels = load_pixels()
    assert pixels.shape == (1797, 64)
    assert (pixels.min(), pixels.max()) == (0, 1)


def test_mnist1d_is_standardised_and_leaves_the_global_generators_alone() -> None:
    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    split = load_mnist1d.__wrapped__()
    assert (random.random(), np.random.rand()) == expected
    assert (split.x_train.shape, split.x_test.shape) == ((4000, 41), (1000, 41))
    np.testing.assert_allclose(split.x_train[:, :-1].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.x_train[:, :-1].std(axis=0), 1, rtol=1e-12)
    assert set(split.y_train) == set(split.y_test) == set(range(10))


def test_the_noise_of_the_vae_is_the_same_for_all_seeds_and_steps() -> None:
    problem = network("vae", batch_size=None)
    assert problem.batches(np.arange(2), 0, 5) is None
    start = problem.instance(np.array([4])).start
    again = problem.instance(np.array([9, 9]))
    loss = again.loss(np.repeat(start, 2, axis=1))
    assert loss[0] == loss[1]
    assert loss[0] == problem.instance(np.array([4])).loss(start)[0]


def test_no_loss_of_the_vae_is_below_the_entropy_of_the_pixels() -> None:
    pixels = load_pixels()
    inside = pixels[(pixels > 0) & (pixels < 1)]
    entropy = -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside)).sum() / len(pixels)
    np.testing.assert_allclose(network("vae").least, entropy, rtol=1e-12)


ERRORS = [
    ("convnet", {"batch_size": 1348}, "ConvNet: batch_size must be at most 1347, the training examples, got"),
    ("convnet", {"channels": 1000}, "ConvNet: channels=1000 make 18,332,010 parameters, at most 250,000"),
    ("autoencoder", {"batch_size": 1798}, "Autoencoder: batch_size must be at most 1797, the training"),
    ("autoencoder", {"hidden": 5000}, "Autoencoder: hidden=5000 and code=8 make"),
    ("vae", {"batch_size": 1798}, "VAE: batch_size must be at most 1797, the training examples, got 1798"),
    ("vae", {"code": 9999}, "VAE: hidden=32 and code=9999 make"),
    ("mnist1d", {"batch_size": 4001}, "MNIST1D: batch_size must be at most 4000, the training examples, got"),
    ("mnist1d", {"hidden": 10_000}, "MNIST1D: network=mlp and hidden=10000 make"),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_size_that_cannot_be_is_refused_in_one_line(
    name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r": ") as error:
        PROBLEMS[name](**values)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
