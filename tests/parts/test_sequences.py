"""Networks on text, products of matrices, and the noisy quadratic: against PyTorch, and what they promise."""

import json
from pathlib import Path

import numpy as np
import pytest
from contracts import SMALLER
from reference.networks_b import CASES, POINTS

from experiments.contracts.bits import same_bits
from experiments.engine.minimize import minimize
from optim import OPTIMIZERS
from problems import PROBLEMS
from problems.matrices import of_singular_values, orthogonal
from problems.networks.text import ALPHABET, HELD_OUT, TRAINING, load_windows, sums

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "networks_b.npz")
RMSprop = OPTIMIZERS["rmsprop"]


def test_the_reference_is_of_these_cases() -> None:
    assert json.loads(str(REFERENCE["about"]))["cases"] == {case: list(of) for case, of in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_of_pytorch(case: str) -> None:
    name, constants = CASES[case]
    instance = PROBLEMS[name](**constants).instance(np.arange(POINTS))
    loss, grads = instance.loss_and_grad(REFERENCE[f"params {case}"].T)
    expected = REFERENCE[f"grads {case}"].T
    np.testing.assert_allclose(loss, REFERENCE[f"loss {case}"], rtol=1e-10)
    np.testing.assert_allclose(grads, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


FALLS = {
    "char_rnn": (0.05, 0.9),  # digits drawn at random cannot be learnt
    "transformer": (0.025, 0.9),
    "matrix_factorisation": (0.05, 0.1),
    "deep_linear": (0.025, 0.1),
    "noisy_quadratic": (0.05, 0.2),
}
"""Problem -> the learning rate, and what part of the loss is left at most after 60 steps."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FALLS)
def test_the_loss_falls_clearly(name: str, dtype: str) -> None:
    lr, left = FALLS[name]
    problem = PROBLEMS[name](**SMALLER.get(name, {}))
    rule = RMSprop(lr=lr, momentum=0.5)  # and with the path: the program that tests of the loop compile
    trace = minimize(problem, rule, np.arange(3), steps=60, points=2, params=True, engine="jax", dtype=dtype)
    assert (trace.suboptimality[-1] < left * trace.suboptimality[0]).all()


# The text


def test_the_text_is_sums_that_are_right() -> None:
    lines = sums(TRAINING + HELD_OUT + 2).split(";")[:-1]
    assert len(lines) > 100
    for line in lines:
        left, right = line.split("=")
        assert sum(map(int, left.split("+"))) == int(right)


@pytest.mark.parametrize("length", [1, 7, 16, 256])
def test_windows_go_through_the_text_without_a_gap_and_never_into_what_is_held_out(length: int) -> None:
    text = [ALPHABET.index(character) for character in sums(TRAINING + HELD_OUT + 2)]
    windows = load_windows(length)
    for part, first, size in ((windows.train, 0, TRAINING), (windows.test, TRAINING + 1, HELD_OUT)):
        assert part.shape == (size // length, length + 1)
        end = first + size // length * length
        assert part[:, :-1].ravel().tolist() == text[first:end]
        assert part[:, 1:].ravel().tolist() == text[first + 1 : end + 1]


@pytest.mark.parametrize("name", ["char_rnn", "transformer"])
def test_the_logits_of_a_place_do_not_see_what_comes_after(name: str) -> None:
    import jax.numpy as jnp

    problem = PROBLEMS[name](**SMALLER[name])
    params = problem.draw(np.random.default_rng(0))
    params = {key: jnp.asarray(value) for key, value in params.items()}
    x = load_windows(problem.length).test[:3, :-1]
    other = x.copy()
    other[:, -1] = (other[:, -1] + 1) % len(ALPHABET)
    before, after = (np.asarray(problem.logits(params, text)) for text in (x, other))
    assert same_bits(before[:, :-1], after[:, :-1])
    assert (before[:, -1] != after[:, -1]).any(axis=-1).all()


# Matrices


def test_an_orthogonal_matrix_is_one() -> None:
    matrix = orthogonal(np.random.default_rng(0), 6)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-14)


def test_a_matrix_has_the_singular_values_it_is_given() -> None:
    found = np.linalg.svd(of_singular_values((3.0, 2.0, 0.5), 5), compute_uv=False)
    np.testing.assert_allclose(found, [3, 2, 0.5, 0, 0], atol=1e-14)


def test_too_few_factors_leave_the_singular_values_beyond_them() -> None:
    problem = PROBLEMS["matrix_factorisation"](size=6, rank=4, factors=2, condition=8.0)
    left, values, right = np.linalg.svd(of_singular_values(tuple(problem.singular_values), 6))
    best = {"left": left[:, :2] * values[:2], "right": right[:2].T}
    instance = problem.instance(np.array([0]))
    loss, grads = instance.loss_and_grad(problem.flat(best)[:, None])
    np.testing.assert_allclose(loss, instance.minimum, rtol=1e-13)
    assert instance.minimum[0] > 0
    assert np.abs(grads).max() < 1e-14


# The noisy quadratic


def test_the_noise_has_mean_zero_and_the_covariance_of_the_curvature_over_the_batch() -> None:
    problem = PROBLEMS["noisy_quadratic"](dim=4, batch_size=8)
    seeds = np.array([0, 5])
    instance = problem.instance(seeds)
    clean = instance.loss_and_grad(instance.start)[1]
    steps = 4000
    noise = [instance.loss_and_grad(instance.start, b)[1] - clean for b in problem.batches(seeds, 0, steps)]
    drawn = np.moveaxis(np.array(noise), 1, 2).reshape(-1, 4) / np.sqrt(problem.curvatures / 8)
    # of numbers that are N(0, 1) and independent: five standard errors
    assert np.abs(drawn.mean(axis=0)).max() < 5 / np.sqrt(2 * steps)
    assert np.abs(np.cov(drawn.T) - np.eye(4)).max() < 5 * np.sqrt(2 / (2 * steps))


def test_curvatures_are_one_over_the_number_or_span_the_condition() -> None:
    cls = PROBLEMS["noisy_quadratic"]
    np.testing.assert_allclose(cls(dim=5).curvatures, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], rtol=1e-15)
    np.testing.assert_allclose(cls(dim=5, condition=5.0).curvatures, cls(dim=5).curvatures, rtol=1e-14)
    curvatures = cls(dim=7, condition=1000.0).curvatures
    np.testing.assert_allclose(curvatures[0] / curvatures[-1], 1000, rtol=1e-12)


# What is refused

REFUSED = [
    ("char_rnn", {"batch_size": 129}, "at most 128, the training windows of length=16, got 129"),
    ("transformer", {"length": 256, "batch_size": 9}, "at most 8, the training windows of length=256, got 9"),
    ("transformer", {"heads": 3}, "heads must divide the width, got width=32, heads=3"),
    ("transformer", {"width": 1000, "heads": 1}, "width=1000 makes 12,053,013 parameters, at most 250,000"),
    ("matrix_factorisation", {"rank": 21}, "must be at most size=20, got rank=21, factors=4"),
    ("deep_linear", {"depth": 100, "width": 100}, "depth=100 and width=100 make 1,000,000 parameters"),
]


@pytest.mark.parametrize(("name", "constants", "message"), REFUSED)
def test_what_does_not_go_together_is_refused_in_one_line(
    name: str, constants: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        PROBLEMS[name](**constants)
    assert "\n" not in str(error.value)
