"""What is recorded of rules whose loss counts elsewhere than where gradients are taken."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from lanes import LANES, SEEDS, SGD, LogisticRegression, QuadraticFit, first_hits

from experiments.contracts.bits import different_fields, flat, same_bits
from experiments.engine.minimize import minimize
from experiments.engine.trace import Trace
from optim import Optimizer, ScheduleFree
from optim.wrapper import Wrapper
from problems import PROBLEMS, Instance, Problem

STEPS = 12
FEW = np.array([0, 3, 3])
RULES = {
    "averaging": (SGD(lr=0.05), Wrapper(averaging=0.8)),
    "schedulefree": (ScheduleFree(lr=0.05), Wrapper()),
    "schedulefree sgd": (ScheduleFree(lr=0.05, beta1=0.7, adam=False), Wrapper()),
    "schedulefree averaging": (ScheduleFree(lr=0.05, adam=False), Wrapper(averaging=0.5)),
}
ON = {
    "all data": QuadraticFit(),
    "minibatches": LogisticRegression(data="wine", batch_size=16),
    "noise": PROBLEMS["quadratic_bowl"](
        dim=4, condition=10.0, grad_noise=0.1
    ),  # whose loss is exact all the same
    # a loss that is compiled otherwise alone than with its gradient
    "losses": PROBLEMS["deep_linear"](depth=2, width=3),
    "network": PROBLEMS["mlp"](hidden=3),
}
CASES = [
    pytest.param(rule, problem, engine, id=f"{rule}-{problem}-{engine}")
    for rule in RULES
    for problem in ON
    for engine in ON[problem].engines
    if problem in ("all data", "minibatches") or rule in ("averaging", "schedulefree")
]


def run(rule: str, problem: str, engine: str, points: int = STEPS + 1, **how: Any) -> Trace:
    optimizer, wrapper = RULES[rule]
    how = {"params": True, "engine": engine, "wrapper": wrapper, **how}
    return minimize(ON[problem], optimizer, FEW, steps=STEPS, points=points, **how)


def by_hand(rule: str, problem: Problem, lane: int) -> np.ndarray:
    """Return the points that count at every step, (STEPS + 1, dim), one lane by plain loops."""
    optimizer, wrapper = RULES[rule]
    seeds = np.repeat(FEW[lane], 64)
    instance = problem.instance(seeds)
    y = z = x = average = instance.start
    square, weights, points = np.zeros_like(y), [], [y[:, 0]]
    for t in range(1, STEPS + 1):
        grads = instance.loss_and_grad(y, problem.batch(seeds, t - 1))[1]
        lr = optimizer.lr
        if isinstance(optimizer, ScheduleFree):
            if optimizer.adam:
                square = optimizer.beta2 * square + (1 - optimizer.beta2) * grads * grads
                lr = lr * np.sqrt(1 - optimizer.beta2**t)
                grads = grads / (np.sqrt(square) + optimizer.eps)
            weights.append(lr**2)
            share = weights[-1] / sum(weights)
            z = z - lr * grads
            x = (1 - share) * x + share * z
            y = (1 - optimizer.beta1) * z + optimizer.beta1 * x
        else:
            x = y = y - lr * grads
        average = wrapper.averaging * average + (1 - wrapper.averaging) * x
        points.append(average[:, 0])
    return np.array(points)


@pytest.mark.parametrize(("rule", "problem", "engine"), CASES)
def test_what_is_recorded_is_that_of_the_point_that_counts(rule: str, problem: str, engine: str) -> None:
    trace = run(rule, problem, engine)
    for lane, seed in enumerate(FEW):
        points = by_hand(rule, ON[problem], lane)
        np.testing.assert_allclose(trace.path[:, :, lane], points, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(trace.params[:, lane], points[-1], rtol=1e-9, atol=1e-12)
        instance = ON[problem].instance(np.repeat(seed, 64))
        for row, point in enumerate(points):
            loss, grads = (values[..., 0] for values in instance.loss_and_grad(wide(point)))
            np.testing.assert_allclose(trace.loss[row, lane], loss, rtol=1e-9)
            np.testing.assert_allclose(trace.grad_norm[row, lane], np.sqrt((grads**2).sum()), rtol=1e-8)
    assert same_bits(trace.path[0], ON[problem].instance(FEW).start)
    assert same_bits(trace.params, trace.path[-1])
    assert same_bits(trace.best_loss, trace.loss.min(axis=0))
    assert (trace.hits == first_hits(trace.suboptimality)).all()
    assert (trace.loss[-1] < trace.loss[0]).all()


def wide(point: np.ndarray) -> np.ndarray:
    return np.repeat(point[:, None], 64, axis=1)


@pytest.mark.parametrize(("rule", "problem", "engine"), CASES)
def test_recording_fewer_steps_changes_none_of_them(rule: str, problem: str, engine: str) -> None:
    every, few = run(rule, problem, engine), run(rule, problem, engine, points=4)
    for name in ("loss", "suboptimality", "grad_norm", "distance", "path"):
        assert same_bits(getattr(few, name), getattr(every, name)[few.step]), name
    assert same_bits(few.params, every.params)
    if problem in ("all data", "noise", "losses"):
        assert same_bits(few.best_loss, every.best_loss)
        assert (few.hits == every.hits).all()
    else:
        assert same_bits(few.best_loss, few.loss.min(axis=0))


@pytest.mark.parametrize("problem", ["all data", "noise"])
@pytest.mark.parametrize("rule", RULES)
def test_float32_is_seen_in_its_numbers(rule: str, problem: str, engine: str) -> None:
    trace, wide = (run(rule, problem, engine, dtype=dtype) for dtype in ("float32", "float64"))
    for name in ("params", "path", "best_loss"):
        values = getattr(trace, name)
        assert same_bits(values, values.astype(np.float32).astype(np.float64)), name
    np.testing.assert_allclose(trace.loss, wide.loss, rtol=1e-3)


@pytest.mark.parametrize("problem", [QuadraticFit(), LogisticRegression(data="wine", batch_size=16)])
@pytest.mark.parametrize("name", ["averaging", "schedulefree"])
def test_a_lane_is_that_lane_beside_others_of_which_some_count_elsewhere(
    problem: Problem, name: str, engine: str
) -> None:
    optimizer = {
        "averaging": SGD(lr=np.geomspace(1e-3, 0.1, LANES)),
        "schedulefree": ScheduleFree(lr=np.geomspace(1e-3, 0.1, LANES), beta1=np.linspace(0, 1, LANES)),
    }[name]
    averaging = np.where(np.arange(LANES) % 3 == 0, 0.0, np.linspace(0.1, 0.9, LANES))

    def trace(lanes: Any, averaging: Any) -> Trace:
        how = {"wrapper": Wrapper(averaging=averaging), "engine": engine, "params": True}
        return minimize(problem, optimizer.take(lanes), SEEDS[lanes], steps=6, points=4, **how)

    mixed = trace(slice(None), averaging)
    for lane in (0, 1, 3, 68, 69):
        assert different_fields(mixed, [lane], trace([lane], float(averaging[lane]))) == []
    off = np.flatnonzero(averaging == 0)
    assert different_fields(mixed, off, trace(off, 0.0)) == []


@dataclass(frozen=True, kw_only=True)
class Gap(Problem):
    """x^2 in one dimension, but infinite near zero, and NaN above ten; all lanes begin at 1."""

    engines = ("numpy", "jax")
    floats_per_lane = 1
    metric_names = ()

    def instance(self, seeds: np.ndarray) -> Instance:
        start = np.ones((1, len(seeds)))
        return AroundTheGap(start=start, minimum=np.zeros(len(seeds)), minimiser=np.zeros_like(start))


@dataclass(frozen=True, kw_only=True)
class AroundTheGap(Instance):
    """The function itself."""

    def loss(self, params: np.ndarray) -> np.ndarray:
        xp = array_namespace(params)
        return xp.where(abs(params[0]) < 0.3, xp.inf, params[0] ** 2)

    def loss_and_grad(self, params: np.ndarray, batch: None = None) -> tuple[np.ndarray, np.ndarray]:
        return self.loss(params), 2 * params


def test_a_lane_diverges_where_its_loss_counts_and_keeps_the_last_point_that_was_finite(engine: str) -> None:
    # x goes 1, -0.8, 0.64; its average 1, 0.82, 0.802 and 1, 0.1 (in the gap)
    wrapper = Wrapper(averaging=np.array([0.9, 0.5]))
    how = {"wrapper": wrapper, "engine": engine, "params": True}
    trace = minimize(Gap(), SGD(lr=0.9), np.zeros(2), steps=2, points=3, **how)
    assert trace.diverged_at.tolist() == [-1, 1]
    np.testing.assert_allclose(trace.loss[:, 0], [1, 0.82**2, 0.802**2])
    assert np.isnan(trace.loss[1:, 1]).all()
    assert trace.params[0].tolist() == [pytest.approx(0.802), 1.0]
    assert trace.best_loss.tolist() == [pytest.approx(0.802**2), 1.0]


def test_a_lane_diverges_where_its_gradients_are_taken(engine: str) -> None:
    # x goes 1, -0.2 (in the gap), while its average is 0.88
    how = {"wrapper": Wrapper(averaging=0.9), "engine": engine, "params": True}
    trace = minimize(Gap(), SGD(lr=0.6), np.zeros(1), steps=3, points=4, **how)
    assert trace.diverged_at.tolist() == [1]
    assert trace.params.tolist() == [[1.0]]


@pytest.mark.parametrize("optimizer", [ScheduleFree(lr=0.5, adam=False), ScheduleFree(lr=0.5)])
def test_a_diverged_lane_changes_no_neighbour(optimizer: Optimizer, engine: str) -> None:
    lr, seeds = np.array([0.01, 1e300, 0.02]), np.arange(3)
    rule = type(optimizer)(lr=lr, adam=optimizer.adam)  # type: ignore[attr-defined]
    mixed = minimize(QuadraticFit(), rule, seeds, steps=20, engine=engine, params=True)
    calm = minimize(QuadraticFit(), rule.take([0, 2]), seeds[[0, 2]], steps=20, engine=engine, params=True)
    assert mixed.diverged_at.tolist() == [-1, 1, -1]
    assert different_fields(mixed, [0, 2], calm) == []
    assert np.isfinite(flat(mixed)["params"]).all()
