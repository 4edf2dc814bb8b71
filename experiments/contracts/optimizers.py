"""What every optimizer keeps: its rule by itself, its values, its YAML file."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments.contracts.bits import arrays_in, form_of, same_bits
from experiments.contracts.cases import Case, by_array, defaults, with_drawn_lanes
from experiments.contracts.values import NOT_A_NUMBER, outside, refused, valid_ends
from experiments.engine.overflow import has_overflowed
from experiments.plugins.state import file_of
from optim import OPTIMIZERS
from optim.base import Optimizer

DIM, LANES, STEPS = 3, 5, 50


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


def test_a_class_knows_the_name_it_is_registered_under(optimizer_class: type[Optimizer]) -> None:
    assert OPTIMIZERS[optimizer_class.name] is optimizer_class


def test_updates_and_state_are_float64_with_a_column_a_lane(optimizer: Optimizer) -> None:
    params, grads = draws()
    state = optimizer.init(params)
    assert not has_overflowed(state, LANES).any()
    for grad in grads:
        updates, state = optimizer.update(grad, state, params)
        assert not has_overflowed(state, LANES).any()
        assert updates.shape == (DIM, LANES)
        assert updates.dtype == np.float64
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
        pytest.skip("it sees an array as a whole")
    if optimizer.couples:
        pytest.skip("it says that what happens to a coordinate depends on the others")
    params, grads = draws()
    one = follow(optimizer, params[[1]], grads[:, [1]])
    assert same_bits(one, follow(optimizer, params, grads)[:, [1]])


def test_no_gradient_no_update(optimizer_class: type[Optimizer]) -> None:
    params, grads = draws()
    path = follow(optimizer_class(), params, 0 * grads)
    assert same_bits(path[-1], params)


def test_the_first_update_goes_against_the_gradient(optimizer_class: type[Optimizer]) -> None:
    if by_array(optimizer_class):
        pytest.skip("a whole array goes against its gradient, or waits")
    params, grads = draws()
    rule = optimizer_class()
    updates, _ = rule.update(grads[0], rule.init(params), params)
    assert (np.sign(updates) == -np.sign(grads[0])).all()


def test_take_keeps_the_values_of_the_chosen_lanes(optimizer_case: Case) -> None:
    rule = with_drawn_lanes(optimizer_case, LANES)
    taken = rule.take(slice(2, 4))
    for name in rule.hyperparameters():
        assert np.broadcast_to(getattr(taken, name), 2).tolist() == (
            np.broadcast_to(getattr(rule, name), LANES)[2:4].tolist()
        )


def test_a_number_out_of_range_is_named_with_its_range(optimizer_class: type[Any]) -> None:
    cls = optimizer_class
    for name, allowed, value in outside(cls):
        expected = f"{cls.__name__}: {name} must be in {allowed}, got {value}"
        assert refused(cls, **{name: value}) == expected
        lanes = np.array([defaults(cls)[name], value, value])
        assert refused(cls, **{name: lanes}) == expected


def test_the_ends_of_a_range_and_the_default_are_accepted(optimizer_class: type[Any]) -> None:
    for name, allowed in optimizer_class.hyperparameters().items():
        for value in [*valid_ends(allowed), defaults(optimizer_class)[name]]:
            assert getattr(optimizer_class(**{name: value}), name) == value


@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=repr)
def test_what_is_not_a_number_is_refused(optimizer_class: type[Any], value: object) -> None:
    cls = optimizer_class
    for name, allowed in cls.hyperparameters().items():
        message = refused(cls, **{name: value})
        assert message == f"{cls.__name__}: {name} must be a number in {allowed}, got {value!r}"


@pytest.mark.parametrize("value", [0, 1.0, "true", None, np.array([True, False])], ids=repr)
def test_what_is_not_true_or_false_is_refused(optimizer_class: type[Any], value: object) -> None:
    cls = optimizer_class
    for name in (spec.name for spec in fields(cls) if isinstance(spec.default, bool)):
        message = refused(cls, **{name: value})
        assert message == f"{cls.__name__}: {name} must be true or false, got {value!r}"


def test_hyperparameters_cannot_be_changed(optimizer_class: type[Optimizer]) -> None:
    rule = optimizer_class()
    for spec in fields(rule):
        with pytest.raises(FrozenInstanceError):
            setattr(rule, spec.name, 0.5)


def test_hyperparameters_are_given_by_name(optimizer_class: type[Any]) -> None:
    with pytest.raises(TypeError, match="positional"):
        optimizer_class(0.1)


def test_the_file_holds_the_name_every_hyperparameter_at_its_default_and_the_search(
    optimizer_class: type[Optimizer],
) -> None:
    written = OmegaConf.to_container(OmegaConf.load(file_of("optimizer", optimizer_class.name)))
    assert isinstance(written, dict)
    search, chosen = written.pop("search", {}), optimizer_class.chooses
    expected = {"name": optimizer_class.name, **defaults(optimizer_class)}
    if chosen:  # what is chosen has keys of its own
        assert chosen in written
        expected = {key: value for key, value in expected.items() if key in written}
    assert written == expected
    assert search.keys() <= optimizer_class.hyperparameters().keys()


def test_what_is_searched_lies_in_the_range(optimizer_class: type[Optimizer]) -> None:
    search = OmegaConf.create(
        {"search": {}, **OmegaConf.load(file_of("optimizer", optimizer_class.name))}
    ).search
    ranges = optimizer_class.hyperparameters()
    assert bool(search) == bool(ranges)
    for name, space in search.items():
        assert ranges[str(name)].contains(np.array([space.low, space.high])).all()
        assert space.low < space.high
