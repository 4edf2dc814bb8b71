"""Every registered optimizer: its contract, its scalar oracle, its YAML file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import COUPLED
from oracles import ORACLES

from experiments.contracts.bits import same_bits
from experiments.contracts.cases import Case, by_array, defaults, drawn, with_drawn_lanes
from experiments.contracts.optimizers import *  # noqa: F403  each is a test here
from experiments.contracts.optimizers import LANES, draws, follow
from experiments.contracts.values import message_of
from optim import ADAPTERS, OPTIMIZERS, Optimizer, hyper, register

CONF = Path(__file__).parents[2] / "conf" / "optimizer"


# --- The registry ---


def test_the_registry_holds_the_rules_under_the_names_a_user_types() -> None:
    assert ORACLES.keys() <= OPTIMIZERS.keys()


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'rmsprop' is taken by RMSprop"):
        register("rmsprop")(OPTIMIZERS["sgd"])


# --- init and update: contracts, imported above ---


def test_the_rules_that_couple_coordinates_are_those_that_say_why() -> None:
    assert {name for name, cls in OPTIMIZERS.items() if cls.couples and not by_array(cls)} == COUPLED.keys()


SCALE_FREE: dict[str, dict[str, float]] = {
    "rmsprop": {"eps": 0},
    "adagrad": {"eps": 0},
    "adam": {"eps": 0},
    "adamax": {"eps": 0},
    "nadam": {"eps": 0},
    "adan": {"eps": 0},
    "adabelief": {"eps": 0, "eps_root": 0},
    "yogi": {"eps": 0, "initial_accumulator": 0},
    "lion": {},
    "signsgd": {},
    "rprop": {},
}
"""The rules that do not see the size of the gradients, and with which values."""


@pytest.mark.parametrize("name", SCALE_FREE)
def test_without_eps_the_size_of_the_gradients_does_not_matter(name: str) -> None:
    params, grads = draws()
    rule = OPTIMIZERS[name](**SCALE_FREE[name])
    assert same_bits(follow(rule, params, grads), follow(rule, params, 2.0**-20 * grads))


def test_take_leaves_one_number_where_all_lanes_have_the_same() -> None:
    rule = OPTIMIZERS["sgd"](lr=np.array([0.1, 0.2, 0.2]), momentum=0.5)
    assert rule.take([1, 2]) == OPTIMIZERS["sgd"](lr=0.2, momentum=0.5)


# --- Values ---


ERRORS = [
    ("rmsprop", {"beta": 1.0}, "RMSprop: beta must be in [0, 1), got 1.0"),
    ("sgd", {"lr": 0}, "SGD: lr must be in (0, inf), got 0.0"),
    ("sgd", {"dampening": 1.5}, "SGD: dampening must be in [0, 1], got 1.5"),
    ("adam", {"eps": [1e-8, -1.0]}, "Adam: eps must be in [0, inf), got -1.0"),
    ("adagrad", {"lr_decay": "fast"}, "AdaGrad: lr_decay must be a number in [0, inf), got 'fast'"),
    ("adam", {"amsgrad": 1}, "Adam: amsgrad must be true or false, got 1"),
    (
        "sgd",
        {"nesterov": True},
        "SGD: nesterov=true needs momentum in (0, 1) and dampening = 0, got momentum=0.0, dampening=0.0",
    ),
    (
        "sgd",
        {"nesterov": True, "momentum": [0.9, 0.0]},
        "SGD: nesterov=true needs momentum in (0, 1) and dampening = 0, got momentum=0.0, dampening=0.0",
    ),
    (
        "sgd",
        {"nesterov": True, "momentum": 0.9, "dampening": [0.0, 0.1]},
        "SGD: nesterov=true needs momentum in (0, 1) and dampening = 0, got momentum=0.9, dampening=0.1",
    ),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_bad_value_gets_this_very_message(name: str, values: dict[str, Any], message: str) -> None:
    assert message_of(lambda: OPTIMIZERS[name](**values)) == message


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ({}, "(-inf, inf)"),
        ({"low": 0}, "[0, inf)"),
        ({"low": 0, "high": 0.5, "open_low": True}, "(0, 0.5]"),
    ],
)
def test_a_range_reads_as_an_interval(declared: dict[str, Any], text: str) -> None:
    assert str(hyper(0.1, **declared).metadata["range"]) == text


# --- The YAML files ---


def test_every_optimizer_has_a_file_and_every_file_an_optimizer() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {*OPTIMIZERS, *ADAPTERS}


# --- Scalar oracles ---


def by_oracle(rule: Optimizer, params: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Return what ``follow`` returns, one coordinate of one lane at a time."""
    oracle = ORACLES[rule.name]
    path = np.empty_like(grads)
    for lane in range(params.shape[1]):
        values = {name: value_in(getattr(rule, name), lane) for name in defaults(type(rule))}
        for i in range(len(params)):
            path[:, i, lane] = list(oracle(float(params[i, lane]), grads[:, i, lane].tolist(), **values))
    return path


def value_in(value: Any, lane: int) -> float | bool:
    """Return a lane's own value of a hyperparameter, as a plain Python number."""
    return float(value[lane]) if np.ndim(value) else value


def skip_without_oracle(name: str) -> None:
    if by_array(OPTIMIZERS[name]):
        pytest.skip("its oracles, of whole arrays, are in test_layer_optimizers")
    if name not in ORACLES:
        pytest.skip(f"{name} has no scalar oracle yet")


@pytest.mark.parametrize("seed", range(4))
def test_drawn_hyperparameters_in_every_lane_agree_with_the_scalar_oracle(
    optimizer_case: Case, seed: int
) -> None:
    skip_without_oracle(optimizer_case.cls.name)
    rule = with_drawn_lanes(optimizer_case, LANES, seed)
    params, grads = draws(seed)
    expected = by_oracle(rule, params, grads)
    np.testing.assert_allclose(follow(rule, params, grads), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_one_drawn_number_for_all_lanes_agrees_with_the_scalar_oracle(
    optimizer_case: Case, seed: int
) -> None:
    skip_without_oracle(optimizer_case.cls.name)
    rng = np.random.default_rng(seed)
    ranges = optimizer_case.cls.hyperparameters()
    rule = optimizer_case.make(**{name: float(drawn(allowed, rng, 1)[0]) for name, allowed in ranges.items()})
    params, grads = draws(seed)
    expected = by_oracle(rule, params, grads)
    np.testing.assert_allclose(follow(rule, params, grads), expected, rtol=1e-12, atol=1e-12)


def test_a_centered_variance_that_rounds_below_zero_counts_as_zero() -> None:
    rule = OPTIMIZERS["rmsprop"](centered=True, eps=1.0)
    grads = 1 / np.arange(3.0, 53.0)[None, :]  # constant in time: the true variance goes to 0
    params = np.zeros_like(grads)
    state = rule.init(params)
    for _ in range(400):
        updates, state = rule.update(grads, state, params)
    assert (state.square_avg < state.grad_avg**2).any()
    np.testing.assert_allclose(updates, -rule.lr * grads, rtol=1e-6)


@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.6, 1 / 3, 2 / 3])
def test_what_radam_does_not_rectify_is_momentum_and_no_operation_fails_there(beta2: float) -> None:
    params, grads = draws()
    grads[:, 0] = 0  # which nothing may divide by
    with np.errstate(all="raise"):
        path = follow(OPTIMIZERS["radam"](lr=0.5, beta1=0.0, beta2=beta2, eps=0), params, grads)
        expected = follow(OPTIMIZERS["sgd"](lr=0.5), params, grads)
    assert same_bits(path, expected)


def test_rprop_knows_the_sign_of_a_gradient_however_small() -> None:
    params, grads = draws()
    path = follow(OPTIMIZERS["rprop"](), params, grads)
    assert same_bits(path, follow(OPTIMIZERS["rprop"](), params, 2.0**-1000 * grads))


def test_the_largest_step_of_rprop_is_what_holds_where_the_bounds_cross() -> None:
    params, grads = draws()
    crossed = follow(OPTIMIZERS["rprop"](step_min=0.2, step_max=0.1), params, grads)
    assert same_bits(crossed, follow(OPTIMIZERS["rprop"](step_min=0.1, step_max=0.1), params, grads))


def test_adabound_ends_as_gradient_descent() -> None:
    params, grads = draws()
    rule = OPTIMIZERS["adabound"](beta1=0.0, final_lr=0.3, gamma=1 - 1e-9)
    state, updates = rule.init(params), grads[0]
    for _ in range(20):
        for grad in grads:
            updates, state = rule.update(grad, state, params)
    np.testing.assert_allclose(updates, -0.3 * grads[-1], rtol=2e-3)  # after 1,000 steps


@pytest.mark.parametrize(
    ("name", "expected"),
    [("rmsprop", {"lr": 0.01, "beta": 0.9, "eps": 1e-8, "momentum": 0.0}), ("adam", {"eps": 1e-8})],
)
def test_the_defaults_are_the_articles_and_the_papers(name: str, expected: dict[str, float]) -> None:
    assert defaults(OPTIMIZERS[name]).items() >= expected.items()
