"""Every registered optimizer: its contract, its scalar oracle, its YAML file."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import (
    COUPLED,
    Case,
    arrays_in,
    by_array,
    defaults,
    drawn,
    form_of,
    same_bits,
    with_drawn_lanes,
)
from omegaconf import OmegaConf
from oracles import ORACLES
from values import NOT_A_NUMBER, invalid_numbers, message_of, valid_ends

from experiments.engine.overflow import has_overflowed
from optim import ADAPTERS, OPTIMIZERS, Optimizer, Range, hyper, register

DIM, LANES, STEPS = 3, 5, 50
CONF = Path(__file__).parents[2] / "conf" / "optimizer"


def draws(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters, shape (DIM, LANES), and gradients, (STEPS, DIM, LANES)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((DIM, LANES)), rng.standard_normal((STEPS, DIM, LANES))


def follow(rule: Optimizer, params: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Return the parameters after every step, shape (STEPS, DIM, lanes)."""
    state, path = rule.init(params), []
    for grad in grads:
        updates, state = rule.update(grad, state, params)
        params = params + updates
        path.append(params)
    return np.array(path)


# --- The registry ---


def test_the_registry_holds_the_rules_under_the_names_a_user_types() -> None:
    assert ORACLES.keys() <= OPTIMIZERS.keys()


def test_a_class_knows_the_name_it_is_registered_under(optimizer_class: type[Optimizer]) -> None:
    assert OPTIMIZERS[optimizer_class.name] is optimizer_class


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'rmsprop' is taken by RMSprop"):
        register("rmsprop")(OPTIMIZERS["sgd"])


# --- init and update ---


def test_updates_and_state_are_float64_with_a_column_a_lane(optimizer: Optimizer) -> None:
    params, grads = draws()
    state = optimizer.init(params)
    assert not has_overflowed(state, LANES).any()
    for grad in grads:
        updates, state = optimizer.update(grad, state, params)
        assert not has_overflowed(state, LANES).any()
        assert (updates.shape, updates.dtype) == ((DIM, LANES), np.float64)
        assert updates.flags.c_contiguous
        assert np.isfinite(updates).all()
        assert all(part.shape[-1:] == (LANES,) for part in arrays_in(state))
        assert all(part.dtype == np.float64 and np.isfinite(part).all() for part in arrays_in(state))


def test_a_state_keeps_its_form(optimizer: Optimizer) -> None:
    params, grads = draws()
    before = optimizer.init(params)
    after = optimizer.update(grads[0], before, params)[1]
    assert form_of(after) == form_of(before)


def test_nothing_is_mutated_and_the_same_question_has_the_same_answer(optimizer_case: Case) -> None:
    rule = with_drawn_lanes(optimizer_case, LANES)
    params, grads = draws()
    state = rule.update(grads[0], rule.init(params), params)[1]
    inputs = [params, grads, *arrays_in(state), *(v for v in vars(rule).values() if np.ndim(v))]
    copies = [array.copy() for array in inputs]
    first, _ = rule.update(grads[1], state, params)
    second, _ = rule.update(grads[1], state, params)
    assert all(map(same_bits, inputs, copies))
    assert same_bits(first, second)


def test_a_lane_alone_is_that_lane_in_a_block(optimizer_case: Case) -> None:
    rule = with_drawn_lanes(optimizer_case, LANES)
    params, grads = draws()
    block = follow(rule, params, grads)
    for lane in range(LANES):
        alone = follow(rule.take([lane]), params[:, [lane]], grads[..., [lane]])
        assert same_bits(alone, block[..., [lane]])


def test_permuting_lanes_permutes_the_path(optimizer_case: Case) -> None:
    rule = with_drawn_lanes(optimizer_case, LANES)
    params, grads = draws()
    order = np.array([3, 0, 4, 1, 2])
    permuted = follow(rule.take(order), params[:, order], grads[..., order])
    assert same_bits(permuted, follow(rule, params, grads)[..., order])


def test_a_number_is_an_array_of_equal_numbers(optimizer: Optimizer) -> None:
    params, grads = draws()
    spread = {name: np.full(LANES, getattr(optimizer, name)) for name in optimizer.hyperparameters()}
    others = {f.name: getattr(optimizer, f.name) for f in fields(optimizer) if f.name not in spread}
    as_arrays = type(optimizer)(**spread, **others)
    assert same_bits(follow(optimizer, params, grads), follow(as_arrays, params, grads))


def test_coordinates_do_not_see_each_other(optimizer: Optimizer) -> None:
    if by_array(type(optimizer)):
        pytest.skip("it sees an array as a whole; test_arrays_do_not_see_each_other is about those")
    if optimizer.name in COUPLED:
        pytest.skip(COUPLED[optimizer.name])
    assert not optimizer.couples
    params, grads = draws()
    one = follow(optimizer, params[[1]], grads[:, [1]])
    assert same_bits(one, follow(optimizer, params, grads)[:, [1]])


def test_no_gradient_no_update(optimizer_class: type[Optimizer]) -> None:
    params, grads = draws()
    path = follow(optimizer_class(), params, 0 * grads)
    assert same_bits(path[-1], params)


def test_the_first_update_goes_against_the_gradient(optimizer_class: type[Optimizer]) -> None:
    if by_array(optimizer_class):
        pytest.skip("a whole array goes against its gradient, or waits: see test_layer_optimizers")
    params, grads = draws()
    rule = optimizer_class()
    updates, _ = rule.update(grads[0], rule.init(params), params)
    assert (np.sign(updates) == -np.sign(grads[0])).all()


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


def test_take_keeps_the_values_of_the_chosen_lanes(optimizer_case: Case) -> None:
    rule = with_drawn_lanes(optimizer_case, LANES)
    taken = rule.take(slice(2, 4))
    for name in rule.hyperparameters():
        assert np.broadcast_to(getattr(taken, name), 2).tolist() == (
            np.broadcast_to(getattr(rule, name), LANES)[2:4].tolist()
        )


def test_take_leaves_one_number_where_all_lanes_have_the_same() -> None:
    rule = OPTIMIZERS["sgd"](lr=np.array([0.1, 0.2, 0.2]), momentum=0.5)
    assert rule.take([1, 2]) == OPTIMIZERS["sgd"](lr=0.2, momentum=0.5)


# --- Values ---


NUMERIC = [
    pytest.param(cls, name, allowed, id=f"{key}.{name}")
    for key, cls in OPTIMIZERS.items()
    for name, allowed in cls.hyperparameters().items()
]
BOOLEAN = [
    pytest.param(cls, spec.name, id=f"{key}.{spec.name}")
    for key, cls in OPTIMIZERS.items()
    for spec in fields(cls)
    if spec.name not in cls.hyperparameters() and isinstance(spec.default, bool)
]


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
def test_a_number_out_of_range_is_named_with_its_range(
    cls: type[Optimizer], name: str, allowed: Range
) -> None:
    for value in invalid_numbers(allowed):
        expected = f"{cls.__name__}: {name} must be in {allowed}, got {value}"
        assert message_of(lambda value=value: cls(**{name: value})) == expected
        lanes = np.array([defaults(cls)[name], value, value])
        assert message_of(lambda lanes=lanes: cls(**{name: lanes})) == expected


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
def test_the_ends_of_a_range_and_the_default_are_accepted(
    cls: type[Optimizer], name: str, allowed: Range
) -> None:
    for value in [*valid_ends(allowed), defaults(cls)[name]]:
        assert getattr(cls(**{name: value}), name) == value


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=repr)
def test_what_is_not_a_number_is_refused(
    cls: type[Optimizer], name: str, allowed: Range, value: object
) -> None:
    message = message_of(lambda: cls(**{name: value}))
    assert message == f"{cls.__name__}: {name} must be a number in {allowed}, got {value!r}"


@pytest.mark.parametrize(("cls", "name"), BOOLEAN)
@pytest.mark.parametrize("value", [0, 1.0, "true", None, np.array([True, False])], ids=repr)
def test_what_is_not_true_or_false_is_refused(cls: type[Optimizer], name: str, value: object) -> None:
    message = message_of(lambda: cls(**{name: value}))
    assert message == f"{cls.__name__}: {name} must be true or false, got {value!r}"


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


def test_hyperparameters_cannot_be_changed(optimizer_class: type[Optimizer]) -> None:
    rule = optimizer_class()
    for spec in fields(rule):
        with pytest.raises(FrozenInstanceError):
            setattr(rule, spec.name, 0.5)


def test_hyperparameters_are_given_by_name(optimizer_class: type[Optimizer]) -> None:
    with pytest.raises(TypeError, match="positional"):
        optimizer_class(0.1)


# --- The YAML files ---


def test_every_optimizer_has_a_file_and_every_file_an_optimizer() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {*OPTIMIZERS, *ADAPTERS}


def test_the_file_holds_the_name_every_hyperparameter_at_its_default_and_the_search(
    optimizer_class: type[Optimizer],
) -> None:
    written = OmegaConf.to_container(OmegaConf.load(CONF / f"{optimizer_class.name}.yaml"))
    assert isinstance(written, dict)
    search, chosen = written.pop("search", {}), optimizer_class.chooses
    expected = {"name": optimizer_class.name, **defaults(optimizer_class)}
    if chosen:  # what is chosen has keys of its own
        assert chosen in written
        expected = {key: value for key, value in expected.items() if key in written}
    assert written == expected
    assert search.keys() <= optimizer_class.hyperparameters().keys()


def test_what_is_searched_lies_in_the_range(optimizer_class: type[Optimizer]) -> None:
    search = OmegaConf.load(CONF / f"{optimizer_class.name}.yaml").get("search", {})
    ranges = optimizer_class.hyperparameters()
    assert bool(search) == bool(ranges)
    for name, space in search.items():
        assert ranges[str(name)].contains(np.array([space.low, space.high])).all()
        assert space.low < space.high


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
