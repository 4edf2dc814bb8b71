"""Every registered schedule: its contract, its oracle, its YAML file, and what PyTorch and Optax give."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction
from functools import cache
from math import cos, pi, sqrt
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from contracts import defaults, drawn, same_bits
from omegaconf import OmegaConf
from reference.schedule_settings import NOT_IN_EITHER, NOT_IN_TORCH, SETTINGS, table
from values import NOT_A_NUMBER, invalid_numbers, message_of, valid_ends

from optim import Range
from optim.schedules import SCHEDULES, Schedule, register

LANES, STEPS = 64, 100
FEW = (1, 2, 3, 10, 37)
CONF = Path(__file__).parents[2] / "conf" / "schedule"
REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "schedules.npz")
ABOUT = json.loads(str(REFERENCE["about"]))


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def cls(request: pytest.FixtureRequest) -> Any:
    """A registered schedule class."""
    return request.param


def over(rule: Schedule, steps: int = STEPS) -> np.ndarray:
    """Return the factor of every update, shape (steps,) or (steps, lanes)."""
    return np.array([rule.factor(step, steps) for step in range(steps)])


def with_lanes(cls: type[Schedule], lanes: int = LANES, seed: int = 0) -> Any:
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


# --- The registry ---


def test_the_registry_holds_the_schedules_under_the_names_a_user_types() -> None:
    assert {"constant", "step", "exponential", "polynomial", "inverse_sqrt"} <= SCHEDULES.keys()
    assert {"cosine", "cosine_restarts", "one_cycle", "trapezoidal"} <= SCHEDULES.keys()


def test_a_schedule_is_a_file_of_its_name(cls: type[Schedule]) -> None:
    assert SCHEDULES[cls.name] is cls
    assert cls.__module__ == f"optim.schedules.{cls.name}"


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="the schedule name 'cosine' is taken by Cosine"):
        register("cosine")(SCHEDULES["step"])


# --- The factor ---


@pytest.mark.parametrize("steps", [*FEW, STEPS])
def test_a_factor_is_finite_from_0_to_1_whatever_the_lane(cls: type[Schedule], steps: int) -> None:
    factors = over(with_lanes(cls), steps)
    assert (factors.shape, factors.dtype) == ((steps, LANES), np.float64)
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert (factors <= 1).all()


def test_the_full_learning_rate_is_reached(cls: type[Schedule]) -> None:
    assert over(cls()).max() == 1


def test_numbers_give_a_number(cls: type[Schedule]) -> None:
    assert {type(cls().factor(step, STEPS)) for step in (0, 50, STEPS - 1)} == {float}
    assert type(cls().factor(np.array(3), np.array(STEPS))) is float


def test_one_hyperparameter_with_lanes_is_enough(cls: type[Schedule]) -> None:
    for name, allowed in cls.hyperparameters().items():
        values = drawn(allowed, np.random.default_rng(1), 5)
        factors = over(cls(**{name: values}))
        assert factors.shape == (STEPS, 5)
        for lane, value in enumerate(values):
            assert same_bits(factors[:, lane], over(cls(**{name: value})))


@pytest.mark.parametrize("steps", [*FEW, STEPS])
def test_a_number_is_an_array_of_equal_numbers_and_a_lane_alone_that_lane_in_a_block(
    cls: type[Schedule], steps: int
) -> None:
    rule = with_lanes(cls)
    block = over(rule, steps)
    for lane in (*range(12), *range(12, LANES, 7)):
        number = as_numbers(rule, lane)
        spread = cls(**{name: np.full(3, getattr(number, name)) for name in rule.hyperparameters()})
        assert same_bits(over(number, steps), block[:, lane])
        assert same_bits(over(spread, steps), block[:, [lane] * 3])
        assert same_bits(over(rule.take([lane]), steps), block[:, lane])


def test_permuting_lanes_permutes_the_factors(cls: type[Schedule]) -> None:
    rule, order = with_lanes(cls), np.random.default_rng(0).permutation(LANES)
    assert same_bits(over(rule.take(order)), over(rule)[:, order])


def test_whole_numbers_may_be_of_any_kind(cls: type[Schedule]) -> None:
    rule = with_lanes(cls)
    for kind in (np.int32, np.int64):
        assert same_bits(rule.factor(np.array(40, kind), np.array(STEPS, kind)), rule.factor(40, STEPS))


def test_a_column_of_steps_gives_the_factors_of_all_of_them(cls: type[Schedule]) -> None:
    column = np.arange(STEPS)[:, None]
    for rule in (cls(), as_numbers(with_lanes(cls), 3)):
        assert same_bits(rule.factor(column, STEPS), over(rule)[:, None])
    assert same_bits(with_lanes(cls).factor(column, STEPS), over(with_lanes(cls)))


def test_outside_the_run_the_factor_is_that_of_its_ends(cls: type[Schedule]) -> None:
    rule = with_lanes(cls)
    assert same_bits(rule.factor(-1, STEPS), rule.factor(0, STEPS))
    assert same_bits(rule.factor(STEPS, STEPS), rule.factor(STEPS - 1, STEPS))
    assert same_bits(rule.factor(10 * STEPS, STEPS), rule.factor(STEPS - 1, STEPS))


def test_nothing_is_mutated_and_the_same_question_has_the_same_answer(cls: type[Schedule]) -> None:
    rule = with_lanes(cls)
    before = {name: getattr(rule, name).copy() for name in rule.hyperparameters()}
    assert same_bits(over(rule), over(rule))
    assert all(same_bits(getattr(rule, name), value) for name, value in before.items())


# --- Warm-up ---


@pytest.mark.parametrize(("warmup", "warm"), [(0.2, 20), (0.33, 33), (0.004, 0), (0.99, 99), (0.999, 100)])
def test_a_warmup_rises_in_even_steps_to_what_follows_as_if_it_were_the_run(
    cls: type[Schedule], warmup: float, warm: int
) -> None:
    factors, alone = over(cls(warmup=warmup)), over(cls(), STEPS - warm)
    first = cls().factor(0, max(STEPS - warm, 1))
    np.testing.assert_allclose(
        factors[:warm], np.array([(k + 1) / (warm + 1) for k in range(warm)]) * first, rtol=1e-15
    )
    assert same_bits(factors[warm:], alone)


@pytest.mark.parametrize(
    ("share", "steps", "count"), [(0.25, 10, 2), (0.35, 10, 4), (0.05, 10, 0), (0.15, 10, 2), (0.149, 10, 1)]
)
def test_a_share_is_rounded_to_whole_updates_a_half_to_the_even_number(
    share: float, steps: int, count: int
) -> None:
    assert (over(SCHEDULES["constant"](warmup=share), steps) < 1).sum() == count
    size = max(count, 1)
    drops = over(SCHEDULES["step"](step_size=share, gamma=0.5), steps)
    np.testing.assert_allclose(drops, [0.5 ** (k // size) for k in range(steps)], rtol=1e-15)
    restarts = over(SCHEDULES["cosine_restarts"](period=share), steps)
    assert np.flatnonzero(restarts == 1).tolist() == list(range(0, steps, size))
    assert over(SCHEDULES["one_cycle"](pct_start=share), steps).argmax() == size - 1
    assert (over(SCHEDULES["trapezoidal"](decay=share), steps) < 1).sum() == size - 1
    inverse = over(SCHEDULES["inverse_sqrt"](timescale=share), steps)
    np.testing.assert_allclose(inverse, [sqrt((size + 1) / (size + 1 + k)) for k in range(steps)], rtol=1e-15)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.7, 1 / 3, 1 / 7])
@pytest.mark.parametrize("steps", [1000, 999_999, 10**8])
def test_a_share_of_many_updates_drops_at_that_very_update(share: float, steps: int) -> None:
    rule, size = SCHEDULES["step"](step_size=share, gamma=0.5), round(share * steps)
    for k in range(1, steps // size + 1):
        if k * size < steps:
            assert rule.factor(k * size - 1, steps) == pytest.approx(0.5 ** (k - 1), rel=1e-14)
            assert rule.factor(k * size, steps) == pytest.approx(0.5**k, rel=1e-14)


@pytest.mark.parametrize(
    "name", ["constant", "step", "exponential", "polynomial", "cosine", "cosine_restarts", "trapezoidal"]
)
def test_a_schedule_means_the_same_at_ten_times_the_updates(name: str) -> None:
    values = {"step": {"step_size": 0.25}, "cosine_restarts": {"period": 0.1, "mult": 2.0}}.get(name, {})
    rule = SCHEDULES[name](**values)
    np.testing.assert_allclose(over(rule, 1000)[::10], over(rule, 100), rtol=1e-12, atol=1e-14)


# --- The compiler ---


@cache
def program(cls: type[Schedule]) -> Any:
    """Return the compiled factor, whose hyperparameters are traced too."""

    def factor(step: Any, steps: Any, values: dict[str, Any]) -> Any:
        return unchecked(cls, values).factor(step, steps)

    return jax.jit(factor)


def unchecked(cls: type[Schedule], values: dict[str, Any]) -> Any:
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
def test_the_compiled_factor_is_numpys(cls: type[Schedule], steps: int) -> None:
    rule = with_lanes(cls)
    with jax.enable_x64(True):
        factors = compiled(rule, steps)
    assert factors.dtype == np.float64
    # what is left of a period is a difference, whose rounding the square makes small
    rtol, atol = (0.0, 2e-15) if cls.name == "cosine_restarts" else (1e-14, 1e-300)
    np.testing.assert_allclose(factors, over(rule, steps), rtol=rtol, atol=atol)


def test_numbers_and_arrays_of_numpy_may_meet_a_traced_step(cls: type[Schedule]) -> None:
    with jax.enable_x64(True):
        for rule in (cls(), with_lanes(cls)):
            traced = jax.jit(lambda step, rule=rule: rule.factor(step, STEPS))
            factors = np.array([traced(step) for step in (0, 10, STEPS - 1)])
            expected = np.array([rule.factor(step, STEPS) for step in (0, 10, STEPS - 1)])
            assert factors.shape == expected.shape
            np.testing.assert_allclose(factors, expected, rtol=1e-14, atol=2e-15)


def test_a_compiled_lane_alone_is_that_lane_in_a_block(cls: type[Schedule]) -> None:
    rule = with_lanes(cls)
    with jax.enable_x64(True):
        block = compiled(rule)
        for lane in range(0, LANES, 7):
            values = {name: np.full(LANES, getattr(rule, name)[lane]) for name in rule.hyperparameters()}
            assert same_bits(compiled(cls(**values)), block[:, [lane] * LANES])


def test_narrow_numbers_give_narrow_factors_under_both_engines(cls: type[Schedule]) -> None:
    wide = cls(**{name: np.full(LANES, value) for name, value in defaults(cls).items()})
    rule = unchecked(cls, {n: getattr(wide, n).astype(np.float32) for n in cls.hyperparameters()})
    for factors in (over(rule), compiled(rule)):
        assert factors.dtype == np.float32
        np.testing.assert_allclose(factors, over(wide), rtol=0, atol=1e-5)


# --- Values ---

NUMERIC = [
    pytest.param(cls, name, allowed, id=f"{key}.{name}")
    for key, cls in SCHEDULES.items()
    for name, allowed in cls.hyperparameters().items()
]


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
def test_a_number_out_of_range_is_named_with_its_range(
    cls: type[Schedule], name: str, allowed: Range
) -> None:
    for value in invalid_numbers(allowed):
        expected = f"{cls.__name__}: {name} must be in {allowed}, got {value}"
        assert message_of(lambda value=value: cls(**{name: value})) == expected
        lanes = np.array([defaults(cls)[name], value, value])
        assert message_of(lambda lanes=lanes: cls(**{name: lanes})) == expected


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
def test_the_ends_of_a_range_and_the_default_are_accepted(
    cls: type[Schedule], name: str, allowed: Range
) -> None:
    for value in [*valid_ends(allowed), defaults(cls)[name]]:
        assert getattr(cls(**{name: value}), name) == value


@pytest.mark.parametrize(("cls", "name", "allowed"), NUMERIC)
@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=repr)
def test_what_is_not_a_number_is_refused(
    cls: type[Schedule], name: str, allowed: Range, value: object
) -> None:
    message = message_of(lambda: cls(**{name: value}))
    assert message == f"{cls.__name__}: {name} must be a number in {allowed}, got {value!r}"


ERRORS = [
    ("constant", {"warmup": 1}, "Constant: warmup must be in [0, 1), got 1.0"),
    ("cosine", {"final": -0.1}, "Cosine: final must be in [0, 1], got -0.1"),
    ("step", {"step_size": [0.5, 0.0]}, "StepDecay: step_size must be in (0, 1], got 0.0"),
    ("cosine_restarts", {"mult": 0.5}, "CosineRestarts: mult must be in [1, inf), got 0.5"),
    ("polynomial", {"power": "square"}, "Polynomial: power must be a number in (0, inf), got 'square'"),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_bad_value_gets_this_very_message(name: str, values: dict[str, Any], message: str) -> None:
    assert message_of(lambda: SCHEDULES[name](**values)) == message


def test_hyperparameters_cannot_be_changed_and_are_given_by_name(cls: type[Schedule]) -> None:
    rule: Any = cls()
    for spec in fields(rule):
        with pytest.raises(FrozenInstanceError):
            setattr(rule, spec.name, 0.5)
    with pytest.raises(TypeError, match="positional"):
        cls(0.1)  # type: ignore[call-arg]


# --- The YAML files ---


def test_every_schedule_has_a_file_and_every_file_a_schedule() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(SCHEDULES)


def test_the_file_holds_the_name_every_hyperparameter_at_its_default_and_the_search(
    cls: type[Schedule],
) -> None:
    written = OmegaConf.to_container(OmegaConf.load(CONF / f"{cls.name}.yaml"))
    assert isinstance(written, dict)
    search = written.pop("search", {})
    assert written == {"name": cls.name, **defaults(cls)}
    assert search.keys() <= cls.hyperparameters().keys()
    assert bool(search) == (len(cls.hyperparameters()) > 1)  # a warm-up alone is not searched


def test_what_is_searched_lies_in_the_range(cls: type[Schedule]) -> None:
    search = OmegaConf.load(CONF / f"{cls.name}.yaml").get("search", {})
    for name, space in search.items():
        assert space.keys() == {"distribution", "low", "high"}
        assert space.distribution in ("uniform", "loguniform")
        assert cls.hyperparameters()[str(name)].contains(np.array([space.low, space.high])).all()
        assert space.low < space.high
        assert space.low > 0 or space.distribution == "uniform"


# --- Oracles: one factor, plain Python, after k of the n updates that follow a warm-up. ---


def whole(share: float, n: int) -> int:
    return max(1, round(share * n))


def constant(k: int, n: int) -> float:
    return 1.0


def step(k: int, n: int, *, step_size: float, gamma: float) -> float:
    factor = 1.0
    for update in range(1, k + 1):
        if update % whole(step_size, n) == 0:
            factor *= gamma
    return factor


def exponential(k: int, n: int, *, gamma: float) -> float:
    return float(gamma ** (k / n))


def polynomial(k: int, n: int, *, power: float, final: float) -> float:
    return final + (1 - final) * float((1 - k / n) ** power)


def inverse_sqrt(k: int, n: int, *, timescale: float) -> float:
    """Vaswani et al. (2017, eq. 3) where the warm-up is over, over its largest rate."""
    warmup_steps, step_number = whole(timescale, n) + 1, whole(timescale, n) + 1 + k
    return float(min(step_number**-0.5, step_number * warmup_steps**-1.5) / warmup_steps**-0.5)


def cosine(k: int, n: int, *, final: float) -> float:
    """Loshchilov & Hutter (2017, eq. 5)."""
    return final + (1 - final) / 2 * (1 + cos(pi * k / n))


def cosine_restarts(k: int, n: int, *, period: float, mult: float, final: float) -> float:
    """Loshchilov & Hutter (2017, eq. 5): periods one after the other, without rounding."""
    begin, length = Fraction(0), Fraction(whole(period, n))
    while k >= begin + length:
        begin, length = begin + length, length * Fraction(mult)
    return final + (1 - final) / 2 * (1 + cos(pi * float((k - begin) / length)))


def one_cycle(k: int, n: int, *, pct_start: float, div_factor: float, final_div_factor: float) -> float:
    """Smith & Topin (2018), between its three rates by cosines."""
    peak = whole(pct_start, n) - 1
    begin = 1 / div_factor
    end = begin / final_div_factor
    if k == peak:
        return 1.0
    low, way = (begin, k / peak) if k < peak else (end, (n - 1 - k) / (n - 1 - peak))
    return low + (1 - low) / 2 * (1 - cos(pi * way))


def trapezoidal(k: int, n: int, *, decay: float, final: float) -> float:
    falling = whole(decay, n)
    return 1.0 if k <= n - falling else final + (1 - final) * (n - k) / falling


ORACLES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "polynomial": polynomial,
    "inverse_sqrt": inverse_sqrt,
    "cosine": cosine,
    "cosine_restarts": cosine_restarts,
    "one_cycle": one_cycle,
    "trapezoidal": trapezoidal,
}


def by_oracle(name: str, steps: int, *, warmup: float, **own: float) -> list[float]:
    """Return the factor of every update; a warm-up rises evenly to what the schedule begins with."""
    warm = round(warmup * steps)
    n = max(steps - warm, 1)
    ramp = [(k + 1) / (warm + 1) * ORACLES[name](0, n, **own) for k in range(warm)]
    return ramp + [ORACLES[name](k, n, **own) for k in range(steps - warm)]


def test_every_schedule_has_an_oracle() -> None:
    assert ORACLES.keys() >= SCHEDULES.keys()


@pytest.mark.parametrize("steps", [*FEW, STEPS])
def test_every_lane_is_its_oracle(cls: type[Schedule], steps: int) -> None:
    rule = with_lanes(cls)
    factors = over(rule, steps)
    for lane in range(LANES):
        values = {name: float(getattr(rule, name)[lane]) for name in rule.hyperparameters()}
        np.testing.assert_allclose(factors[:, lane], by_oracle(cls.name, steps, **values), rtol=0, atol=3e-15)


@pytest.mark.parametrize("mult", [1.0, 1.5, 2.0, 3.0, 1 + 1e-9, 1.0001, 10.0])
def test_periods_follow_each_other_to_the_update(mult: float) -> None:
    values = {"period": 0.04, "mult": mult, "final": 0.0}
    factors = over(SCHEDULES["cosine_restarts"](**values), STEPS)
    expected = [cosine_restarts(k, STEPS, **values) for k in range(STEPS)]
    np.testing.assert_allclose(factors, expected, rtol=0, atol=1e-13)


def test_with_a_timescale_as_long_as_the_warmup_the_inverse_root_is_that_of_vaswani() -> None:
    warm = 20
    rule = SCHEDULES["inverse_sqrt"](warmup=0.2, timescale=0.25)  # 20 of 100, and of the 80 others
    rates = [min(k**-0.5, k * (warm + 1) ** -1.5) for k in range(1, STEPS + 1)]
    np.testing.assert_allclose(over(rule), np.array(rates) * sqrt(warm + 1), rtol=1e-14)


def test_near_its_end_a_cosine_keeps_its_digits() -> None:
    left = 1e-6  # (1 + cos) / 2 is 0.0000000000024674 with an error of 1e-16: four digits
    factor = SCHEDULES["cosine"]().factor(999_999, 1_000_000)
    assert factor == pytest.approx((pi / 2 * left) ** 2 * (1 - (pi / 2 * left) ** 2 / 3), rel=1e-14)


# --- PyTorch and Optax ---

PAIRS = [
    (library, name)
    for library in ("torch", "optax")
    for name in SETTINGS
    if library == "optax" or name not in NOT_IN_TORCH
]


@pytest.mark.parametrize(("library", "name"), PAIRS)
def test_the_factor_of_every_update_is_the_peers(library: str, name: str) -> None:
    schedule, steps, options = SETTINGS[name]
    np.testing.assert_allclose(
        over(SCHEDULES[schedule](**options), steps), REFERENCE[f"{library} {name}"], rtol=0, atol=1e-14
    )


def test_the_file_holds_the_settings_of_the_table_and_says_which_versions_made_it() -> None:
    assert ABOUT["table"] == table()
    assert ABOUT["versions"].keys() == {"torch", "jax", "optax", "numpy"}
    assert set(REFERENCE.files) == {"about", *(f"{library} {name}" for library, name in PAIRS)}


def test_every_schedule_that_a_peer_has_is_compared_with_and_without_a_warmup() -> None:
    compared = {setting.schedule for setting in SETTINGS.values()}
    assert compared | set(NOT_IN_EITHER) == set(SCHEDULES)
    warmed = {setting.schedule for setting in SETTINGS.values() if "warmup" in setting.options}
    assert warmed == compared - {"one_cycle"}  # which has its own
