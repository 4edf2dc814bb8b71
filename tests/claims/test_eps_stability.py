"""The claim `eps_stability` on made-up evidence."""

from collections.abc import Callable

import numpy as np
import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, decided, epsilons, where_it_is_zero

from experiments.claims import (
    Verdict,
)

pytestmark = pytest.mark.usefixtures("fewer_resamples")


@pytest.mark.parametrize(
    ("lost", "share", "verdict"),
    [
        (where_it_is_zero, 1.0, REPRODUCED),
        (where_it_is_zero, 1.01, PARTLY),
        (lambda problem, seed, eps, lr: where_it_is_zero(problem, seed, eps, lr) and lr == 0.01, 1.0, PARTLY),
        (lambda problem, seed, eps, lr: where_it_is_zero(problem, seed, eps, lr) or seed == 3, 1.0, PARTLY),
        (lambda *_: False, 1.0, REFUTED),
        (lambda problem, seed, *_: problem == "logistic" and seed == 0, 1.0, REFUTED),
    ],
    ids=["as said", "rates above the bound", "some runs lost", "1e-8 fails elsewhere", "no harm", "no help"],
)
def test_verdicts_of_eps_stability(lost: Callable[..., bool], share: float, verdict: Verdict) -> None:
    assert decided("eps_stability", epsilons(lost, share)).verdict == verdict


def test_the_effect_of_eps_stability_is_a_share_with_its_exact_interval() -> None:
    effect = decided("eps_stability", epsilons(where_it_is_zero, lrs=(0.01, 0.02, 0.03))).effect
    # Clopper and Pearson (1934): all of n, so the lower end solves p^n = 0.025
    assert (effect.value, effect.low, effect.high) == (1.0, pytest.approx(0.025 ** (1 / 3)), 1.0)


def test_eps_stability_says_which_epsilons_change_nothing() -> None:
    finding = decided("eps_stability", epsilons(where_it_is_zero))
    assert "from 1e-12 to 1e-08 changes the median result by less than a factor of 2" in finding.evidence
    results = finding.tables["Results by epsilon"]
    at_one = results.loc[results["epsilon"] == 1, "times that of 1e-8"]
    assert at_one.to_numpy() == pytest.approx(np.full(3, 10.0))
