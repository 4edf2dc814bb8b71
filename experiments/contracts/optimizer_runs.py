"""What every optimizer keeps in a run: under each engine, in blocks of lanes, as the rule alone."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.contracts.bits import same_bits
from experiments.contracts.cases import Case, on_matrices, plain_problem, with_drawn_lanes
from experiments.contracts.company import LANES, apart, both, different_in_company
from experiments.engine.minimize import minimize
from optim.base import Optimizer
from problems.base import Problem
from problems.quadratic import QuadraticFit
from problems.rosenbrock import Rosenbrock

FEW = 30
FAR = Rosenbrock(perturbation=1e60)  # seed 0 begins where it always does


def test_a_lane_alone_is_that_lane_in_any_block(optimizer_case: Case, engine: str, dtype: str) -> None:
    optimizer, problem = with_drawn_lanes(optimizer_case, LANES), plain_problem(optimizer_case.cls)
    assert different_in_company(problem, optimizer, steps=50, engine=engine, dtype=dtype) == []


def test_a_step_is_the_same_under_both_engines_up_to_rounding(optimizer_case: Case) -> None:
    if not {"numpy", "jax"} <= set(optimizer_case.cls.engines):
        pytest.skip("it runs under one engine")
    seeds = np.arange(FEW) % 5 + 1  # seed 0 of a regression starts at zero, and some rules wait there
    rule, problem = with_drawn_lanes(optimizer_case, FEW), plain_problem(optimizer_case.cls)
    one, other = both(problem, rule, seeds, steps=1, points=2)
    assert (apart(one.params, other.params) < 1e-12).all()
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-12)
    assert (one.hits == other.hits).all()


def test_the_steps_are_those_of_the_optimizer_on_its_gradients(optimizer: Optimizer) -> None:
    if "numpy" not in optimizer.engines:
        pytest.skip(f"{optimizer.name} is compiled, and another rounding")
    if on_matrices(type(optimizer)):
        pytest.skip("the fit refuses it, which has no matrix")
    seeds = np.full(64, 3)
    instance = QuadraticFit().instance(seeds)
    trace = minimize(QuadraticFit(), optimizer, seeds, steps=50, points=51, params=True, engine="numpy")
    assert trace.path is not None
    params = instance.start
    state = optimizer.init(params)
    for row in range(1, 51):
        grads = instance.loss_and_grad(params)[1]
        updates, state = optimizer.update(grads, state, params)
        params = params + updates
        assert same_bits(trace.path[row], optimizer.evaluated(params, state))


@pytest.mark.parametrize("at", [QuadraticFit(), FAR], ids=["near", "far"])
def test_a_lane_whose_state_is_finite_has_not_stalled(optimizer: Optimizer, at: Problem) -> None:
    problem = plain_problem(type(optimizer)) if on_matrices(type(optimizer)) else at
    trace = minimize(problem, optimizer, np.array([0, 0]), steps=20)
    assert not (trace.stalled & (trace.diverged_at < 0)).any()
