"""The claim `memory` on made-up evidence."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from verdicts import INSIDE, PARTLY, REFUTED, REPRODUCED, TRUE_BETAS, decided, remembered

from experiments.claims import (
    Verdict,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


WRONG_BETAS = {0.9: 0.99, 0.99: 0.9}


OUTSIDE = {"quadratic": 0.5, "rosenbrock": 0.5}


@pytest.mark.parametrize(
    ("best", "betas", "verdict"),
    [
        (INSIDE, TRUE_BETAS, REPRODUCED),
        (INSIDE | {"quadratic": 0.5}, TRUE_BETAS, PARTLY),
        (OUTSIDE, TRUE_BETAS, PARTLY),
        (INSIDE, WRONG_BETAS, PARTLY),
        (OUTSIDE, WRONG_BETAS, REFUTED),
    ],
)
def test_verdicts_of_memory(
    still: tuple[pd.DataFrame, pd.DataFrame],
    best: Mapping[str, float],
    betas: Mapping[float, float],
    verdict: Verdict,
) -> None:
    assert decided("memory", remembered(still, best, betas)).verdict == verdict


def test_the_time_constant_is_that_of_the_decay(still: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = decided("memory", remembered(still, INSIDE, TRUE_BETAS)).tables["Time constant of the average"]
    # what is missing falls by the factor beta a step, so by e in -1 / log(beta) steps
    assert table["measured, steps"].to_numpy() == pytest.approx(-1 / np.log(table["beta"]), rel=1e-3)
    assert table["predicted, steps"].to_numpy() == pytest.approx([10, 100])
