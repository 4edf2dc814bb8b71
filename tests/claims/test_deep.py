"""The claim `deep` on made-up evidence."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED, UNDECIDED, decided, table_of

from experiments.claims import (
    Evidence,
    Verdict,
)
from experiments.request.limits import FIRST_TUNING_SEED

pytestmark = pytest.mark.usefixtures("fewer_resamples")


def networks(steps: Mapping[str, Sequence[float]], accuracy: Mapping[str, Sequence[float]]) -> Evidence:
    """Return runs at the settings that tuning chose and at others, with steps and accuracies by seed."""
    rows = []
    for name, lr in product(("sgd", "rmsprop"), (0.01, 0.1)):
        for seed, index in [*((seed, seed) for seed in range(10)), (FIRST_TUNING_SEED, 0)]:
            good = lr == 0.1 and seed < FIRST_TUNING_SEED
            rows.append(
                {
                    "optimizer": name,
                    "problem": "mlp",
                    "seed": seed,
                    "steps": 200,
                    "optimizer.lr": lr,
                    "optimizer.momentum": 0.9 if name == "sgd" else 0.0,
                    "optimizer.beta": np.nan if name == "sgd" else 0.9,
                    "hit_1e-1": steps[name][index] if good else 7.0,
                    "loss": 0.1,
                    "accuracy": accuracy[name][index] if good else 0.5,
                }
            )
    runs = table_of(rows)
    return Evidence(runs, pd.DataFrame(), selections())


def selections() -> pd.DataFrame:
    """Return what tuning chose: with 16 trials, and with one, the learning rate 0.1."""
    rows = [
        {
            "optimizer": name,
            "problem": "mlp",
            "trial": trial,
            "optimizer.lr": lr,
            "optimizer.momentum": 0.9 if name == "sgd" else 0.0,
            "optimizer.beta": np.nan if name == "sgd" else 0.9,
            "median": lr,
            "best_of_1": lr == 0.1,
            "best_of_16": lr == 0.1,
        }
        for name in ("sgd", "rmsprop")
        for trial, lr in enumerate((0.1, 0.01))
    ]
    return pd.DataFrame(rows).assign(schedule="constant")


EVEN, CHANCE = [50.0] * 10, [25.0, 100.0] * 5


GOOD, POOR, MIXED = [0.95] * 10, [0.9] * 10, [0.93, 0.97] * 5


@pytest.mark.parametrize(
    ("sgd_steps", "accuracies", "verdict"),
    [
        ([100.0] * 10, (POOR, GOOD), REPRODUCED),
        ([np.nan] * 10, (POOR, GOOD), REPRODUCED),
        ([100.0] * 10, (GOOD, GOOD), PARTLY),
        ([100.0] * 10, (GOOD, POOR), PARTLY),
        (CHANCE, (POOR, GOOD), PARTLY),
        ([25.0] * 10, (MIXED, GOOD), REFUTED),
        (CHANCE, (GOOD, POOR), REFUTED),
        (CHANCE, (MIXED, GOOD), UNDECIDED),
    ],
)
def test_verdicts_of_deep(
    sgd_steps: list[float], accuracies: tuple[list[float], list[float]], verdict: Verdict
) -> None:
    steps = {"sgd": sgd_steps, "rmsprop": EVEN}
    finding = decided("deep", networks(steps, dict(zip(steps, accuracies, strict=True))))
    assert finding.verdict == verdict
    taken = np.nan_to_num(np.array(sgd_steps), nan=201)
    assert finding.effect.value == pytest.approx(np.exp(np.log(taken / 50).mean()))
