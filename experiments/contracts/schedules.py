"""What every schedule keeps: its factors, its values, its YAML file."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments.contracts.bits import same_bits
from experiments.contracts.cases import defaults, drawn
from experiments.contracts.values import NOT_A_NUMBER, outside, refused, valid_ends
from experiments.plugins.state import file_of
from optim.schedules.base import Schedule

LANES, STEPS = 64, 100
FEW = (1, 2, 3, 10, 37)


def over(rule: Schedule, steps: int = STEPS) -> np.ndarray:
    """Return the factor of every update, shape (steps,) or (steps, lanes)."""
    return np.array([rule.factor(step, steps) for step in range(steps)])


def with_lanes(cls: type[Any], lanes: int = LANES, seed: int = 0) -> Any:
    """Return a schedule with one value a lane; some of them are the default, an end, or a round number."""
    rng = np.random.default_rng(seed)
    values = {name: drawn(allowed, rng, lanes) for name, allowed in cls.hyperparameters().items()}
    for number, (name, allowed) in enumerate(cls.hyperparameters().items()):
        others = [defaults(cls)[name], 0.5, 0.1, 2.0, 1.0, *valid_ends(allowed)]
        others = [value for value in others if allowed.contains(np.array(value))]
        values[name][number : number + len(others)] = others
        values[name][-10 * (number + 1) :: 3] = defaults(cls)[name]
    return cls(**values)


def as_numbers(rule: Schedule, lane: int) -> Schedule:
    """Return a schedule with the numbers of one lane."""
    return type(rule)(**{name: float(getattr(rule, name)[lane]) for name in rule.hyperparameters()})


@pytest.mark.parametrize("steps", [*FEW, STEPS])
def test_a_factor_is_finite_from_0_to_1_whatever_the_lane(schedule_class: type[Any], steps: int) -> None:
    factors = over(with_lanes(schedule_class), steps)
    assert factors.shape == (steps, LANES)
    assert factors.dtype == np.float64
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert (factors <= 1).all()


def test_the_full_learning_rate_is_reached(schedule_class: type[Any]) -> None:
    assert over(schedule_class()).max() == 1


def test_numbers_give_a_number(schedule_class: type[Any]) -> None:
    assert {type(schedule_class().factor(step, STEPS)) for step in (0, 50, STEPS - 1)} == {float}
    assert type(schedule_class().factor(np.array(3), np.array(STEPS))) is float


def test_one_hyperparameter_with_lanes_is_enough(schedule_class: type[Any]) -> None:
    for name, allowed in schedule_class.hyperparameters().items():
        values = drawn(allowed, np.random.default_rng(1), 5)
        factors = over(schedule_class(**{name: values}))
        assert factors.shape == (STEPS, 5)
        for lane, value in enumerate(values):
            assert same_bits(factors[:, lane], over(schedule_class(**{name: value})))


@pytest.mark.parametrize("steps", [*FEW, STEPS])
def test_a_number_is_an_array_of_equal_numbers_and_a_lane_alone_that_lane_in_a_block(
    schedule_class: type[Any], steps: int
) -> None:
    rule = with_lanes(schedule_class)
    block = over(rule, steps)
    for lane in (*range(12), *range(12, LANES, 7)):
        number = as_numbers(rule, lane)
        spread = schedule_class(
            **{name: np.full(3, getattr(number, name)) for name in rule.hyperparameters()}
        )
        assert same_bits(over(number, steps), block[:, lane])
        assert same_bits(over(spread, steps), block[:, [lane] * 3])
        assert same_bits(over(rule.take([lane]), steps), block[:, lane])


def test_permuting_lanes_permutes_the_factors(schedule_class: type[Any]) -> None:
    rule, order = with_lanes(schedule_class), np.random.default_rng(0).permutation(LANES)
    assert same_bits(over(rule.take(order)), over(rule)[:, order])


def test_whole_numbers_may_be_of_any_kind(schedule_class: type[Any]) -> None:
    rule = with_lanes(schedule_class)
    for kind in (np.int32, np.int64):
        assert same_bits(rule.factor(np.array(40, kind), np.array(STEPS, kind)), rule.factor(40, STEPS))


def test_a_column_of_steps_gives_the_factors_of_all_of_them(schedule_class: type[Any]) -> None:
    column = np.arange(STEPS)[:, None]
    for rule in (schedule_class(), as_numbers(with_lanes(schedule_class), 3)):
        assert same_bits(rule.factor(column, STEPS), over(rule)[:, None])
    assert same_bits(with_lanes(schedule_class).factor(column, STEPS), over(with_lanes(schedule_class)))


def test_outside_the_run_the_factor_is_that_of_its_ends(schedule_class: type[Any]) -> None:
    rule = with_lanes(schedule_class)
    assert same_bits(rule.factor(-1, STEPS), rule.factor(0, STEPS))
    assert same_bits(rule.factor(STEPS, STEPS), rule.factor(STEPS - 1, STEPS))
    assert same_bits(rule.factor(10 * STEPS, STEPS), rule.factor(STEPS - 1, STEPS))


def test_nothing_is_mutated_and_the_same_question_has_the_same_answer(schedule_class: type[Any]) -> None:
    rule = with_lanes(schedule_class)
    before = {name: getattr(rule, name).copy() for name in rule.hyperparameters()}
    assert same_bits(over(rule), over(rule))
    assert all(same_bits(getattr(rule, name), value) for name, value in before.items())


@pytest.mark.parametrize(("warmup", "warm"), [(0.2, 20), (0.33, 33), (0.004, 0), (0.99, 99), (0.999, 100)])
def test_a_warmup_rises_in_even_steps_to_what_follows_as_if_it_were_the_run(
    schedule_class: type[Any], warmup: float, warm: int
) -> None:
    factors, alone = over(schedule_class(warmup=warmup)), over(schedule_class(), STEPS - warm)
    first = schedule_class().factor(0, max(STEPS - warm, 1))
    np.testing.assert_allclose(
        factors[:warm], np.array([(k + 1) / (warm + 1) for k in range(warm)]) * first, rtol=1e-15
    )
    assert same_bits(factors[warm:], alone)


@cache
def program(cls: type[Any]) -> Any:
    """Return the compiled factor, whose hyperparameters are traced too."""

    def factor(step: Any, steps: Any, values: dict[str, Any]) -> Any:
        return unchecked(cls, values).factor(step, steps)

    return jax.jit(factor)


def unchecked(cls: type[Any], values: dict[str, Any]) -> Any:
    """Return a schedule with these values, of whatever kind."""
    rule: Any = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(rule, name, value)
    return rule


def compiled(rule: Schedule, steps: int = STEPS) -> np.ndarray:
    """Return what ``over`` does, compiled."""
    values = {name: getattr(rule, name) for name in rule.hyperparameters()}
    return np.array([program(type(rule))(np.int32(k), np.int32(steps), values) for k in range(steps)])


@pytest.mark.parametrize("steps", [1, 10, STEPS])
def test_the_compiled_factor_is_numpys(schedule_class: type[Any], steps: int) -> None:
    rule = with_lanes(schedule_class)
    with jax.enable_x64(True):
        factors = compiled(rule, steps)
    assert factors.dtype == np.float64
    # what is left of a period is a difference, whose rounding the square makes small
    rtol, atol = (0.0, 2e-15) if schedule_class.name == "cosine_restarts" else (1e-14, 1e-300)
    np.testing.assert_allclose(factors, over(rule, steps), rtol=rtol, atol=atol)


def test_numbers_and_arrays_of_numpy_may_meet_a_traced_step(schedule_class: type[Any]) -> None:
    with jax.enable_x64(True):
        for rule in (schedule_class(), with_lanes(schedule_class)):
            traced = jax.jit(lambda step, rule=rule: rule.factor(step, STEPS))
            factors = np.array([traced(step) for step in (0, 10, STEPS - 1)])
            expected = np.array([rule.factor(step, STEPS) for step in (0, 10, STEPS - 1)])
            assert factors.shape == expected.shape
            np.testing.assert_allclose(factors, expected, rtol=1e-14, atol=2e-15)


def test_a_compiled_lane_alone_is_that_lane_in_a_block(schedule_class: type[Any]) -> None:
    rule = with_lanes(schedule_class)
    with jax.enable_x64(True):
        block = compiled(rule)
        for lane in range(0, LANES, 7):
            values = {name: np.full(LANES, getattr(rule, name)[lane]) for name in rule.hyperparameters()}
            assert same_bits(compiled(schedule_class(**values)), block[:, [lane] * LANES])


def test_narrow_numbers_give_narrow_factors_under_both_engines(schedule_class: type[Any]) -> None:
    wide = schedule_class(**{name: np.full(LANES, value) for name, value in defaults(schedule_class).items()})
    rule = unchecked(
        schedule_class, {n: getattr(wide, n).astype(np.float32) for n in schedule_class.hyperparameters()}
    )
    for factors in (over(rule), compiled(rule)):
        assert factors.dtype == np.float32
        np.testing.assert_allclose(factors, over(wide), rtol=0, atol=1e-5)


def test_a_number_out_of_range_is_named_with_its_range(schedule_class: type[Any]) -> None:
    for name, allowed, value in outside(schedule_class):
        expected = f"{schedule_class.__name__}: {name} must be in {allowed}, got {value}"
        assert refused(schedule_class, **{name: value}) == expected
        lanes = np.array([defaults(schedule_class)[name], value, value])
        assert refused(schedule_class, **{name: lanes}) == expected


def test_the_ends_of_a_range_and_the_default_are_accepted(schedule_class: type[Any]) -> None:
    for name, allowed in schedule_class.hyperparameters().items():
        for value in [*valid_ends(allowed), defaults(schedule_class)[name]]:
            assert getattr(schedule_class(**{name: value}), name) == value


@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=repr)
def test_what_is_not_a_number_is_refused(schedule_class: type[Any], value: object) -> None:
    for name, allowed in schedule_class.hyperparameters().items():
        message = refused(schedule_class, **{name: value})
        assert message == f"{schedule_class.__name__}: {name} must be a number in {allowed}, got {value!r}"


def test_hyperparameters_cannot_be_changed_and_are_given_by_name(schedule_class: type[Any]) -> None:
    rule: Any = schedule_class()
    for spec in fields(rule):
        with pytest.raises(FrozenInstanceError):
            setattr(rule, spec.name, 0.5)
    with pytest.raises(TypeError, match="positional"):
        schedule_class(0.1)


def test_the_file_holds_the_name_every_hyperparameter_at_its_default_and_the_search(
    schedule_class: type[Any],
) -> None:
    written = OmegaConf.to_container(OmegaConf.load(file_of("schedule", schedule_class.name)))
    assert isinstance(written, dict)
    search = written.pop("search", {})
    assert written == {"name": schedule_class.name, **defaults(schedule_class)}
    assert search.keys() <= schedule_class.hyperparameters().keys()
    assert bool(search) == (len(schedule_class.hyperparameters()) > 1)  # a warm-up alone is not searched


def test_what_is_searched_lies_in_the_range(schedule_class: type[Any]) -> None:
    search = OmegaConf.create(
        {"search": {}, **OmegaConf.load(file_of("schedule", schedule_class.name))}
    ).search
    for name, space in search.items():
        assert space.keys() == {"distribution", "low", "high"}
        assert space.distribution in ("uniform", "loguniform")
        assert schedule_class.hyperparameters()[str(name)].contains(np.array([space.low, space.high])).all()
        assert space.low < space.high
        assert space.low > 0 or space.distribution == "uniform"
