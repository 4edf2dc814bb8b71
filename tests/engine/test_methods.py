"""What is around an optimizer in the loops: schedules, and parts that are on in some lanes only."""

from typing import Any

import numpy as np
import pytest

from experiments.contracts.bits import different_fields
from experiments.engine.minimize import minimize
from optim import OPTIMIZERS, SGD, Adam, RMSprop
from optim.base import Optimizer
from optim.method import Method, NoLearningRate
from optim.schedules import SCHEDULES
from optim.schedules.constant import Constant
from optim.schedules.cosine import Cosine
from optim.wrapper import Wrapper
from problems import PROBLEMS, LogisticRegression, QuadraticFit

LANES, STEPS = 70, 40
SEEDS = np.arange(LANES) % 5
SOME_OFF = Wrapper(
    clip_norm=np.resize([0.0, 1.0, 0.5], LANES),
    clip_value=np.resize([0.0, 0.2], LANES),
    decoupled_decay=np.resize([0.1, 0.0, 0.0, 0.0], LANES),
    averaging=np.resize([0.0, 0.0, 0.0, 0.9], LANES),
)


def run(problem: Any, optimizer: Any, seeds: np.ndarray, **how: Any) -> Any:
    return minimize(problem, optimizer, seeds, **{"steps": STEPS, "points": 10, **how})


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_multiplies_the_learning_rate_of_each_step(name: str, engine: str) -> None:
    schedule = SCHEDULES[name](warmup=0.2)
    trace = run(QuadraticFit(), SGD(lr=0.05), SEEDS[:1], schedule=schedule, engine=engine)
    instance = QuadraticFit().instance(SEEDS[:1])
    params = instance.start
    for step in range(STEPS):
        params = params - 0.05 * schedule.factor(step, STEPS) * instance.loss_and_grad(params)[1]
    np.testing.assert_allclose(trace.params, params, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_lane_has_its_bits_in_any_company_of_schedules_and_wrappers(engine: str, dtype: str) -> None:
    optimizer = Adam(lr=np.geomspace(1e-3, 0.1, LANES), weight_decay=0.01)
    schedule = Cosine(warmup=np.resize([0.0, 0.1], LANES), final=np.linspace(0, 1, LANES))
    how = {"engine": engine, "dtype": dtype, "params": True}
    whole = run(QuadraticFit(), optimizer, SEEDS, schedule=schedule, wrapper=SOME_OFF, **how)
    for lanes in ([0], [1, 2, 7], [3], list(range(30, 70))):
        method = Method(optimizer, schedule, SOME_OFF).take(lanes)
        around = {"schedule": method.schedule, "wrapper": method.wrapper}
        part = run(QuadraticFit(), method.optimizer, SEEDS[lanes], **around, **how)
        assert different_fields(whole, lanes, part) == []


def test_a_lane_with_minibatches_has_its_bits_in_any_company(engine: str) -> None:
    problem = LogisticRegression(data="wine", batch_size=16)
    whole = run(problem, Adam(), SEEDS, wrapper=SOME_OFF, engine=engine)
    for lanes in ([3], [0, 5]):
        part = run(problem, Adam(), SEEDS[lanes], wrapper=SOME_OFF.take(lanes), engine=engine)
        assert different_fields(whole, lanes, part) == []


def test_what_is_off_leaves_the_bits_as_they_are(engine: str) -> None:
    plain = run(QuadraticFit(), RMSprop(), SEEDS, engine=engine)
    off = run(QuadraticFit(), RMSprop(), SEEDS, engine=engine, schedule=Constant(), wrapper=Wrapper())
    assert different_fields(plain, slice(None), off) == []
    mixed = run(QuadraticFit(), RMSprop(), SEEDS, engine=engine, wrapper=SOME_OFF)
    without = (SOME_OFF.clip_norm == 0) & (SOME_OFF.clip_value == 0)
    without &= (SOME_OFF.decoupled_decay == 0) & (SOME_OFF.averaging == 0)
    lanes = np.flatnonzero(without)
    assert len(lanes) > 3
    alone = run(QuadraticFit(), RMSprop(), SEEDS[lanes], engine=engine)
    assert different_fields(mixed, lanes, alone) == []


def test_lanes_are_cut_into_those_with_the_same_parts_on() -> None:
    cut = Method(RMSprop(), wrapper=SOME_OFF).alike(LANES)
    assert sorted(np.concatenate(cut).tolist()) == list(range(LANES))
    for lanes in cut:
        for name in Wrapper.hyperparameters():
            assert len(np.unique(np.sign(getattr(SOME_OFF, name)[lanes]))) == 1
    assert len(Method(RMSprop(lr=np.linspace(1, 2, LANES))).alike(LANES)) == 1


def test_the_engines_agree_on_a_method(engine: str) -> None:
    how = {"schedule": SCHEDULES["one_cycle"](), "wrapper": SOME_OFF, "steps": 100}
    one, other = (run(QuadraticFit(), Adam(lr=0.05), SEEDS, engine=e, **how) for e in ("numpy", "jax"))
    np.testing.assert_allclose(other.params, one.params, rtol=1e-9)
    assert (one.hits == other.hits).all()


def test_the_average_is_what_is_evaluated_recorded_and_returned(engine: str) -> None:
    problem, seeds = QuadraticFit(), SEEDS[:3]
    plain = run(problem, SGD(lr=0.1), seeds, engine=engine, points=STEPS + 1, params=True)
    mean = run(
        problem,
        SGD(lr=0.1),
        seeds,
        engine=engine,
        points=STEPS + 1,
        params=True,
        wrapper=Wrapper(averaging=0.8),
    )
    average = plain.path[0]
    for step in range(1, STEPS + 1):
        average = 0.8 * average + 0.2 * plain.path[step]
        np.testing.assert_allclose(mean.path[step], average, rtol=1e-12)
    instance = problem.instance(seeds)
    loss, grads = instance.loss_and_grad(average)
    np.testing.assert_allclose(mean.loss[-1], loss, rtol=1e-12)
    np.testing.assert_allclose(mean.grad_norm[-1], np.linalg.norm(grads, axis=0), rtol=1e-9)
    np.testing.assert_allclose(mean.params, average, rtol=1e-12)
    np.testing.assert_allclose(mean.best_loss, np.nanmin(mean.loss, axis=0), rtol=1e-14)


def test_a_diverging_lane_keeps_its_last_finite_average(engine: str) -> None:
    rule, seeds = SGD(lr=np.array([0.1, 1e3])), SEEDS[:2]
    trace = run(QuadraticFit(), rule, seeds, engine=engine, steps=400, wrapper=Wrapper(averaging=0.9))
    assert trace.diverged_at[0] == -1
    assert trace.diverged_at[1] > 0
    assert np.isfinite(trace.params).all()


@pytest.mark.parametrize("problem", ["quadratic", "logistic"])
def test_a_number_around_all_lanes_is_an_array_of_equal_numbers(problem: str, engine: str) -> None:
    made = PROBLEMS[problem]()
    one = run(made, SGD(), SEEDS, wrapper=Wrapper(clip_norm=0.3), schedule=Cosine(final=0.1), engine=engine)
    many = run(
        made,
        SGD(lr=np.full(LANES, SGD().lr)),
        SEEDS,
        wrapper=Wrapper(clip_norm=np.full(LANES, 0.3)),
        schedule=Cosine(final=np.full(LANES, 0.1)),
        engine=engine,
    )
    assert different_fields(one, slice(None), many) == []


def test_lengths_that_differ_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"Cosine: final has shape \(3,\), but seeds have \(70,\)"):
        run(QuadraticFit(), SGD(), SEEDS, schedule=Cosine(final=np.zeros(3)))
    with pytest.raises(ValueError, match=r"Wrapper: averaging has shape \(2,\), but seeds have \(70,\)"):
        run(QuadraticFit(), SGD(), SEEDS, wrapper=Wrapper(averaging=np.zeros(2)))


class Still(SGD):
    """A rule that has no field of the name that a learning rate has by itself."""

    rate = "step"


@pytest.mark.parametrize("rule", [OPTIMIZERS["rprop"](), Still()], ids=lambda rule: type(rule).__name__)
def test_a_schedule_of_a_rule_without_a_rate_is_refused(rule: Optimizer) -> None:
    for schedule in (SCHEDULES["cosine"](), SCHEDULES["constant"](warmup=0.1)):
        with pytest.raises(NoLearningRate, match=f"schedule={schedule.name} changes the learning rate"):
            Method(rule, schedule)
    with pytest.raises(NoLearningRate, match=r"optimizer\.decoupled_decay changes"):
        Method(rule, SCHEDULES["constant"](), Wrapper(decoupled_decay=0.1))
    assert not Method(rule).is_scheduled
