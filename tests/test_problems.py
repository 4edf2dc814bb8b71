"""Every registered problem: its contract, its independent oracle, its YAML file."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import PROBLEM_CASES, PROBLEM_VARIANTS, Case, defaults, same_bits
from omegaconf import OmegaConf
from scipy.optimize import minimize as scipy_minimize
from scipy.optimize import rosen, rosen_der
from scipy.special import logsumexp

from problems import PROBLEMS, Choice, Instance, Numbers, Problem, register
from problems.base import Flag

CONF = Path(__file__).parents[1] / "conf" / "problem"
LANES = 64
SEEDS = np.resize([0, 3, 7, 3], LANES)
STEP = 3


def near_start(instance: Instance, scale: float = 1.0) -> np.ndarray:
    """Return parameters around the start, shape (dim, lanes)."""
    noise = np.random.default_rng(0).standard_normal(instance.start.shape)
    return instance.start + scale * noise


def rounding(instance: Instance) -> np.ndarray:
    """Return what two ways of summing the loss near its minimum may differ by, shape (lanes,)."""
    return 1e-14 * np.abs(instance.minimum)


# --- The registry ---


def test_the_registry_holds_the_three_problems_under_the_names_a_user_types() -> None:
    assert {"quadratic", "logistic", "rosenbrock"} <= PROBLEMS.keys()


def test_a_class_knows_the_name_it_is_registered_under(problem_class: type[Problem]) -> None:
    assert PROBLEMS[problem_class.name] is problem_class


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'quadratic' is taken by QuadraticFit"):
        register("quadratic")(PROBLEMS["rosenbrock"])


# --- Shapes and purity ---


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
    loss, grads = instance.loss_and_grad(instance.start, step)
    assert (loss.shape, loss.dtype) == ((LANES,), np.float64)
    assert (grads.shape, grads.dtype) == (instance.start.shape, np.float64)
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
    first = (instance.loss(params), *instance.loss_and_grad(params, STEP), *instance.metrics(params).values())
    second = (
        instance.loss(params),
        *instance.loss_and_grad(params, STEP),
        *instance.metrics(params).values(),
    )
    assert all(map(same_bits, first, second))
    assert all(map(same_bits, [params, instance.start, SEEDS], kept))


def test_the_loss_is_what_comes_with_the_gradient_on_all_data(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    assert same_bits(instance.loss(params), instance.loss_and_grad(params, None)[0])


def test_a_step_sees_all_data_unless_the_instance_says_that_it_is_stochastic(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    full, at_step = (instance.loss_and_grad(params, step)[1] for step in (None, STEP))
    assert same_bits(full, at_step) == (not instance.stochastic)


# --- Seeds ---


def test_what_a_lane_gets_depends_on_its_own_seed_only(problem: Problem) -> None:
    together, alone = problem.instance(SEEDS), problem.instance(np.array([7]))
    lanes = np.flatnonzero(SEEDS == 7)
    for lane in lanes:
        assert same_bits(together.start[:, [lane]], alone.start)
        assert same_bits(together.minimum[[lane]], alone.minimum)
        if alone.minimiser is not None:
            assert same_bits(together.minimiser[:, [lane]], alone.minimiser)


@pytest.mark.parametrize("step", [None, STEP])
def test_a_lane_has_the_same_loss_and_gradient_in_any_company_of_64(
    problem: Problem, step: int | None
) -> None:
    lane = 2
    mixed, uniform = problem.instance(SEEDS), problem.instance(np.full(LANES, SEEDS[lane]))
    params = near_start(mixed)
    others = np.roll(params, 5, axis=1)
    others[:, -1] = params[:, lane]
    loss, grads = mixed.loss_and_grad(params, step)
    other_loss, other_grads = uniform.loss_and_grad(others, step)
    assert same_bits(loss[lane], other_loss[-1])
    assert same_bits(grads[:, lane], other_grads[:, -1])


def test_a_seed_starts_where_it_starts(problem_class: type[Problem]) -> None:
    start = problem_class().instance(np.array([1, 2, 1])).start
    assert same_bits(start[:, 0], start[:, 2])


@pytest.mark.parametrize("name", PROBLEM_VARIANTS)
def test_two_seeds_start_apart(name: str) -> None:
    start = PROBLEMS[name]().instance(np.array([1, 2])).start
    assert (start[:, 0] != start[:, 1]).any()


# --- Gradients and minima ---


NOISE = "the noise is on the gradient only: no loss has it as its slope"
NOT_THE_SLOPE = {("quadratic_bowl(grad_noise=1.0)", STEP): NOISE}
"""(problem case, step) -> why differences of the loss are not the gradient."""


def gradients() -> list[Any]:
    """Return every problem case with all data and with one step's."""
    return [
        pytest.param(
            case, step, id=f"{case}-{step}", marks=expected_failure(NOT_THE_SLOPE.get((str(case), step)))
        )
        for case in PROBLEM_CASES
        for step in (None, STEP)
    ]


def expected_failure(reason: str | None) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=reason, strict=True)] if reason else []


def unit_directions(dim: int, rng: np.random.Generator) -> np.ndarray:
    """Return directions of length 1, shape (dim, LANES): single coordinates first, then any."""
    directions = rng.standard_normal((dim, LANES))
    single = rng.permutation(dim)[: LANES // 2]
    directions[:, : len(single)] = np.eye(dim)[:, single]
    return directions / np.linalg.norm(directions, axis=0)


@pytest.mark.parametrize(("case", "step"), gradients())
def test_the_gradient_is_the_slope_of_the_loss(case: Case, step: int | None) -> None:
    instance = case.make().instance(np.full(LANES, 3))
    rng = np.random.default_rng(1)
    point = instance.start[:, :1] + 0.3 * rng.standard_normal((len(instance.start), 1))
    params, directions = np.repeat(point, LANES, axis=1), unit_directions(len(point), rng)
    h = 1e-4
    beyond, before, far, back = (
        instance.loss_and_grad(params + k * h * directions, step)[0] for k in (1, -1, 2, -2)
    )
    slope = (8 * (beyond - before) - (far - back)) / (12 * h)  # exact but for terms in h^4
    expected = (instance.loss_and_grad(params, step)[1] * directions).sum(axis=0)
    np.testing.assert_allclose(slope, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


def known_minimiser(instance: Instance) -> np.ndarray:
    if instance.minimiser is None:
        pytest.skip("no minimiser is known")
    return instance.minimiser


def test_the_minimum_is_the_loss_at_the_minimiser(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    at_minimiser = instance.loss(known_minimiser(instance))
    assert (np.abs(at_minimiser - instance.minimum) <= rounding(instance)).all()


def test_the_gradient_vanishes_at_the_minimiser(problem: Problem) -> None:
    instance = problem.instance(SEEDS)
    grads = instance.loss_and_grad(known_minimiser(instance), None)[1]
    assert (np.linalg.norm(grads, axis=0) < 1e-10).all()


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e-2, 1.0, 100.0])
def test_no_random_point_beats_the_minimum(problem: Problem, scale: float) -> None:
    instance = problem.instance(SEEDS)
    for center in (instance.start, instance.start if instance.minimiser is None else instance.minimiser):
        noise = np.random.default_rng(2).standard_normal(center.shape)
        assert not (instance.loss(center + scale * noise) < instance.minimum - rounding(instance)).any()


@pytest.mark.parametrize("seed", [0, 3])
def test_no_solver_beats_the_minimum(problem: Problem, seed: int) -> None:
    instance = problem.instance(np.array([seed]))

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        loss, grads = instance.loss_and_grad(params[:, None], None)
        return float(loss[0]), grads[:, 0]

    start = instance.start[:, 0]
    found = scipy_minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    assert found.fun < objective(start)[0]
    assert not (found.fun < instance.minimum - rounding(instance)).any()


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e12, 1e50])
def test_loss_and_gradient_are_finite_at_large_parameters(problem: Problem, scale: float) -> None:
    instance = problem.instance(SEEDS)
    params = near_start(instance, scale)
    for step in (None, STEP):
        loss, grads = instance.loss_and_grad(params, step)
        assert np.isfinite(loss).all()
        assert np.isfinite(grads).all()
        assert not (loss < instance.minimum).any()


# --- Constants ---


def invalid_values(allowed: Numbers | Choice | Flag) -> list[Any]:
    """Return values that the declaration excludes, the nearest ones first."""
    if isinstance(allowed, Choice):
        return ["nonsense", "", allowed.words[0].upper(), None, 1, True]
    if isinstance(allowed, Flag):
        return [0, 1.0, "true", None, [True]]
    below, above = np.nextafter(allowed.low, -np.inf), np.nextafter(allowed.high, np.inf)
    whole = [allowed.low - 1, allowed.low + 0.5] if allowed.integer else []
    absent = [] if allowed.optional else [None]
    not_numbers = ["1", True, np.True_, [1], 1j]
    return [*whole, float(below), float(above), np.inf, -np.inf, np.nan, *not_numbers, *absent]


CONSTANTS = [
    pytest.param(cls, spec.name, spec.metadata["allowed"], id=f"{key}.{spec.name}")
    for key, cls in PROBLEMS.items()
    for spec in fields(cls)
]


def message_of(make: Callable[[], Any]) -> str:
    with pytest.raises(ValueError, match=": ") as error:
        make()
    return str(error.value)


@pytest.mark.parametrize(("cls", "name", "allowed"), CONSTANTS)
def test_a_constant_that_is_not_allowed_is_named_with_what_is(
    cls: type[Problem], name: str, allowed: Numbers | Choice | Flag
) -> None:
    for value in invalid_values(allowed):
        message = message_of(lambda value=value: cls(**{name: value}))
        assert message == f"{cls.__name__}: {name} must be {allowed}, got {value!r}"


@pytest.mark.parametrize(("cls", "name", "allowed"), CONSTANTS)
def test_the_default_is_allowed(cls: type[Problem], name: str, allowed: Numbers | Choice | Flag) -> None:
    assert allowed.allows(defaults(cls)[name])
    assert getattr(cls(), name) == defaults(cls)[name]


ERRORS = [
    ("rosenbrock", {"dim": 1}, "Rosenbrock: dim must be an integer in [2, 100000], got 1"),
    ("rosenbrock", {"dim": 2.0}, "Rosenbrock: dim must be an integer in [2, 100000], got 2.0"),
    ("quadratic", {"noise": -1}, "QuadraticFit: noise must be a number in [0, inf), got -1"),
    ("quadratic", {"a": "2"}, "QuadraticFit: a must be a number in (-inf, inf), got '2'"),
    (
        "quadratic",
        {"low": 1.0, "high": 1.0},
        "QuadraticFit: low must be below high, got low=1.0, high=1.0",
    ),
    (
        "logistic",
        {"data": "iris"},
        "LogisticRegression: data must be one of breast_cancer, digits, wine, got 'iris'",
    ),
    (
        "logistic",
        {"batch_size": 0},
        "LogisticRegression: batch_size must be an integer in [1, inf), or null, got 0",
    ),
    (
        "logistic",
        {"batch_size": 134, "data": "wine"},
        "LogisticRegression: batch_size must be at most 133, the training examples of wine, got 134",
    ),
    (
        "logistic",
        {"test_size": 0.99},
        "LogisticRegression: test_size must be a number in [0.05, 0.95], got 0.99",
    ),
]


@pytest.mark.parametrize(("name", "values", "message"), ERRORS)
def test_a_bad_value_gets_this_very_message(name: str, values: dict[str, Any], message: str) -> None:
    assert message_of(lambda: PROBLEMS[name](**values)) == message


def test_constants_cannot_be_changed(problem_class: type[Problem]) -> None:
    problem = problem_class()
    for spec in fields(problem):
        with pytest.raises(FrozenInstanceError):
            setattr(problem, spec.name, 1)


# --- The YAML files ---


def test_every_problem_has_a_file_and_every_file_a_problem() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(PROBLEMS)


def test_the_file_holds_the_name_and_every_constant_at_its_default(problem_class: type[Problem]) -> None:
    written = OmegaConf.to_container(OmegaConf.load(CONF / f"{problem_class.name}.yaml"))
    assert written == {"name": problem_class.name, **defaults(problem_class)}


# --- Independent oracles ---


@pytest.mark.parametrize("seed", [0, 5])
def test_quadratic_is_half_the_mean_squared_error_of_the_articles_data(seed: int) -> None:
    rng = np.random.RandomState(seed)
    x = np.linspace(-3, 3, 100)
    y = 2 * x**2 + 3 * x + 4 + rng.normal(0, 0.5, 100)
    start = rng.randn(3)
    instance = PROBLEMS["quadratic"]().instance(np.full(LANES, seed))
    params = near_start(instance)
    residual = params[0] * x[:, None] ** 2 + params[1] * x[:, None] + params[2] - y[:, None]
    mse = (residual**2).mean(axis=0)
    by_hand = np.array([(residual * factor[:, None]).mean(axis=0) for factor in (x**2, x, np.ones(100))])
    assert same_bits(instance.start[:, 0], start)
    np.testing.assert_allclose(instance.loss(params), mse / 2, rtol=1e-12)
    np.testing.assert_allclose(instance.metrics(params)["mse"], mse, rtol=1e-12)
    np.testing.assert_allclose(instance.loss_and_grad(params, None)[1], by_hand, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(instance.minimiser[:, 0], np.polyfit(x, y, 2), rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_rosenbrock_is_scipys(dim: int) -> None:
    instance = PROBLEMS["rosenbrock"](dim=dim).instance(np.arange(LANES))
    params = near_start(instance)
    loss, grads = instance.loss_and_grad(params, None)
    np.testing.assert_allclose(loss, rosen(params), rtol=1e-13)
    np.testing.assert_allclose(grads, rosen_der(params), rtol=1e-12, atol=1e-10)


def test_rosenbrock_starts_from_the_classic_point_which_a_seed_perturbs() -> None:
    start = PROBLEMS["rosenbrock"](dim=5, perturbation=0.1).instance(np.arange(500)).start
    assert start[:, 0].tolist() == [-1.2, 1.0, -1.2, 1.0, -1.2]
    offset = start[:, 1:] - start[:, :1]
    assert abs(offset.mean()) < 0.01
    assert abs(offset.std() - 0.1) < 0.01


def cross_entropy(problem: Any, params: np.ndarray) -> np.ndarray:
    """Return the objective by SciPy's logsumexp, shape (lanes,), one example after the other."""
    x, y = problem.split.x_train, problem.split.y_train
    total = np.zeros(params.shape[1])
    for row, label in zip(x, y, strict=True):
        logits = np.tensordot(row, params.reshape(len(row), -1, params.shape[1]), axes=1)
        if len(logits) == 1:  # two classes: the other logit is zero
            logits = np.vstack([np.zeros_like(logits), logits])
        total += logsumexp(logits, axis=0) - logits[label]
    return total / len(y) + problem.l2 / 2 * (params**2).sum(axis=0)


@pytest.mark.parametrize("data", ["breast_cancer", "wine"])
@pytest.mark.parametrize("scale", [0.1, 1e3])
def test_logistic_is_the_mean_cross_entropy_and_the_penalty(data: str, scale: float) -> None:
    problem = PROBLEMS["logistic"](data=data, l2=1e-6)
    instance = problem.instance(SEEDS)
    params = near_start(instance, scale)
    np.testing.assert_allclose(instance.loss(params), cross_entropy(problem, params), rtol=1e-12)


@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits"])
def test_accuracy_is_the_share_of_held_out_examples_predicted_right(data: str) -> None:
    problem = PROBLEMS["logistic"](data=data)
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    lane = 5
    logits = problem.split.x_test @ params[:, lane].reshape(problem.split.x_test.shape[1], -1)
    if logits.shape[1] == 1:  # two classes: the other logit is zero
        logits = np.hstack([np.zeros_like(logits), logits])
    right = np.mean(logits.argmax(axis=1) == problem.split.y_test)
    assert instance.metrics(params)["accuracy"][lane] == right
    assert (instance.metrics(instance.minimiser)["accuracy"] > 0.9).all()


def test_accuracy_is_nan_where_parameters_are_not_finite() -> None:
    instance = PROBLEMS["logistic"](data="wine").instance(SEEDS)
    params = instance.start.copy()
    params[3, 1], params[0, 2] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        accuracy = instance.metrics(params)["accuracy"]
    assert np.flatnonzero(np.isnan(accuracy)).tolist() == [1, 2]


@pytest.mark.parametrize(("data", "share"), [("breast_cancer", 0.25), ("wine", 0.4), ("digits", 0.1)])
def test_logistic_data_are_standardised_with_an_intercept_and_a_held_out_share(
    data: str, share: float
) -> None:
    split = PROBLEMS["logistic"](data=data, test_size=share).split
    features, ones = split.x_train[:, :-1], split.x_train[:, -1]
    spread = features.std(axis=0)
    assert np.abs(features.mean(axis=0)).max() < 1e-12
    assert np.logical_or(np.abs(spread - 1) < 1e-12, spread == 0).all()
    assert (ones == 1).all()
    assert (split.x_test[:, -1] == 1).all()
    examples = len(split.y_train) + len(split.y_test)
    assert abs(len(split.y_test) - share * examples) <= 1


def test_logistic_starts_at_zero_for_seed_0_and_near_it_for_others() -> None:
    start = PROBLEMS["logistic"]().instance(np.arange(100)).start
    assert not start[:, 0].any()
    assert abs(start[:, 1:].std() - 0.1) < 0.01


# --- Minibatches ---


def test_the_minibatches_of_an_epoch_are_all_the_data_once() -> None:
    problem = PROBLEMS["logistic"](data="wine", batch_size=19)  # 133 examples: 7 whole batches
    instance = problem.instance(SEEDS)
    params = near_start(instance)
    for epoch in range(3):
        steps = range(7 * epoch, 7 * epoch + 7)
        losses, grads = zip(*(instance.loss_and_grad(params, step) for step in steps), strict=True)
        full_loss, full_grads = instance.loss_and_grad(params, None)
        np.testing.assert_allclose(np.mean(losses, axis=0), full_loss, rtol=1e-12)
        np.testing.assert_allclose(np.mean(grads, axis=0), full_grads, rtol=1e-10, atol=1e-12)


def test_what_is_left_of_an_epoch_is_not_used() -> None:
    instance = PROBLEMS["logistic"](data="wine", batch_size=20).instance(np.array([4]))
    for epoch in range(3):  # 133 examples: 6 whole batches
        steps = range(6 * epoch, 6 * epoch + 6)
        seen = [rows for step in steps for rows, _ in instance.minibatches(20, step)]
        assert [len(rows) for rows in seen] == [20] * 6
        assert len(np.unique(np.concatenate(seen))) == 120


def test_every_epoch_has_a_new_order() -> None:
    instance = PROBLEMS["logistic"](data="wine", batch_size=19).instance(SEEDS)
    losses = [instance.loss_and_grad(near_start(instance), 7 * epoch)[0] for epoch in range(4)]
    assert len(np.unique(losses, axis=0)) == 4


def test_lanes_that_share_a_seed_share_their_minibatches() -> None:
    instance = PROBLEMS["logistic"](batch_size=32).instance(SEEDS)
    params = np.repeat(near_start(instance)[:, :1], LANES, axis=1)
    for step in range(20):
        loss, grads = instance.loss_and_grad(params, step)
        for seed in np.unique(SEEDS):
            lanes = np.flatnonzero(np.equal(SEEDS, seed))
            assert np.ptp(loss[lanes]) == 0
            assert not np.ptp(grads[:, lanes], axis=1).any()
        assert len(np.unique(loss)) == len(np.unique(SEEDS))


def test_a_batch_of_all_examples_is_the_full_gradient_in_another_order() -> None:
    instance = PROBLEMS["logistic"](data="wine", batch_size=133).instance(SEEDS)
    params = near_start(instance)
    full, batch = (instance.loss_and_grad(params, step)[1] for step in (None, STEP))
    np.testing.assert_allclose(batch, full, rtol=1e-10, atol=1e-13)
