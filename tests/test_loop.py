"""The loop over steps: lanes are independent, and what it reports is what happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from contracts import (
    OPTIMIZER_CASES,
    OPTIMIZER_VARIANTS,
    PROBLEM_CASES,
    PROBLEM_VARIANTS,
    Case,
    different_fields,
    flat,
    same_bits,
    with_drawn_lanes,
)

from experiments import loop
from experiments.loop import has_overflowed, minimize, recorded_steps
from experiments.trace import TARGETS, Trace
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Instance, Problem

SGD, RMSprop = OPTIMIZERS["sgd"], OPTIMIZERS["rmsprop"]
QuadraticFit, LogisticRegression = PROBLEMS["quadratic"], PROBLEMS["logistic"]


def rates(lanes: int) -> np.ndarray:
    """Return a learning rate for each lane, from 1e-3 to 0.3, in no order."""
    return np.random.default_rng(0).permutation(np.geomspace(1e-3, 0.3, lanes))


# --- A lane's numbers do not depend on its company ---

LANES = 70  # two blocks where blocks are smallest
SEEDS = np.arange(LANES) % 5
CHOICES = [[0], [69], list(range(3, 67))]


def different_in_company(problem: Problem, optimizer: Optimizer, steps: int) -> list[str]:
    """Return the fields of the trace in which some lanes differ from the same lanes elsewhere."""
    whole = minimize(problem, optimizer, SEEDS, steps=steps, points=3, params=True)
    return [
        name
        for chosen in CHOICES
        for name in different_fields(
            whole,
            chosen,
            minimize(problem, optimizer.take(chosen), SEEDS[chosen], steps=steps, points=3, params=True),
        )
    ]


def test_a_lane_alone_is_that_lane_in_any_block_of_every_problem(problem: Problem) -> None:
    assert different_in_company(problem, RMSprop(lr=rates(LANES), momentum=0.5), steps=2) == []


def test_a_lane_alone_is_that_lane_in_any_block_of_every_optimizer(optimizer_case: Case) -> None:
    optimizer = with_drawn_lanes(optimizer_case, LANES)
    assert different_in_company(QuadraticFit(), optimizer, steps=50) == []


@pytest.mark.parametrize("cache_floats", [0, 100 * 64, 1 << 20])
def test_the_size_of_the_blocks_changes_no_bit(cache_floats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, optimizer = LogisticRegression(batch_size=32), RMSprop(lr=rates(LANES))
    expected = minimize(problem, optimizer, SEEDS, steps=5, points=6)
    monkeypatch.setattr(loop, "CACHE_FLOATS", cache_floats)
    trace = minimize(problem, optimizer, SEEDS, steps=5, points=6)
    assert different_fields(trace, slice(None), expected) == []


def test_blocks_are_multiples_of_64_and_cover_every_lane_once(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cache_floats in (0, 5000, 1 << 17):
        monkeypatch.setattr(loop, "CACHE_FLOATS", cache_floats)
        size = loop.block_size(problem)
        assert size >= 64
        assert size % 64 == 0
        lanes = np.arange(2 * size + 3)
        blocks = [lanes[block] for block in loop.block_slices(problem, len(lanes))]
        assert [len(block) for block in blocks] == [size, size, 3]
        assert (np.concatenate(blocks) == lanes).all()


def test_permuting_lanes_permutes_the_trace(problem: Problem) -> None:
    order = np.random.default_rng(1).permutation(40)
    optimizer, seeds = RMSprop(lr=rates(40)), np.arange(40) % 3
    straight = minimize(problem, optimizer, seeds, steps=2, points=2)
    permuted = minimize(problem, optimizer.take(order), seeds[order], steps=2, points=2)
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


# --- Progress ---

OVERSHOOTS = "the steepest curvature at the start is above 1000, so a step of 0.01 overshoots ever further"
DOES_NOT_FALL = {("sgd", "rosenbrock"): OVERSHOOTS}
"""(optimizer, problem) -> why the defaults of the one do not suit the other."""


def pairs() -> list[Any]:
    """Return every optimizer case on every problem's defaults, and the reverse, where we chose both."""
    optimizers = [case for case in OPTIMIZER_CASES if case.cls.name in OPTIMIZER_VARIANTS]
    problems = [case for case in PROBLEM_CASES if case.cls.name in PROBLEM_VARIANTS]
    plain = [(a, b) for a in optimizers for b in problems if not a.values or not b.values]
    return [pytest.param(a, b, id=f"{a}-{b}", marks=expected_failure(a, b)) for a, b in plain]


def expected_failure(optimizer: Case, problem: Case) -> list[pytest.MarkDecorator]:
    reason = DOES_NOT_FALL.get((optimizer.cls.name, problem.cls.name))
    return [pytest.mark.xfail(reason=reason, strict=True)] if reason else []


@pytest.mark.parametrize(("optimizer_case", "problem_case"), pairs())
def test_the_loss_falls(optimizer_case: Case, problem_case: Case) -> None:
    trace = minimize(problem_case.make(), optimizer_case.make(), np.array([0, 3]), steps=5, points=2)
    assert (trace.loss[-1] < trace.loss[0]).all()


# --- What is recorded ---


def shapes_of(trace: Trace) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in flat(trace).items()}


def test_every_array_of_the_trace_has_its_documented_shape(problem: Problem) -> None:
    seeds = np.array([0, 3, 7])
    trace = minimize(problem, RMSprop(), seeds, steps=3, points=4, params=True)
    dim = len(problem.instance(seeds).start)
    rows = dict.fromkeys(("loss", "suboptimality", "grad_norm", "distance", *problem.metric_names), (4, 3))
    lanes = dict.fromkeys(("best_loss", "diverged_at", "stalled"), (3,))
    paths = dict.fromkeys(("path", "rate"), (4, dim, 3))
    others = {"step": (4,), "params": (dim, 3), "hits": (len(TARGETS), 3)}
    assert shapes_of(trace) == {**rows, **lanes, **paths, **others}
    assert trace.seconds.shape == (3,)
    assert (trace.seconds > 0).all()


def test_the_path_is_recorded_only_when_asked_for() -> None:
    trace = minimize(QuadraticFit(), RMSprop(), np.array([0]), steps=3)
    assert trace.path is None
    assert trace.rate is None


def test_each_row_is_what_the_problem_says_at_that_row_of_the_path(problem: Problem) -> None:
    seeds = np.resize([0, 3, 7], 64)
    instance = problem.instance(seeds)
    nowhere = np.full_like(instance.start, np.nan)
    minimiser = nowhere if instance.minimiser is None else instance.minimiser
    trace = minimize(problem, RMSprop(), seeds, steps=4, points=3, params=True)
    assert same_bits(trace.path[0], instance.start)
    assert same_bits(trace.path[-1], trace.params)
    for row, params in enumerate(trace.path):
        loss, grads = instance.loss_and_grad(params, None)
        assert same_bits(trace.loss[row], loss)
        assert same_bits(trace.suboptimality[row], np.maximum(loss - instance.minimum, 0))
        np.testing.assert_allclose(trace.grad_norm[row], np.linalg.norm(grads, axis=0), rtol=1e-13)
        distance = np.linalg.norm(params - minimiser, axis=0)
        np.testing.assert_allclose(trace.distance[row], distance, rtol=1e-13)
        for name, values in instance.metrics(params).items():
            assert same_bits(trace.metrics[name][row], values)


def test_the_steps_are_those_of_the_optimizer_on_its_gradients(optimizer: Optimizer) -> None:
    instance = QuadraticFit().instance(np.full(64, 3))
    trace = minimize(QuadraticFit(), optimizer, np.full(64, 3), steps=50, points=51, params=True)
    params = instance.start
    state = optimizer.init(params)
    for row in range(1, 51):
        grads = instance.loss_and_grad(params, row - 1)[1]
        updates, state = optimizer.update(grads, state, params)
        params = params + updates
        assert same_bits(trace.path[row], params)


def test_a_stochastic_step_uses_the_minibatch_of_the_step_before_it() -> None:
    problem = LogisticRegression(data="wine", batch_size=16)
    instance = problem.instance(np.full(64, 3))
    trace = minimize(problem, SGD(lr=0.1), np.full(64, 3), steps=10, points=11, params=True)
    for row in range(1, 11):
        grads = instance.loss_and_grad(trace.path[row - 1], row - 1)[1]
        assert same_bits(trace.path[row], trace.path[row - 1] - 0.1 * grads)


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
        grads = instance.loss_and_grad(trace.path[row - 1], None)[1]
        square_avg = 0.9 * square_avg + 0.1 * grads**2
        np.testing.assert_allclose(trace.rate[row], 0.01 / (np.sqrt(square_avg) + 1e-8), rtol=1e-12)


def test_recording_fewer_steps_changes_none_of_them(problem: Problem) -> None:
    optimizer, seeds = RMSprop(lr=rates(3)), np.array([0, 3, 7])
    every = minimize(problem, optimizer, seeds, steps=4, points=5)
    few = minimize(problem, optimizer, seeds, steps=4, points=3)
    for name in ("loss", "suboptimality", "grad_norm", "distance"):
        assert same_bits(getattr(few, name), getattr(every, name)[few.step])
    for name in ("params", "best_loss", "diverged_at", "stalled", "hits"):
        assert same_bits(getattr(few, name), getattr(every, name))


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short, long = (minimize(QuadraticFit(), RMSprop(), np.arange(3), steps=n, points=n + 1) for n in (40, 80))
    assert same_bits(long.loss[:41], short.loss)
    assert (np.where(long.hits <= 40, long.hits, -1) == short.hits).all()


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


# --- Best loss and hit times ---


def first_hits(suboptimality: np.ndarray) -> np.ndarray:
    """Return what ``hits`` should be, from the suboptimality at every step, lane by lane."""
    hits = np.full((len(TARGETS), suboptimality.shape[1]), -1)
    for lane, values in enumerate(suboptimality.T):
        for rung, target in enumerate(TARGETS):
            reached = [step for step, value in enumerate(values) if value <= target * values[0]]
            hits[rung, lane] = reached[0] if reached else -1
    return hits


def test_hits_and_best_loss_are_those_of_the_full_history(problem: Problem) -> None:
    seeds = np.arange(12) % 4
    trace = minimize(problem, RMSprop(lr=10 * rates(12)), seeds, steps=5, points=6)
    assert (trace.hits == first_hits(trace.suboptimality)).all()
    assert same_bits(trace.best_loss, np.nanmin(trace.loss, axis=0))


def test_every_target_is_found_where_lanes_reach_it_at_different_steps() -> None:
    lr = np.append(np.geomspace(0.005, 0.11, 30), [0.2, 10.0])
    trace = minimize(QuadraticFit(), SGD(lr=lr), np.arange(32), steps=300, points=301)
    assert (trace.hits == first_hits(trace.suboptimality)).all()
    assert all(len(set(reached[reached > 0])) > 5 for reached in trace.hits)
    assert (trace.hits[:, -2:] == -1).all()
    assert same_bits(trace.best_loss, np.nanmin(trace.loss, axis=0))


# --- Divergence ---


def fate(instance: Instance, optimizer: Optimizer, steps: int) -> tuple[int, np.ndarray]:
    """Return when lane 0 stopped being finite, -1 for never, and its last finite parameters."""
    params = instance.start
    state = optimizer.init(params)
    for step in range(1, steps + 1):
        with np.errstate(all="ignore"):
            updates, state = optimizer.update(instance.loss_and_grad(params, None)[1], state, params)
            moved = params + updates
            loss = instance.loss(moved)
        if not (np.isfinite(moved[:, 0]).all() and np.isfinite(loss[0])):
            return step, params[:, 0]
        params = moved
    return -1, params[:, 0]


def test_a_diverged_lane_is_frozen_at_the_right_step_with_nan_from_there() -> None:
    seeds = np.zeros(64, dtype=np.int64)
    optimizer = SGD(lr=np.where(np.arange(64) < 63, 10.0, 0.01))
    trace = minimize(QuadraticFit(), optimizer, seeds, steps=200, points=201, params=True)
    step, last = fate(QuadraticFit().instance(seeds), optimizer, 200)
    assert 1 < step < 200
    assert trace.diverged_at.tolist() == [step] * 63 + [-1]
    assert same_bits(trace.params[:, 0], last)
    measured = [trace.loss, trace.suboptimality, trace.grad_norm, trace.distance, trace.metrics["mse"]]
    for values in [*measured, *trace.path.swapaxes(0, 1)]:
        assert np.isnan(values[step:, :63]).all()
        assert np.isfinite(values[step:, 63]).all()
    assert np.isfinite(trace.loss[:step]).all()
    assert np.isfinite(trace.path[:step]).all()
    assert np.isnan(trace.rate[step:, :, :63]).all()


@pytest.mark.parametrize("name", OPTIMIZER_VARIANTS)
def test_a_diverged_lane_does_not_change_its_neighbours(name: str) -> None:
    lr, seeds = np.array([0.01, 1e300, 0.01, 1e300, 0.02]), np.arange(5)
    mixed = minimize(QuadraticFit(), OPTIMIZERS[name](lr=lr), seeds, steps=50)
    calm = minimize(QuadraticFit(), OPTIMIZERS[name](lr=lr[::2]), seeds[::2], steps=50)
    assert (mixed.diverged_at[1::2] == 1).all()
    assert (calm.diverged_at == -1).all()
    assert different_fields(mixed, slice(None, None, 2), calm) == []


def test_a_run_of_diverged_lanes_ends_with_a_whole_trace() -> None:
    trace = minimize(QuadraticFit(), SGD(lr=1e300), np.arange(3), steps=1000, points=10)
    assert trace.loss.shape == (10, 3)
    assert np.isfinite(trace.loss[0]).all()
    assert np.isnan(trace.loss[1:]).all()
    assert np.isfinite(trace.best_loss).all()


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam"])
def test_without_eps_a_gradient_of_exactly_zero_diverges_at_the_first_step(name: str) -> None:
    problem = LogisticRegression(data="digits")  # some pixels are always blank, and seed 0 starts at zero
    rule = OPTIMIZERS[name](eps=np.array([0.0, 1e-8]))
    trace = minimize(problem, rule, np.zeros(2), steps=3)
    assert trace.diverged_at.tolist() == [1, -1]
    assert trace.loss[-1, 1] < trace.loss[0, 1]
    assert same_bits(trace.params[:, 0], np.zeros(650))


@dataclass(frozen=True, kw_only=True)
class Wall(Problem):
    """x^2 in one dimension, but infinite below zero; the seed decides where a lane begins."""

    floats_per_lane = 1
    metric_names = ()
    starts = (1.0, 0.0, -1.0)

    def instance(self, seeds: np.ndarray) -> Instance:
        return BehindTheWall(np.array(self.starts)[seeds][None, :])


class BehindTheWall(Instance):
    """The function itself."""

    def __init__(self, start: np.ndarray) -> None:
        self.start = start
        self.minimum = np.zeros(start.shape[1])
        self.minimiser = np.zeros_like(start)

    def loss(self, params: np.ndarray) -> np.ndarray:
        return np.where(params[0] < 0, np.inf, params[0] ** 2)

    def loss_and_grad(self, params: np.ndarray, step: int | None) -> tuple[np.ndarray, np.ndarray]:
        return self.loss(params), 2 * params


class Plateau(Wall):
    """The least of x^2 and 1: its loss stays finite wherever x goes."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return OnThePlateau(np.array(self.starts)[seeds][None, :])


class OnThePlateau(BehindTheWall):
    """The function itself."""

    def loss(self, params: np.ndarray) -> np.ndarray:
        return np.minimum(params[0] ** 2, 1)


class Overrated(Wall):
    """The same with a minimum that is too high, as rounding can make it."""

    def instance(self, seeds: np.ndarray) -> Instance:
        instance = super().instance(seeds)
        instance.minimum = np.full(len(seeds), 0.5)
        return instance


class Uncharted(Wall):
    """The same with nothing known about its minimum."""

    def instance(self, seeds: np.ndarray) -> Instance:
        instance = super().instance(seeds)
        instance.minimum, instance.minimiser = np.full(len(seeds), np.nan), None
        return instance


def test_a_diverged_lane_stays_so_even_where_its_formula_would_come_back() -> None:
    # x goes 1, -0.8 (behind the wall), 0.64, ...
    trace = minimize(Wall(), SGD(lr=0.9), np.array([0]), steps=20, points=21)
    assert trace.diverged_at.tolist() == [1]
    assert trace.best_loss.tolist() == [1.0]
    assert (trace.hits == -1).all()
    assert trace.params.tolist() == [[1.0]]
    assert np.isnan(trace.loss[1:]).all()


def test_a_diverged_lane_stays_so_beside_one_that_does_not() -> None:
    trace = minimize(Wall(), SGD(lr=np.array([0.9, 0.1])), np.array([0, 0]), steps=20, points=21)
    assert trace.diverged_at.tolist() == [1, -1]
    assert trace.best_loss[0] == 1
    assert (trace.hits[:, 0] == -1).all()
    assert trace.hits[0, 1] == 6  # 0.8^(2 * 6) is the first power below 0.1


def test_a_lane_diverges_where_its_parameters_do_though_its_loss_does_not() -> None:
    trace = minimize(Plateau(), SGD(lr=np.array([1e308, 0.1])), np.array([0, 0]), steps=3, points=4)
    assert trace.diverged_at.tolist() == [1, -1]
    assert trace.loss[0].tolist() == [1.0, 1.0]
    assert np.isnan(trace.loss[1:, 0]).all()


def test_a_lane_whose_start_is_not_finite_has_diverged_at_step_0() -> None:
    trace = minimize(Wall(), SGD(lr=np.array([0.1, 0.9, 0.1])), np.array([2, 2, 0]), steps=5)
    assert trace.diverged_at.tolist() == [0, 0, -1]
    assert np.isnan(trace.loss[:, :2]).all()
    assert trace.params[0, :2].tolist() == [-1.0, -1.0]
    assert (trace.hits[:, :2] == -1).all()


def test_a_lane_that_starts_at_the_minimum_has_reached_every_target() -> None:
    trace = minimize(Wall(), SGD(), np.array([1, 0]), steps=5)
    assert (trace.hits[:, 0] == 0).all()
    assert trace.best_loss[0] == 0
    assert (trace.hits[:, 1] == -1).all()


def test_several_targets_reached_in_one_step_all_count() -> None:
    # a step multiplies x by 0, 0.2 and 0.1
    trace = minimize(Wall(), SGD(lr=np.array([0.5, 0.4, 0.45])), np.zeros(3), steps=20, points=21)
    assert trace.hits[:, 0].tolist() == [1] * 8
    assert trace.hits[:, 1].tolist() == [1, 2, 3, 3, 4, 5, 6, 6]
    assert (trace.hits == first_hits(trace.suboptimality)).all()


def test_suboptimality_is_never_negative_and_below_the_minimum_every_target_is_reached() -> None:
    trace = minimize(Overrated(), SGD(lr=0.25), np.array([0]), steps=3, points=4)
    assert trace.loss[:, 0].tolist() == [1.0, 0.25, 0.0625, 0.015625]
    assert trace.suboptimality[:, 0].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert trace.hits[:, 0].tolist() == [1] * 8


def test_where_the_minimum_is_unknown_what_counts_from_it_is_nan() -> None:
    trace = minimize(Uncharted(), SGD(), np.array([0, 0]), steps=5)
    assert np.isfinite(trace.loss).all()
    assert np.isnan(trace.suboptimality).all()
    assert np.isnan(trace.distance).all()
    assert (trace.hits == -1).all()


# --- Stalling ---

STEEP = PROBLEMS["quadratic_bowl"](condition=1e200)
FAR = PROBLEMS["rosenbrock"](perturbation=1e60)  # seed 0 begins where it always does
SCALED = QuadraticFit(scale=1e250)
FATES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "rmsprop": [
        ({}, "stalled"),
        ({"momentum": 0.9}, "stalled"),
        ({"beta": 0.0}, "diverged"),  # the next average is 0 times infinity
        ({"centered": True}, "diverged"),  # infinity less infinity
    ],
    "adagrad": [({}, "stalled"), ({"lr_decay": 1.0}, "stalled")],
    "adam": [
        ({}, "stalled"),
        ({"amsgrad": True}, "stalled"),
        ({"decoupled": True, "weight_decay": 0.1}, "stalled"),
    ],
    "sgd": [({}, "diverged"), ({"momentum": 0.9}, "diverged"), ({"lr": 1e-252}, "ok")],
}


def statuses(trace: Trace) -> list[str]:
    assert not (trace.stalled & (trace.diverged_at >= 0)).any()
    ends = np.select([trace.diverged_at >= 0, trace.stalled], ["diverged", "stalled"], "ok")
    return [str(end) for end in ends]


@pytest.mark.parametrize("problem", [STEEP, FAR, SCALED], ids=lambda problem: problem.name)
@pytest.mark.parametrize(
    ("name", "values", "status"),
    [(name, values, status) for name, cases in FATES.items() for values, status in cases],
)
def test_a_lane_whose_gradients_squares_overflow_has_stalled_unless_it_diverged(
    problem: Problem, name: str, values: dict[str, Any], status: str
) -> None:
    trace = minimize(problem, OPTIMIZERS[name](**values), np.array([1, 2]), steps=20, points=2)
    assert statuses(trace) == [status] * 2
    assert np.isfinite(trace.loss[0]).all()
    assert np.isfinite(trace.loss[-1]).tolist() == [status != "diverged"] * 2
    assert np.isfinite(trace.params).all()


def test_a_stalled_lane_stays_where_it_is() -> None:
    trace = minimize(SCALED, RMSprop(), np.array([1]), steps=5, points=6, params=True)
    assert statuses(trace) == ["stalled"]
    assert all(same_bits(row, trace.path[0]) for row in trace.path)
    assert (trace.rate[1:] == 0).all()


def test_one_parameter_that_stands_still_is_enough() -> None:
    trace = minimize(FAR, RMSprop(), np.array([1]), steps=5, points=6, params=True)
    assert statuses(trace) == ["stalled"]
    moved = trace.rate[-1, :, 0] != 0
    assert moved.tolist() == [False, True]


@pytest.mark.parametrize("problem", [QuadraticFit(), FAR])
def test_a_lane_whose_state_is_finite_has_not_stalled(optimizer: Optimizer, problem: Problem) -> None:
    trace = minimize(problem, optimizer, np.array([0, 0]), steps=20)
    assert "stalled" not in statuses(trace)


def test_whether_a_lane_has_stalled_does_not_depend_on_its_company(optimizer_case: Case) -> None:
    optimizer = with_drawn_lanes(optimizer_case, LANES)
    assert different_in_company(FAR, optimizer, steps=5) == []
    ends = np.array(statuses(minimize(FAR, optimizer, SEEDS, steps=5, points=2)))
    assert "stalled" not in ends[SEEDS == 0]
    if optimizer.name in ("rmsprop", "adagrad", "adam"):  # whose state holds squares of gradients
        status = "diverged" if getattr(optimizer, "centered", False) else "stalled"
        assert (ends[SEEDS != 0] == status).mean() > 0.9  # a drawn momentum may carry a lane away


class Trap(Wall):
    """x^2 whose gradient is 1e200 below a tenth; the seed decides where a lane begins."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return InTheTrap(np.array((1.0, 0.05))[seeds][None, :])


class InTheTrap(BehindTheWall):
    """The function itself."""

    def loss_and_grad(self, params: np.ndarray, step: int | None) -> tuple[np.ndarray, np.ndarray]:
        return self.loss(params), np.where(np.abs(params) < 0.1, 1e200, 2 * params)


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam"])
def test_what_a_lane_had_reached_before_it_stalled_counts(name: str) -> None:
    trace = minimize(Trap(), OPTIMIZERS[name](lr=0.05), np.array([0, 1]), steps=300, points=301)
    assert statuses(trace) == ["stalled"] * 2
    assert 0 < trace.hits[0, 0] < trace.hits[1, 0] < 300  # a tenth and a hundredth
    assert (trace.hits[2:, 0] == -1).all()
    assert trace.loss[-1, 0] == trace.best_loss[0] == np.nanmin(trace.loss[:, 0]) < 0.01
    assert (trace.hits[:, 1] == -1).all()


def test_a_lane_stalls_no_sooner_than_its_gradient_overflows() -> None:
    rule = RMSprop(lr=0.05)
    whole = minimize(Trap(), rule, np.array([0]), steps=300, points=301)
    there = int(np.argmax(whole.loss[:, 0] < 0.01))  # the gradient there enters the next state
    ends = [statuses(minimize(Trap(), rule, np.array([0]), steps=steps)) for steps in (there, there + 1)]
    assert ends == [["ok"], ["stalled"]]


@dataclass
class Nested:
    """A state of another form than the rules' own."""

    first: object
    second: object = None


def forms(part: object) -> Iterator[object]:
    yield part
    yield (1, part, None)
    yield [part, np.arange(3)]
    yield {"a": np.zeros(3), "b": (part,)}
    yield Nested(2.5, {"deep": [part]})


BAD = np.array([0.0, np.inf, 0.0])


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (np.zeros((2, 3)), [False, False, False]),
        (BAD, [False, True, False]),
        (np.stack([np.zeros(3), -BAD]), [False, True, False]),
        (np.zeros((4, 2, 3)) + np.array([np.nan, 0, 0]), [True, False, False]),
        (np.inf, [True, True, True]),
        (np.array([[0.0], [np.nan]]), [True, True, True]),
        (np.array([1, 2, 3]), [False, False, False]),
        (10**400, [False, False, False]),
        ("words", [False, False, False]),
    ],
)
def test_a_state_of_any_form_is_looked_through(part: object, expected: list[bool]) -> None:
    assert all(has_overflowed(form, 3).tolist() == expected for form in forms(part))


# --- What is refused ---

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
