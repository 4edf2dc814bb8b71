"""The perceptron as a loss against the gradient that was once written down by hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.engine.minimize import minimize
from optim import RMSprop
from problems import MLP
from problems.loss import Losses

KEPT = np.load(Path(__file__).parents[1] / "reference" / "mlp.npz")
"""Trajectories of RMSprop by the hand-written backpropagation of earlier versions, seeds 0, 3 and 7."""
SEEDS = np.array([0, 3, 7])
SETTINGS: dict[str, dict[str, Any]] = {
    "batches": {"hidden": 4, "batch_size": 64},
    "relu": {"hidden": 4, "layers": 2, "activation": "relu", "batch_size": 32},
    "whole": {"hidden": 4, "batch_size": None, "l2": 0.01},
}


@dataclass(frozen=True, kw_only=True)
class FromThere(MLP):
    """The perceptron from the starts that those versions drew."""

    setting: str = "whole"

    def __post_init__(self) -> None:
        """Check nothing: ``setting`` is no constant."""

    def instance(self, seeds: np.ndarray) -> Losses:
        start = KEPT[f"{self.setting}_start"][:, np.searchsorted(SEEDS, seeds)]
        return Losses(start=start, minimum=np.zeros(len(seeds)), problem=self, data=self.examples)


@pytest.mark.parametrize("setting", SETTINGS)
def test_fifty_steps_are_those_of_the_gradient_by_hand(setting: str) -> None:
    problem = FromThere(setting=setting, **SETTINGS[setting])
    trace = minimize(problem, RMSprop(), SEEDS, steps=50, points=4)
    assert trace.step.tolist() == KEPT[f"{setting}_step"].tolist()
    for name in ("loss", "grad_norm"):
        np.testing.assert_allclose(getattr(trace, name), KEPT[f"{setting}_{name}"], rtol=1e-9)
    np.testing.assert_array_equal(trace.metrics["accuracy"], KEPT[f"{setting}_accuracy"])
    np.testing.assert_allclose(trace.params, KEPT[f"{setting}_params"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("activation", "gain"), [("tanh", 1.0), ("relu", 2.0)])
def test_weights_have_the_variance_that_their_inputs_ask_for(activation: str, gain: float) -> None:
    problem = MLP(hidden=300, activation=activation)
    drawn = problem.draw(np.random.default_rng(0))
    for name, inputs in (("layer0", 64), ("layer1", 300)):
        assert drawn[name][:, :-1].var() == pytest.approx(gain / inputs, rel=0.05)
        assert not drawn[name][:, -1].any()
