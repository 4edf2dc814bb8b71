"""What every problem keeps: its loss and gradient, its minimum, its constants, its YAML file."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy.optimize import minimize as scipy_minimize

from experiments.contracts.bits import same_bits
from experiments.contracts.cases import defaults
from experiments.contracts.seen import LANES, SEEDS, STEP, near_start, seen
from experiments.contracts.values import refused
from experiments.plugins.state import file_of
from problems import PROBLEMS
from problems.base import Choice, Flag, Instance, Numbers, Problem, Text

Allowed = Numbers | Choice | Flag | Text


def rounding(instance: Instance) -> np.ndarray:
    """Return what two ways of summing the loss near its minimum may differ by, shape (lanes,)."""
    return 1e-14 * np.abs(instance.minimum)


def test_a_class_knows_the_name_it_is_registered_under(problem_class: type[Problem]) -> None:
    assert PROBLEMS[problem_class.name] is problem_class


def test_start_minimum_and_minimiser_are_float64_of_their_shapes(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    dim = len(instance.start)
    assert instance.start.shape == (dim, LANES)
    assert instance.minimum.shape == (LANES,)
    assert instance.minimiser is None or instance.minimiser.shape == (dim, LANES)
    arrays = [instance.start, instance.minimum, instance.minimiser]
    assert all(array.dtype == np.float64 for array in arrays if array is not None)
    assert np.isfinite(instance.start).all()
    assert np.isfinite(instance.minimum).all()


@pytest.mark.parametrize("step", [None, 0, STEP])
def test_loss_and_gradient_are_float64_of_their_shapes(problem: Problem, step: int | None) -> None:
    instance = problem.instance(SEEDS)
    loss, grads = seen(problem, instance, instance.start, step)
    assert (loss.shape, grads.shape) == ((LANES,), instance.start.shape)
    assert loss.dtype == grads.dtype == np.float64
    assert grads.flags.c_contiguous


def test_metrics_are_the_declared_ones_one_number_a_lane(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    metrics = instance.metrics(instance.start)
    assert tuple(metrics) == problem.metric_names
    assert all(values.shape == (LANES,) and np.isfinite(values).all() for values in metrics.values())


def test_the_working_set_of_a_lane_is_a_positive_number(problem: Problem) -> None:
    assert problem.floats_per_lane > 0


def test_nothing_is_mutated_and_the_same_question_has_the_same_answer(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    kept = [params.copy(), instance.start.copy(), SEEDS.copy()]
    first, second = (
        (
            instance.loss(params),
            *seen(problem, instance, params, STEP),
            *instance.metrics(params).values(),
        )
        for _ in range(2)
    )
    assert all(map(same_bits, first, second))
    assert all(map(same_bits, [params, instance.start, SEEDS], kept))


def test_the_loss_is_what_comes_with_the_gradient_on_all_data(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    alone, beside = instance.loss(params), instance.loss_and_grad(params)[0]
    np.testing.assert_allclose(alone, beside, rtol=1e-12 if problem.engines == ("jax",) else 0)


def test_a_step_sees_all_data_unless_the_problem_has_batches(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    full, at_step = (seen(problem, instance, params, step) for step in (None, STEP))
    assert same_bits(full[1], at_step[1]) == (problem.batch(SEEDS, STEP) is None)
    assert same_bits(full[0], at_step[0]) == (problem.batch(SEEDS, STEP) is None or instance.loss_is_exact)


def test_batches_of_many_steps_are_those_of_each_step_and_of_each_seed(problem: Problem) -> None:
    together = problem.batches(SEEDS, STEP, 40)
    if together is None:
        pytest.skip("steps see all data")
    assert together.shape[0] == 40
    assert together.shape[-1] == LANES
    for step in (0, 39):
        assert same_bits(together[step], problem.batch(SEEDS, STEP + step))
        assert same_bits(together[step][..., [2]], problem.batch(SEEDS[[2]], STEP + step))


def test_what_a_lane_gets_depends_on_its_own_seed_only(problem: Problem) -> None:
    together, alone = problem.instance(SEEDS), problem.instance(np.array([7]))
    lanes = np.flatnonzero(SEEDS == 7)
    for lane in lanes:
        assert same_bits(together.start[:, [lane]], alone.start)
        assert same_bits(together.minimum[[lane]], alone.minimum)
        if alone.minimiser is not None and together.minimiser is not None:
            assert same_bits(together.minimiser[:, [lane]], alone.minimiser)


@pytest.mark.parametrize("step", [None, STEP])
def test_a_lane_has_the_same_loss_and_gradient_in_any_company_of_64(
    problem: Problem, step: int | None
) -> None:
    lane = 2
    same = np.full(LANES, SEEDS[lane])
    mixed, uniform = problem.instance(SEEDS), problem.instance(same)
    params = near_start(mixed)
    others = np.roll(params, 5, axis=1)
    others[:, -1] = params[:, lane]
    loss, grads = seen(problem, mixed, params, step)
    other_loss, other_grads = seen(problem, uniform, others, step, same)
    assert same_bits(loss[lane], other_loss[-1])
    assert same_bits(grads[:, lane], other_grads[:, -1])


def test_a_seed_starts_where_it_starts(problem_class: type[Problem]) -> None:
    start = problem_class().instance(np.array([1, 2, 1])).start
    assert same_bits(start[:, 0], start[:, 2])


def unit_directions(dim: int, rng: np.random.Generator) -> np.ndarray:
    """Return directions of length 1, shape (dim, LANES): single coordinates first, then any."""
    directions = rng.standard_normal((dim, LANES))
    single = rng.permutation(dim)[: LANES // 2]
    directions[:, : len(single)] = np.eye(dim)[:, single]
    unit: np.ndarray = directions / np.linalg.norm(directions, axis=0)
    return unit


def test_the_gradient_is_the_slope_of_the_loss(problem: Problem, gradient_at: int | None) -> None:
    step, seeds = gradient_at, np.full(LANES, 3)
    instance = problem.instance(seeds)
    rng = np.random.default_rng(1)
    point = instance.start[:, :1] + 0.3 * rng.standard_normal((len(instance.start), 1))
    params, directions = np.repeat(point, LANES, axis=1), unit_directions(len(point), rng)
    h = 1e-4
    beyond, before, far, back = (
        seen(problem, instance, params + k * h * directions, step, seeds)[0] for k in (1, -1, 2, -2)
    )
    slope = (8 * (beyond - before) - (far - back)) / (12 * h)  # exact but for terms in h^4
    expected = (seen(problem, instance, params, step, seeds)[1] * directions).sum(axis=0)
    np.testing.assert_allclose(slope, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


SQUARES_OF_ROUNDING = {"dixon_price": 1e-29}
"""Problem -> the most that its loss is above 0 at its minimiser, whose coordinates are no float64."""


def known_minimiser(instance: Instance) -> np.ndarray:
    if instance.minimiser is None:
        pytest.skip("no minimiser is known")
    return instance.minimiser


def test_the_minimum_is_the_loss_at_the_minimiser(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    at_minimiser = instance.loss(known_minimiser(instance))
    allowed = rounding(instance) + SQUARES_OF_ROUNDING.get(problem.name, 0.0)
    assert (np.abs(at_minimiser - instance.minimum) <= allowed).all()


def test_the_gradient_vanishes_at_the_minimiser(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    grads = instance.loss_and_grad(known_minimiser(instance))[1]
    assert (np.linalg.norm(grads, axis=0) < 1e-10).all()


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e-2, 1.0, 100.0])
def test_no_random_point_beats_the_minimum(problem: Problem, scale: float) -> None:
    instance = problem.instance(SEEDS)
    for center in (instance.start, instance.start if instance.minimiser is None else instance.minimiser):
        noise = np.random.default_rng(2).standard_normal(center.shape)
        assert not (instance.loss(center + scale * noise) < instance.minimum - rounding(instance)).any()


@pytest.mark.parametrize("seed", [0, 3])
def test_no_solver_beats_the_minimum(problem: Problem, seed: int) -> None:
    # with data to sum over one lane costs less; without, the width that has been compiled for other tests
    lanes = LANES if getattr(problem, "examples", None) is None else 1
    instance = problem.instance(np.full(lanes, seed))

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        loss, grads = instance.loss_and_grad(np.repeat(params[:, None], lanes, axis=1))
        return float(loss[0]), grads[:, 0]

    start = instance.start[:, 0]
    found = scipy_minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    assert found.fun < objective(start)[0]
    assert not (found.fun < instance.minimum - rounding(instance)).any()


def test_loss_and_gradient_are_finite_at_large_parameters(problem: Problem, far_out: float) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance, far_out)
    for step in (None, STEP):
        loss, grads = seen(problem, instance, params, step)
        assert np.isfinite(loss).all()
        assert np.isfinite(grads).all()
        assert not (loss < instance.minimum).any()


def invalid_values(allowed: Allowed) -> list[Any]:
    """Return values that the declaration excludes, the nearest ones first."""
    if isinstance(allowed, Choice):
        return ["nonsense", "", allowed.words[0].upper(), None, 1, True]
    if isinstance(allowed, Flag):
        return [0, 1.0, "true", None, [True]]
    if isinstance(allowed, Text):
        return ["", "a\nb", "a" * 1001, 1.5, True, ["a"], *([] if allowed.optional else [None])]
    below, above = np.nextafter(allowed.low, -np.inf), np.nextafter(allowed.high, np.inf)
    whole = [allowed.low - 1, allowed.low + 0.5] if allowed.integer else []
    absent = [] if allowed.optional else [None]
    not_numbers = ["1", True, np.True_, [1], 1j]
    return [*whole, float(below), float(above), np.inf, -np.inf, np.nan, *not_numbers, *absent]


def test_a_constant_that_is_not_allowed_is_named_with_what_is(problem_class: type[Any]) -> None:
    cls = problem_class
    for name, allowed in ((spec.name, spec.metadata["allowed"]) for spec in fields(cls)):
        for value in invalid_values(allowed):
            message = refused(cls, **{name: value})
            assert message == f"{cls.__name__}: {name} must be {allowed}, got {value!r}"


def test_the_defaults_are_allowed(problem_class: type[Problem]) -> None:
    for spec in fields(problem_class):
        assert spec.metadata["allowed"].allows(spec.default)
        assert getattr(problem_class(), spec.name) == spec.default


def test_constants_cannot_be_changed(problem_class: type[Problem]) -> None:
    problem = problem_class()
    for spec in fields(problem):
        with pytest.raises(FrozenInstanceError):
            setattr(problem, spec.name, 1)


def test_the_file_holds_the_name_and_every_constant_at_its_default(problem_class: type[Problem]) -> None:
    written = OmegaConf.to_container(OmegaConf.load(file_of("problem", problem_class.name)))
    assert written == {"name": problem_class.name, **defaults(problem_class)}
