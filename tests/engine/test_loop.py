"""The loop: a lane's numbers do not depend on its company, progress, and what is recorded."""

from typing import Any

import numpy as np
import pytest
from contracts import (
    CASES_BY_ENGINE,
    OPTIMIZER_CASES,
    OPTIMIZER_VARIANTS,
    PROBLEM_CASES,
    PROBLEM_VARIANTS,
    VARIANTS,
)
from lanes import LANES, SEEDS, SGD, LogisticRegression, QuadraticFit, RMSprop, first_hits

from experiments.contracts import optimizer_runs, problem_runs
from experiments.contracts.bits import different_fields, flat, same_bits
from experiments.contracts.cases import Case, on_matrices
from experiments.engine import blocks
from experiments.engine.backend import DTYPES, backend_of
from experiments.engine.blocks import block_size, block_slices
from experiments.engine.minimize import minimize
from experiments.engine.recorded import recorded_steps
from experiments.engine.trace import TARGETS, Trace
from optim import Optimizer
from problems import PROBLEMS, Problem


def rates(lanes: int) -> np.ndarray:
    """Return a learning rate for each lane, from 1e-3 to 0.3, in no order."""
    return np.random.default_rng(0).permutation(np.geomspace(1e-3, 0.3, lanes))


ALL_DATA = {case.cls: case for case in VARIANTS if case.values.get("batch_size", 0) is None}
"""Problem -> the variant that has minibatches switched off, which is less to compile."""


IN_BLOCKS = [
    pytest.param(case, engine, dtype, id=f"{case}-{engine}-{dtype}")
    for case, engine in CASES_BY_ENGINE
    for dtype in DTYPES
    if dtype == "float64" or (case == ALL_DATA[case.cls] if case.cls in ALL_DATA else case not in VARIANTS)
]
"""Every case under its engines; in float32 one of each problem, since each is a program to compile."""


@pytest.mark.parametrize(("case", "engine", "dtype"), IN_BLOCKS)
def test_a_lane_alone_is_that_lane_in_any_block_of_every_problem(case: Case, engine: str, dtype: str) -> None:
    problem_runs.test_a_lane_alone_is_that_lane_in_any_block(case.make(), engine, dtype)


def test_every_problem_and_engine_is_among_those_in_blocks_in_either_type() -> None:
    there = {(case.cls, engine, dtype) for case, engine, dtype in (param.values for param in IN_BLOCKS)}
    assert there == {(cls, e, dtype) for cls in PROBLEMS.values() for e in cls.engines for dtype in DTYPES}


OF_OPTIMIZERS = [
    pytest.param(case, engine, dtype, id=f"{case}-{engine}-{dtype}")
    for case in OPTIMIZER_CASES
    for engine in case.cls.engines
    for dtype in DTYPES
    if dtype == "float64" or engine == "numpy" or case.values not in OPTIMIZER_VARIANTS.get(case.cls.name, [])
]
"""Every case under its engines; compiled in float32, each optimizer with its defaults."""


@pytest.mark.parametrize(("case", "engine", "dtype"), OF_OPTIMIZERS)
def test_a_lane_alone_is_that_lane_in_any_block_of_every_optimizer(
    case: Case, engine: str, dtype: str
) -> None:
    optimizer_runs.test_a_lane_alone_is_that_lane_in_any_block(case, engine, dtype)


def test_the_steps_are_those_of_the_optimizer_on_its_gradients(optimizer: Optimizer) -> None:
    optimizer_runs.test_the_steps_are_those_of_the_optimizer_on_its_gradients(optimizer)


@pytest.mark.parametrize(
    "problem", [QuadraticFit(), PROBLEMS["rosenbrock"](dim=5), PROBLEMS["quadratic_bowl"]()]
)
def test_a_lane_is_the_same_in_every_width_that_a_problem_declares(problem: Problem) -> None:
    assert len(problem.widths) > 1
    lanes = problem.widths[-1] + 3  # the last three go into a narrower call
    optimizer, seeds = RMSprop(lr=rates(lanes)), np.arange(lanes) % 7
    wide = minimize(problem, optimizer, seeds, steps=20, engine="jax")
    for few in (slice(0, 3), slice(lanes - 30, lanes)):
        narrow = minimize(problem, optimizer.take(few), seeds[few], steps=20, engine="jax")
        assert different_fields(wide, few, narrow) == []


@pytest.mark.parametrize("cache_floats", [0, 100 * 64, 1 << 20])
def test_the_size_of_the_blocks_changes_no_bit(
    cache_floats: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, optimizer = LogisticRegression(batch_size=32), RMSprop(lr=rates(LANES))
    expected = minimize(problem, optimizer, SEEDS, steps=5, points=6, engine=engine)
    block_size.cache_clear()
    monkeypatch.setattr(blocks, "CACHE_FLOATS", cache_floats)
    monkeypatch.setattr(blocks, "MOST_FLOATS", cache_floats)
    trace = minimize(problem, optimizer, SEEDS, steps=5, points=6, engine=engine)
    block_size.cache_clear()
    assert different_fields(trace, slice(None), expected) == []


def test_blocks_are_multiples_of_a_width_and_cover_every_lane_once(
    problem_and_engine: tuple[Problem, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, engine = problem_and_engine
    backend = backend_of(problem, engine)
    for floats in (0, 5000, 1 << 17):
        block_size.cache_clear()
        monkeypatch.setattr(blocks, "CACHE_FLOATS", floats)
        monkeypatch.setattr(blocks, "MOST_FLOATS", floats)
        size = block_size(problem, backend)
        assert size >= 64
        assert size % (64 if engine == "numpy" else problem.widths[-1]) == 0
        lanes = np.arange(2 * size + 3)
        cut = [lanes[block] for block in block_slices(problem, backend, len(lanes))]
        assert [len(block) for block in cut] == [size, size, 3]
        assert (np.concatenate(cut) == lanes).all()
    block_size.cache_clear()


def test_permuting_lanes_permutes_the_trace(problem_and_engine: tuple[Problem, str]) -> None:
    problem, engine = problem_and_engine
    order = np.random.default_rng(1).permutation(40)
    optimizer, seeds = RMSprop(lr=rates(40), momentum=0.5), np.arange(40) % 3
    straight = minimize(problem, optimizer, seeds, steps=2, points=3, params=True, engine=engine)
    permuted = minimize(
        problem, optimizer.take(order), seeds[order], steps=2, points=3, params=True, engine=engine
    )
    assert different_fields(straight, order, permuted) == []


def test_the_same_call_gives_the_same_bits_and_leaves_its_arguments_alone() -> None:
    lr, seeds = rates(10), np.arange(10)
    kept = lr.copy(), seeds.copy()
    first, second = (minimize(QuadraticFit(), SGD(lr=lr), seeds, steps=30) for _ in range(2))
    assert different_fields(first, slice(None), second) == []
    assert same_bits(lr, kept[0])
    assert same_bits(seeds, kept[1])


def test_lanes_that_share_a_seed_see_the_same_minibatches() -> None:
    seeds = np.array([5, 8, 5, 5])
    trace = minimize(
        LogisticRegression(batch_size=32), SGD(lr=np.array([0.1, 0.1, 0.2, 0.1])), seeds, steps=30
    )
    assert same_bits(trace.loss[:, 0], trace.loss[:, 3])
    assert same_bits(trace.params[:, 0], trace.params[:, 3])
    assert (trace.loss[1:, 0] != trace.loss[1:, 1]).all()
    assert (trace.loss[1:, 0] != trace.loss[1:, 2]).all()


OVERSHOOTS = "the steepest curvature at the start is above 1000, so a step of 0.01 overshoots ever further"


DOES_NOT_FALL = {("sgd", "rosenbrock"): OVERSHOOTS}
"""(optimizer, problem) -> why the defaults of the one do not suit the other."""


def pairs() -> list[Any]:
    """Return every optimizer case on every problem's defaults, and the reverse, where we chose both.

    Problems that must be compiled are held to learn by tests of their own, with one optimizer.
    """
    optimizers = [case for case in OPTIMIZER_CASES if case.cls.name in OPTIMIZER_VARIANTS]
    optimizers = [case for case in optimizers if "numpy" in case.cls.engines]
    problems = [case for case in PROBLEM_CASES if case.cls.name in PROBLEM_VARIANTS]
    problems = [case for case in problems if "numpy" in case.cls.engines]
    plain = [(a, b) for a in optimizers for b in problems if not a.values or not b.values]
    plain = [(a, b) for a, b in plain if b.make().layout or not on_matrices(a.cls)]
    return [pytest.param(a, b, id=f"{a}-{b}", marks=expected_failure(a, b)) for a, b in plain]


def expected_failure(optimizer: Case, problem: Case) -> list[pytest.MarkDecorator]:
    reason = DOES_NOT_FALL.get((optimizer.cls.name, problem.cls.name))
    return [pytest.mark.xfail(reason=reason, strict=True)] if reason else []


@pytest.mark.parametrize(("optimizer_case", "problem_case"), pairs())
def test_the_loss_falls(optimizer_case: Case, problem_case: Case) -> None:
    trace = minimize(
        problem_case.make(), optimizer_case.make(), np.array([0, 3]), steps=5, points=2, engine="numpy"
    )
    assert (trace.loss[-1] < trace.loss[0]).all()


def shapes_of(trace: Trace) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in flat(trace).items()}


def test_every_array_of_the_trace_has_its_documented_shape(problem_and_engine: tuple[Problem, str]) -> None:
    problem, engine = problem_and_engine
    seeds = np.array([0, 3, 7])
    trace = minimize(problem, RMSprop(momentum=0.5), seeds, steps=4, points=5, params=True, engine=engine)
    dim = len(problem.instance(seeds).start)
    rows = dict.fromkeys(("loss", "suboptimality", "grad_norm", "distance", *problem.metric_names), (5, 3))
    lanes = dict.fromkeys(("best_loss", "diverged_at", "stalled"), (3,))
    paths = dict.fromkeys(("path", "rate"), (5, dim, 3))
    others = {"step": (5,), "params": (dim, 3), "hits": (len(TARGETS), 3)}
    assert shapes_of(trace) == {**rows, **lanes, **paths, **others}
    assert trace.seconds.shape == (3,)
    assert (trace.seconds > 0).all()


def test_the_path_is_recorded_only_when_asked_for() -> None:
    trace = minimize(QuadraticFit(), RMSprop(), np.array([0]), steps=3)
    assert trace.path is None
    assert trace.rate is None


def test_each_row_is_what_the_problem_says_at_that_row_of_the_path(
    problem_and_engine: tuple[Problem, str],
) -> None:
    problem, engine = problem_and_engine
    seeds = np.resize([0, 3, 7], 64)
    instance = problem.instance(seeds)
    nowhere = np.full_like(instance.start, np.nan)
    minimiser = nowhere if instance.minimiser is None else instance.minimiser
    trace = minimize(problem, RMSprop(momentum=0.5), seeds, steps=4, points=3, params=True, engine=engine)
    tolerance = 0.0 if engine == "numpy" else 1e-12  # a compiler adds and multiplies in one
    assert same_bits(trace.path[0], instance.start)
    assert same_bits(trace.path[-1], trace.params)
    for row, params in enumerate(trace.path):
        loss, grads = instance.loss_and_grad(params)
        np.testing.assert_allclose(trace.loss[row], loss, rtol=tolerance)
        above = np.maximum(loss - instance.minimum, 0)
        np.testing.assert_allclose(trace.suboptimality[row], above, rtol=tolerance)
        np.testing.assert_allclose(trace.grad_norm[row], np.linalg.norm(grads, axis=0), rtol=1e-12)
        distance = np.linalg.norm(params - minimiser, axis=0)
        np.testing.assert_allclose(trace.distance[row], distance, rtol=1e-13)
        for name, values in instance.metrics(params).items():
            np.testing.assert_allclose(trace.metrics[name][row], values, rtol=tolerance)


def test_a_stochastic_step_uses_the_minibatch_of_the_step_before_it() -> None:
    problem = LogisticRegression(data="wine", batch_size=16)
    seeds = np.full(64, 3)
    instance = problem.instance(seeds)
    for engine in problem.engines:
        trace = minimize(problem, SGD(lr=0.1), seeds, steps=300, points=301, params=True, engine=engine)
        for row in (*range(1, 11), 255, 256, 257, 300):
            before = trace.path[row - 1]
            grads = instance.loss_and_grad(before, problem.batch(seeds, row - 1))[1]
            np.testing.assert_allclose(trace.path[row], before - 0.1 * grads, rtol=1e-12, atol=1e-15)


def test_the_rate_of_plain_gradient_descent_is_its_learning_rate() -> None:
    lr = np.array([0.001, 0.01, 0.1])
    trace = minimize(QuadraticFit(), SGD(lr=lr), np.arange(3), steps=50, points=51, params=True)
    assert np.isnan(trace.rate[0]).all()
    np.testing.assert_allclose(trace.rate[1:], np.broadcast_to(lr, (50, 3, 3)), rtol=1e-14)


def test_the_rate_of_rmsprop_is_the_articles_formula() -> None:
    instance = QuadraticFit().instance(np.zeros(64, dtype=np.int64))
    trace = minimize(QuadraticFit(), RMSprop(), np.zeros(64), steps=50, points=51, params=True)
    square_avg = np.zeros_like(instance.start)
    for row in range(1, 51):
        grads = instance.loss_and_grad(trace.path[row - 1])[1]
        square_avg = 0.9 * square_avg + 0.1 * grads**2
        np.testing.assert_allclose(trace.rate[row], 0.01 / (np.sqrt(square_avg) + 1e-8), rtol=1e-12)


def test_recording_fewer_steps_changes_none_of_them(problem_and_engine: tuple[Problem, str]) -> None:
    problem, engine = problem_and_engine
    optimizer, seeds = RMSprop(lr=rates(3), momentum=0.5), np.array([0, 3, 7])
    every = minimize(problem, optimizer, seeds, steps=4, points=5, params=True, engine=engine)
    few = minimize(problem, optimizer, seeds, steps=4, points=3, params=True, engine=engine)
    for name in ("loss", "suboptimality", "grad_norm", "distance"):
        assert same_bits(getattr(few, name), getattr(every, name)[few.step])
    for name in ("params", "diverged_at", "stalled"):
        assert same_bits(getattr(few, name), getattr(every, name))
    if knows_loss_at_every_step(problem):
        assert same_bits(few.best_loss, every.best_loss)
        assert same_bits(few.hits, every.hits)
    else:
        assert same_bits(few.best_loss, np.nanmin(few.loss, axis=0))


def knows_loss_at_every_step(problem: Problem) -> bool:
    seeds = np.array([0])
    return problem.batch(seeds, 0) is None or problem.instance(seeds).loss_is_exact


def test_a_longer_run_begins_like_a_shorter_one(engine: str) -> None:
    short, long = (
        minimize(QuadraticFit(), RMSprop(), np.arange(3), steps=n, points=n + 1, engine=engine)
        for n in (100, 300)
    )
    assert same_bits(long.loss[:101], short.loss)
    assert (np.where(long.hits <= 100, long.hits, -1) == short.hits).all()


COUNTS = [(steps, points) for steps in range(1, 40) for points in range(2, steps + 2)]


LARGE = [(1000, 100), (1000, 999), (1000, 1000), (1000, 1001), (10**6, 2), (10**6, 3), (10**6, 5000)]


def test_recorded_steps_are_as_many_as_asked_distinct_sorted_and_include_both_ends() -> None:
    for steps, points in COUNTS + LARGE:
        chosen = recorded_steps(steps, points)
        assert len(chosen) == points
        assert (chosen[0], chosen[-1]) == (0, steps)
        assert (np.diff(chosen) > 0).all()


def test_all_steps_are_recorded_where_there_are_fewer_than_asked_for() -> None:
    for steps in (1, 2, 10):
        assert recorded_steps(steps, 100).tolist() == list(range(steps + 1))


def test_recorded_steps_are_log_spaced() -> None:
    assert recorded_steps(1000, 5).tolist() == [0, 1, 10, 100, 1000]
    late = recorded_steps(10**6, 200)[100:]
    ratios = late[1:] / late[:-1]
    assert ratios.max() / ratios.min() < 1.001


def test_hits_and_best_loss_are_those_of_the_full_history(problem_and_engine: tuple[Problem, str]) -> None:
    problem, engine = problem_and_engine
    seeds, rule = np.arange(12) % 4, RMSprop(lr=10 * rates(12), momentum=0.5)
    trace = minimize(problem, rule, seeds, steps=5, points=6, params=True, engine=engine)
    assert (trace.hits == first_hits(trace.suboptimality)).all()
    assert same_bits(trace.best_loss, np.nanmin(trace.loss, axis=0))


def test_every_target_is_found_where_lanes_reach_it_at_different_steps(engine: str) -> None:
    lr = np.append(np.geomspace(0.005, 0.11, 30), [0.2, 10.0])
    trace = minimize(QuadraticFit(), SGD(lr=lr), np.arange(32), steps=300, points=301, engine=engine)
    assert (trace.hits == first_hits(trace.suboptimality)).all()
    assert all(len(set(reached[reached > 0])) > 5 for reached in trace.hits)
    assert (trace.hits[:, -2:] == -1).all()
    assert same_bits(trace.best_loss, np.nanmin(trace.loss, axis=0))


REFUSED = [
    ({"steps": 0}, "steps must be an integer in [1, inf), got 0"),
    ({"points": 1}, "record.points must be an integer in [2, inf), got 1"),
    ({"seeds": np.array([0, -3])}, "seed must be an integer in [0, inf), got -3"),
    ({"seeds": np.arange(3)}, "SGD: lr has shape (2,), but seeds have (3,)"),
]


@pytest.mark.parametrize(("values", "message"), REFUSED)
def test_a_bad_request_gets_this_very_message(values: dict[str, Any], message: str) -> None:
    request = {"seeds": np.arange(2), "steps": 3, "points": 2, **values}
    with pytest.raises(ValueError, match=r"must be|has shape") as error:
        minimize(QuadraticFit(), SGD(lr=np.array([0.1, 0.2])), **request)
    assert str(error.value) == message
