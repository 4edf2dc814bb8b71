"""The claim `scale_free` on made-up evidence."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, decided, history_of, table_of

from experiments.claims import (
    Evidence,
    Verdict,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


def scaled_paths(moved: Callable[[str, float, int], float]) -> Evidence:
    """Return paths whose largest distance from the unscaled one is as told, of a way of length 4."""
    rows, arrays = [], []
    for name, scale, seed in product(("rmsprop", "sgd"), (1.0, 2.0, 1000.0), range(6)):
        rows.append({"optimizer": name, "problem": "quadratic", "seed": seed, "problem.scale": scale})
        far = 0.0 if scale == 1 else 4 * moved(name, scale, seed)
        side = np.array([0, 0.5, 1, 0.1]) * far if np.isfinite(far) else np.array([0, 0, np.nan, np.nan])
        arrays.append({"params.0": np.arange(4.0), "params.1": side, "distance": [4.0, 3.0, 2.0, 1.0]})
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, arrays))


@pytest.mark.parametrize(
    ("rmsprop", "sgd", "verdict"),
    [
        ([0.01] * 6, [0.3] * 6, REPRODUCED),
        ([0.01] * 6, [np.inf] * 6, REPRODUCED),
        ([0.01] * 6, [0.01] * 6, PARTLY),
        ([0.01, 0.2] * 3, [0.3] * 6, PARTLY),
        ([0.01] * 6, [0.01, np.inf] * 3, PARTLY),
        ([0.2] * 6, [0.3] * 6, REFUTED),
        ([np.inf] * 6, [0.3] * 6, REFUTED),
    ],
)
def test_verdicts_of_scale_free(rmsprop: list[float], sgd: list[float], verdict: Verdict) -> None:
    by_seed = {"rmsprop": rmsprop, "sgd": sgd}
    finding = decided("scale_free", scaled_paths(lambda name, scale, seed: by_seed[name][seed]))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(np.median(sgd))


def test_only_the_articles_factor_decides_scale_free() -> None:
    evidence = scaled_paths(lambda name, scale, seed: 0.3 if name == "sgd" or scale == 1000 else 0.01)
    finding = decided("scale_free", evidence)
    assert finding.verdict == REPRODUCED
    assert "that of RMSprop by 0.3 at most" in finding.evidence
