"""Every registered schedule: its contract, its oracle, its YAML file, and what PyTorch and Optax give."""

import json
from collections.abc import Callable
from fractions import Fraction
from math import cos, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.schedule_settings import NOT_IN_EITHER, NOT_IN_TORCH, SETTINGS, table

from experiments.contracts.schedules import *  # noqa: F403  each is a test here
from experiments.contracts.schedules import (
    FEW,
    LANES,
    STEPS,
    over,
    with_lanes,
)
from experiments.contracts.values import message_of
from optim.schedules import SCHEDULES, Schedule, register

CONF = Path(__file__).parents[2] / "conf" / "schedule"
REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "schedules.npz")
ABOUT = json.loads(str(REFERENCE["about"]))


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def cls(request: pytest.FixtureRequest) -> Any:
    """A registered schedule class."""
    return request.param


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


# --- Warm-up ---


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


# --- Values ---


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


# --- The YAML files ---


def test_every_schedule_has_a_file_and_every_file_a_schedule() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(SCHEDULES)


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
