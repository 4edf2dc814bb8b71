"""The claims `per_parameter` and `imbalance` on made-up evidence."""

import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, decided, rates_by_curvature, updates_by_condition

from experiments.claims import (
    Verdict,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


@pytest.mark.parametrize(
    ("aligned", "rotated", "verdict"),
    [(-0.5, -0.5, REPRODUCED), (-0.5, 0.5, PARTLY), (0.5, -0.5, REFUTED), (0.5, 0.5, REFUTED)],
)
def test_verdicts_of_per_parameter(aligned: float, rotated: float, verdict: Verdict) -> None:
    finding = decided("per_parameter", rates_by_curvature(aligned, rotated))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(aligned)


@pytest.mark.parametrize(
    ("sgd", "rmsprop", "noise", "verdict"),
    [
        (1.0, 0.2, 0.01, REPRODUCED),
        (1.0, 0.6, 0.01, PARTLY),
        (0.4, 0.2, 0.01, PARTLY),
        (0.6, 0.6, 0.0, REFUTED),
        (0.5, 1.0, 0.01, REFUTED),
    ],
)
def test_verdicts_of_imbalance(sgd: float, rmsprop: float, noise: float, verdict: Verdict) -> None:
    finding = decided("imbalance", updates_by_condition(sgd, rmsprop, noise))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(sgd - rmsprop)
