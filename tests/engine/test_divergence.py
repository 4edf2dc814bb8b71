"""Lanes that diverge, and lanes that stall."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from contracts import OPTIMIZER_CASES, OPTIMIZER_VARIANTS
from lanes import LANES, SEEDS, SGD, LogisticRegression, QuadraticFit, RMSprop, first_hits

from experiments.contracts import optimizer_runs
from experiments.contracts.bits import different_fields, same_bits
from experiments.contracts.cases import Case, on_matrices, with_drawn_lanes
from experiments.contracts.company import different_in_company
from experiments.engine.minimize import minimize
from experiments.engine.overflow import has_overflowed
from experiments.engine.trace import Trace
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS, Instance, Problem


def fate(instance: Instance, optimizer: Optimizer, steps: int) -> tuple[int, np.ndarray]:
    """Return when lane 0 stopped being finite, -1 for never, and its last finite parameters."""
    params = instance.start
    state = optimizer.init(params)
    for step in range(1, steps + 1):
        with np.errstate(all="ignore"):
            updates, state = optimizer.update(instance.loss_and_grad(params)[1], state, params)
            moved = params + updates
            loss = instance.loss(moved)
        if not (np.isfinite(moved[:, 0]).all() and np.isfinite(loss[0])):
            return step, params[:, 0]
        params = moved
    return -1, params[:, 0]


def test_a_diverged_lane_is_frozen_at_the_right_step_with_nan_from_there(engine: str) -> None:
    seeds = np.zeros(64, dtype=np.int64)
    optimizer = SGD(lr=np.where(np.arange(64) < 63, 10.0, 0.01))
    trace = minimize(QuadraticFit(), optimizer, seeds, steps=200, points=201, params=True, engine=engine)
    step, last = fate(QuadraticFit().instance(seeds), optimizer, 200)
    assert 1 < step < 200
    assert trace.diverged_at.tolist() == [step] * 63 + [-1]
    np.testing.assert_allclose(trace.params[:, 0], last, rtol=0 if engine == "numpy" else 1e-12)
    measured = [trace.loss, trace.suboptimality, trace.grad_norm, trace.distance, trace.metrics["mse"]]
    for values in [*measured, *trace.path.swapaxes(0, 1)]:
        assert np.isnan(values[step:, :63]).all()
        assert np.isfinite(values[step:, 63]).all()
    assert np.isfinite(trace.loss[:step]).all()
    assert np.isfinite(trace.path[:step]).all()
    assert np.isnan(trace.rate[step:, :, :63]).all()


BOUNDS = {"adabound": ("final_lr",), "rprop": ("step_max",)}
"""What bounds the step, whatever the learning rate: it must be as large for a step that diverges."""


STEADY = {
    "adafactor": "no learning rate makes a first step longer than the parameters",
    "muon": "the fit refuses it",
    "soap": "the fit refuses it",
}
"""Rules that cannot diverge at the first step of the fit, and why."""


@pytest.mark.parametrize("name", [name for name in OPTIMIZER_VARIANTS if name not in STEADY])
def test_a_diverged_lane_does_not_change_its_neighbours(name: str) -> None:
    lr, seeds = np.array([0.01, 1e300, 0.01, 1e300, 0.02]), np.arange(5)
    rule = OPTIMIZERS[name](lr=lr, **dict.fromkeys(BOUNDS.get(name, ()), lr))
    mixed = minimize(QuadraticFit(), rule, seeds, steps=50)
    calm = minimize(QuadraticFit(), rule.take(slice(None, None, 2)), seeds[::2], steps=50)
    assert (mixed.diverged_at[1::2] == 1).all()
    assert (calm.diverged_at == -1).all()
    assert different_fields(mixed, slice(None, None, 2), calm) == []


def test_a_run_of_diverged_lanes_ends_with_a_whole_trace(engine: str) -> None:
    trace = minimize(QuadraticFit(), SGD(lr=1e300), np.arange(3), steps=1000, points=10, engine=engine)
    assert trace.loss.shape == (10, 3)
    assert np.isfinite(trace.loss[0]).all()
    assert np.isnan(trace.loss[1:]).all()
    assert np.isfinite(trace.best_loss).all()


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam", "adamax", "nadam", "adan"])
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

    engines = ("numpy", "jax")
    floats_per_lane = 1
    metric_names = ()
    starts = (1.0, 0.0, -1.0)

    def instance(self, seeds: np.ndarray) -> Instance:
        return BehindTheWall(**bounds(np.array(self.starts)[seeds][None, :]))


def bounds(start: np.ndarray) -> dict[str, np.ndarray]:
    return {"start": start, "minimum": np.zeros(start.shape[1]), "minimiser": np.zeros_like(start)}


@dataclass(frozen=True, kw_only=True)
class BehindTheWall(Instance):
    """The function itself."""

    def loss(self, params: np.ndarray) -> np.ndarray:
        xp = array_namespace(params)
        return xp.where(params[0] < 0, xp.inf, params[0] ** 2)

    def loss_and_grad(self, params: np.ndarray, batch: None = None) -> tuple[np.ndarray, np.ndarray]:
        return self.loss(params), 2 * params


class Plateau(Wall):
    """The least of x^2 and 1: its loss stays finite wherever x goes."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return OnThePlateau(**bounds(np.array(self.starts)[seeds][None, :]))


class OnThePlateau(BehindTheWall):
    """The function itself."""

    def loss(self, params: np.ndarray) -> np.ndarray:
        return array_namespace(params).clip(params[0] ** 2, None, 1)


class Overrated(Wall):
    """The same with a minimum that is too high, as rounding can make it."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return replace(super().instance(seeds), minimum=np.full(len(seeds), 0.5))


class Uncharted(Wall):
    """The same with nothing known about its minimum."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return replace(super().instance(seeds), minimum=np.full(len(seeds), np.nan), minimiser=None)


def test_a_diverged_lane_stays_so_even_where_its_formula_would_come_back(engine: str) -> None:
    # x goes 1, -0.8 (behind the wall), 0.64, ...
    trace = minimize(Wall(), SGD(lr=0.9), np.array([0]), steps=20, points=21, engine=engine)
    assert trace.diverged_at.tolist() == [1]
    assert trace.best_loss.tolist() == [1.0]
    assert (trace.hits == -1).all()
    assert trace.params.tolist() == [[1.0]]
    assert np.isnan(trace.loss[1:]).all()


def test_a_diverged_lane_stays_so_beside_one_that_does_not(engine: str) -> None:
    trace = minimize(
        Wall(), SGD(lr=np.array([0.9, 0.1])), np.array([0, 0]), steps=20, points=21, engine=engine
    )
    assert trace.diverged_at.tolist() == [1, -1]
    assert trace.best_loss[0] == 1
    assert (trace.hits[:, 0] == -1).all()
    assert trace.hits[0, 1] == 6  # 0.8^(2 * 6) is the first power below 0.1


def test_a_lane_diverges_where_its_parameters_do_though_its_loss_does_not(engine: str) -> None:
    trace = minimize(
        Plateau(), SGD(lr=np.array([1e308, 0.1])), np.array([0, 0]), steps=3, points=4, engine=engine
    )
    assert trace.diverged_at.tolist() == [1, -1]
    assert trace.loss[0].tolist() == [1.0, 1.0]
    assert np.isnan(trace.loss[1:, 0]).all()


def test_a_lane_whose_start_is_not_finite_has_diverged_at_step_0(engine: str) -> None:
    trace = minimize(Wall(), SGD(lr=np.array([0.1, 0.9, 0.1])), np.array([2, 2, 0]), steps=5, engine=engine)
    assert trace.diverged_at.tolist() == [0, 0, -1]
    assert np.isnan(trace.loss[:, :2]).all()
    assert trace.params[0, :2].tolist() == [-1.0, -1.0]
    assert (trace.hits[:, :2] == -1).all()


def test_a_lane_that_starts_at_the_minimum_has_reached_every_target(engine: str) -> None:
    trace = minimize(Wall(), SGD(), np.array([1, 0]), steps=5, engine=engine)
    assert (trace.hits[:, 0] == 0).all()
    assert trace.best_loss[0] == 0
    assert (trace.hits[:, 1] == -1).all()


def test_several_targets_reached_in_one_step_all_count(engine: str) -> None:
    # a step multiplies x by 0, 0.2 and 0.1
    trace = minimize(
        Wall(), SGD(lr=np.array([0.5, 0.4, 0.45])), np.zeros(3), steps=20, points=21, engine=engine
    )
    assert trace.hits[:, 0].tolist() == [1] * 8
    assert trace.hits[:, 1].tolist() == [1, 2, 3, 3, 4, 5, 6, 6]
    assert (trace.hits == first_hits(trace.suboptimality)).all()


def test_suboptimality_is_never_negative_and_below_the_minimum_every_target_is_reached(engine: str) -> None:
    trace = minimize(Overrated(), SGD(lr=0.25), np.array([0]), steps=3, points=4, engine=engine)
    assert trace.loss[:, 0].tolist() == [1.0, 0.25, 0.0625, 0.015625]
    assert trace.suboptimality[:, 0].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert trace.hits[:, 0].tolist() == [1] * 8


def test_where_the_minimum_is_unknown_what_counts_from_it_is_nan(engine: str) -> None:
    trace = minimize(Uncharted(), SGD(), np.array([0, 0]), steps=5, engine=engine)
    assert np.isfinite(trace.loss).all()
    assert np.isnan(trace.suboptimality).all()
    assert np.isnan(trace.distance).all()
    assert (trace.hits == -1).all()


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
    "adadelta": [({}, "stalled")],
    "adamax": [({}, "ok")],  # without a square
    "nadam": [({}, "stalled"), ({"decoupled": True, "weight_decay": 0.1}, "stalled")],
    "radam": [({}, "diverged"), ({"beta2": 0.5}, "diverged")],  # the first steps are plain momentum
    "adabelief": [({}, "stalled")],
    "adabound": [({}, "diverged"), ({"amsbound": True}, "diverged")],  # the learning rate has a lower bound
    "yogi": [({}, "diverged")],  # infinity less infinity
    "adan": [({}, "stalled"), ({"proximal": True, "weight_decay": 0.1}, "stalled")],
    "lion": [({}, "ok")],
    "signsgd": [({}, "ok"), ({"momentum": 0.9}, "ok")],
    "rprop": [({}, "ok")],
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
    problem: Problem, name: str, values: dict[str, Any], status: str, engine: str
) -> None:
    if engine == "jax" and values == {"centered": True}:
        pytest.skip("a processor that multiplies and adds in one step has no infinity less infinity there")
    trace = minimize(
        problem,
        OPTIMIZERS[name](**values),
        np.array([1, 2]),
        steps=20,
        points=2,
        params=True,  # as elsewhere: one program less to compile
        engine=engine,
    )
    assert statuses(trace) == [status] * 2
    assert np.isfinite(trace.loss[0]).all()
    assert np.isfinite(trace.loss[-1]).tolist() == [status != "diverged"] * 2
    assert np.isfinite(trace.params).all()


def test_a_stalled_lane_stays_where_it_is(engine: str) -> None:
    trace = minimize(SCALED, RMSprop(), np.array([1]), steps=5, points=6, params=True, engine=engine)
    assert statuses(trace) == ["stalled"]
    assert all(same_bits(row, trace.path[0]) for row in trace.path)
    assert (trace.rate[1:] == 0).all()


def test_one_parameter_that_stands_still_is_enough(engine: str) -> None:
    trace = minimize(FAR, RMSprop(), np.array([1]), steps=5, points=6, params=True, engine=engine)
    assert statuses(trace) == ["stalled"]
    moved = trace.rate[-1, :, 0] != 0
    assert moved.tolist() == [False, True]


@pytest.mark.parametrize("problem", [QuadraticFit(), FAR])
def test_a_lane_whose_state_is_finite_has_not_stalled(optimizer: Optimizer, problem: Problem) -> None:
    optimizer_runs.test_a_lane_whose_state_is_finite_has_not_stalled(optimizer, problem)


SQUARES = ("rmsprop", "adagrad", "adam", "adadelta", "nadam", "adabelief", "adan")
"""The rules whose state holds squares of gradients, and that stand still once these are infinite."""


IN_COMPANY = [
    pytest.param(case, engine, id=f"{case}-{engine}")
    for case in OPTIMIZER_CASES
    if not on_matrices(case.cls)  # which one vector is refused by; test_layer_optimizers has what overflows
    for engine in case.cls.engines
    if "numpy" not in case.cls.engines
    or engine == "numpy"
    or case.values not in OPTIMIZER_VARIANTS.get(case.cls.name, [])
]
"""Every case under NumPy; compiled, each optimizer with its defaults, and what runs in no other way."""


@pytest.mark.parametrize(("case", "engine"), IN_COMPANY)
def test_whether_a_lane_has_stalled_does_not_depend_on_its_company(case: Case, engine: str) -> None:
    optimizer = with_drawn_lanes(case, LANES)
    assert different_in_company(FAR, optimizer, steps=5, engine=engine) == []
    ends = np.array(statuses(minimize(FAR, optimizer, SEEDS, steps=5, points=2, params=True, engine=engine)))
    assert "stalled" not in ends[SEEDS == 0]
    if optimizer.name in SQUARES:
        bad = ["diverged", "stalled"] if getattr(optimizer, "centered", False) else ["stalled"]
        assert np.isin(ends[SEEDS != 0], bad).mean() > 0.9  # a drawn momentum may carry a lane away


class Trap(Wall):
    """x^2 whose gradient is 1e200 below a tenth; the seed decides where a lane begins."""

    def instance(self, seeds: np.ndarray) -> Instance:
        return InTheTrap(**bounds(np.array((1.0, 0.05))[seeds][None, :]))


class InTheTrap(BehindTheWall):
    """The function itself."""

    def loss_and_grad(self, params: np.ndarray, batch: None = None) -> tuple[np.ndarray, np.ndarray]:
        xp = array_namespace(params)
        return self.loss(params), xp.where(xp.abs(params) < 0.1, 1e200, 2 * params)


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam"])
def test_what_a_lane_had_reached_before_it_stalled_counts(name: str, engine: str) -> None:
    trace = minimize(
        Trap(), OPTIMIZERS[name](lr=0.05), np.array([0, 1]), steps=300, points=301, engine=engine
    )
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
