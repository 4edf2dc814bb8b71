"""Intervals that hold with few pairs, against SciPy's tests."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from experiments.inference.exact import mean_interval, mean_needed, median_interval, median_needed

NUMBERS = st.lists(st.floats(-9, 9).map(lambda x: round(x, 3)), min_size=1, max_size=30, unique=True)


@given(NUMBERS, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_of_the_median_is_the_sign_test_inverted(
    numbers: list[float], confidence: float
) -> None:
    found = median_interval(numbers, confidence)
    count = len(numbers)
    for at in sorted(numbers):
        for point, above in (
            (at - 1e-5, sum(x >= at for x in numbers)),
            (at + 1e-5, sum(x > at for x in numbers)),
        ):
            rejected = binomtest(above, count).pvalue <= 1 - confidence
            assert found.excludes(point) == rejected


@pytest.mark.parametrize(("count", "has_ends"), [(1, False), (5, False), (6, True)])
def test_fewer_than_six_have_no_interval(count: int, has_ends: bool) -> None:
    found = median_interval(np.arange(float(count)))
    assert np.isfinite([found.low, found.high]).all() == has_ends
    assert found.value == (count - 1) / 2
    assert bool(found.note) != has_ends


def test_a_confidence_next_to_one_is_not_taken_for_less() -> None:
    assert median_interval(np.arange(50.0), 1.0).low == -inf
    assert median_interval(np.arange(50.0), 1 - 1e-15).low == -inf
    assert median_interval(np.arange(50.0), 1 - 1e-14).low == 0.0


def test_infinite_numbers_are_numbers_to_a_median() -> None:
    found = median_interval([1.0] * 6 + [inf] * 2)
    assert (found.value, found.low, found.high) == (1.0, 1.0, inf)
    assert median_interval([inf] * 8).low == inf
    assert median_interval([-inf, inf]).value == -inf


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=20).filter(lambda x: np.std(x) > 1e-6))
def test_the_interval_of_the_mean_is_students(numbers: list[float]) -> None:
    found = mean_interval(numbers, 0.9)
    low, high = ttest_1samp(numbers, 0).confidence_interval(0.9)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


@pytest.mark.parametrize("numbers", [[1.0], [1.0, inf], [inf, -inf]])
def test_a_mean_of_one_or_of_infinite_numbers_has_no_ends(numbers: list[float]) -> None:
    found = mean_interval(numbers)
    assert (found.low, found.high) == (-inf, inf)


def test_so_many_as_are_needed_find_the_effect_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    pilot = rng.normal(0.5, 1, 2000)
    for needed, interval in ((median_needed, median_interval), (mean_needed, mean_interval)):
        count = int(needed(pilot, 0.0))
        found = [interval(rng.normal(0.5, 1, count)).low > 0 for _ in range(500)]
        assert 0.73 < np.mean(found) < 0.9


def test_no_number_is_enough_where_there_is_nothing_to_find() -> None:
    assert median_needed([1, -1, 2, -2], 0.0) == inf
    assert mean_needed([1, -1], 0.0) == inf
    assert mean_needed([1.0], 0.0) == inf
    assert median_needed([1.0, 1.0, 1.0], 0.0) == 8
