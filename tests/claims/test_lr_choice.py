"""The claim `lr_choice` on made-up evidence."""

from typing import Any

import numpy as np
import pytest
from verdicts import (
    INF,
    LRS,
    MIDDLE,
    NARROW,
    PARTLY,
    PROBLEMS,
    REFUTED,
    REPRODUCED,
    UNDECIDED,
    WIDE,
    decided,
    landscape,
    with_sgd,
)

from experiments.claims import (
    Verdict,
)
from experiments.claims.lr_choice import Landscape, width

pytestmark = pytest.mark.usefixtures("fewer_resamples")


@pytest.mark.parametrize(
    ("sgd", "others", "verdict"),
    [
        ([NARROW, NARROW, NARROW], WIDE, REPRODUCED),
        ([NARROW, WIDE, WIDE], WIDE, PARTLY),
        ([NARROW, NARROW, WIDE], MIDDLE, PARTLY),
        ([WIDE, MIDDLE, MIDDLE], MIDDLE, REFUTED),
        ([WIDE, WIDE, WIDE], WIDE, UNDECIDED),
    ],
)
def test_verdicts_of_lr_choice(sgd: list[Any], others: list[float], verdict: Verdict) -> None:
    shares = with_sgd(dict(zip(PROBLEMS, sgd, strict=True)), others)
    assert decided("lr_choice", landscape(shares)).verdict == verdict


def test_widths_that_depend_on_the_seeds_drawn_leave_lr_choice_undecided() -> None:
    finding = decided("lr_choice", landscape(with_sgd(dict.fromkeys(PROBLEMS, WIDE), WIDE), spread=0.5))
    assert finding.verdict == UNDECIDED
    assert finding.effect.low < 0 <= finding.effect.high


def test_the_effect_of_lr_choice_is_a_difference_of_widths_in_decades() -> None:
    finding = decided("lr_choice", landscape(with_sgd(dict.fromkeys(PROBLEMS, NARROW), MIDDLE)))
    assert (finding.effect.value, finding.effect.low, finding.effect.high) == (-1.0, -1.0, -1.0)
    widths = finding.tables["Width of the range of good learning rates"]
    by_optimizer = widths.groupby("optimizer")["width in decades"].unique().map(list).to_dict()
    assert by_optimizer == {"adagrad": [1.0], "adam": [1.0], "rmsprop": [1.0], "sgd": [0.0]}
    assert set(widths["best lr"]) == {1e-2}


@pytest.mark.parametrize(
    ("medians", "expected"),
    [
        ([1, 1, 1, 1], 3.0),
        ([5, 1, 5, 5], 3.0),
        ([11, 1, 10, 11], 1.0),
        ([1, 11, 1, 1], 0.0),  # the best is the first of equals, and 11 breaks the stretch
        ([INF, 1, 2, INF], 1.0),
        ([1, 2, INF, 2], 1.0),
        ([9, 8, 7, 1], 3.0),
        ([INF, INF, INF, INF], 0.0),
        ([100, 11, 10, 1], 1.0),
        ([0, 0, 1, 1], 1.0),
    ],
)
def test_the_width_is_the_unbroken_stretch_about_the_best(medians: list[float], expected: float) -> None:
    assert width(Landscape(LRS, np.array(medians, dtype=float)[:, None])) == expected


def test_the_width_is_that_of_the_medians_over_seeds() -> None:
    scores = np.array([[1, 1, 50], [1, 1, INF], [1, 50, 50], [INF, INF, 1]], dtype=float)
    assert width(Landscape(LRS, scores)) == 1.0
