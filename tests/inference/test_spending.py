"""Group-sequential bounds, against published ones and by simulation."""

import numpy as np
import pytest

from experiments.inference.exact import mean_interval, median_interval
from experiments.inference.spending import bounds, levels, spent

# of the package ldbounds (Casper, Cook & Perez) for R, and of DeMets & Lan (1994), table 1: two-sided 0.05
PUBLISHED = {2: [2.9626, 1.9686], 5: [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]}


@pytest.mark.parametrize("looks", PUBLISHED)
def test_the_bounds_are_the_published_ones(looks: int) -> None:
    shares = [(look + 1) / looks for look in range(looks)]
    assert bounds(shares) == pytest.approx(PUBLISHED[looks], abs=2e-4)


def test_one_look_is_the_test_that_one_knows() -> None:
    assert bounds([1.0]) == pytest.approx([1.959964], abs=1e-5)
    assert levels([1.0], 0.01) == pytest.approx([0.99], abs=1e-6)


def test_all_is_spent_at_the_end_and_next_to_nothing_at_first() -> None:
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert spent(0.1, 0.05) < 1e-8


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.5, 0.2], [0.5, 1.2], [0.0, 1.0]])
def test_looks_must_ascend(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="must ascend"):
        bounds(shares)


@pytest.mark.parametrize("interval", [median_interval, mean_interval])
@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_intervals_at_the_levels_seldom_leave_out_the_truth_at_any_look(interval: object, draw: str) -> None:
    assert callable(interval)
    rng = np.random.default_rng(1)
    ends = [10, 20, 30, 40]
    confidences = levels([end / ends[-1] for end in ends])
    wrong = {"spent": 0, "each at 95 %": 0}
    trials = 400
    for _ in range(trials):
        numbers = rng.normal(size=40) if draw == "normal" else getattr(rng, draw)(-1, 1, 40)
        numbers = numbers + (1 if draw == "laplace" else 0)
        looks = list(zip(ends, confidences, strict=True))
        wrong["spent"] += any(interval(numbers[:end], level).excludes(0.0) for end, level in looks)
        wrong["each at 95 %"] += any(interval(numbers[:end], 0.95).excludes(0.0) for end in ends)
    assert wrong["spent"] / trials < 0.06
    assert wrong["each at 95 %"] / trials > 0.06
