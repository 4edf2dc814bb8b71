"""What every problem keeps in a run: under each engine, and in blocks of lanes."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.contracts.bits import flat
from experiments.contracts.company import LANES, both, different_in_company
from experiments.engine.minimize import minimize
from optim.rmsprop import RMSprop
from problems.base import Problem

FEW = 30


def test_a_lane_alone_is_that_lane_in_any_block(problem: Problem, problem_engine: str, dtype: str) -> None:
    rates = np.random.default_rng(0).permutation(np.geomspace(1e-3, 0.3, LANES))
    rule = RMSprop(lr=rates, momentum=0.5)
    assert different_in_company(problem, rule, steps=2, engine=problem_engine, dtype=dtype) == []


def test_a_step_is_the_same_under_both_engines_up_to_rounding(problem: Problem) -> None:
    if not {"numpy", "jax"} <= set(problem.engines):
        pytest.skip("it runs under one engine")
    rule = RMSprop(lr=np.geomspace(1e-3, 0.1, FEW), momentum=0.5)
    one, other = both(problem, rule, np.arange(FEW) % 5, steps=1, points=2)
    for name, values in flat(one).items():
        if name != "stalled":
            np.testing.assert_allclose(flat(other)[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_loss_falls_somewhere(problem: Problem) -> None:
    rule = RMSprop(lr=np.geomspace(1e-6, 1.0, FEW))
    trace = minimize(problem, rule, np.full(FEW, 1), steps=20, points=21)
    assert (trace.best_loss < trace.loss[0]).any()
