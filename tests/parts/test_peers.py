"""Our numbers against other people's: PyTorch, Optax, and the article's own loop."""

import json
from dataclasses import replace
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.settings import (
    ELSEWHERE,
    NOT_IN_OPTAX,
    NOT_IN_TORCH,
    PEERLESS,
    REFERENCE_PROBLEMS,
    SENSITIVE,
    SETTINGS,
    STEPS,
    hyperparameters,
    table,
)

from experiments.contracts.bits import same_bits
from experiments.contracts.cases import defaults
from experiments.engine.backend import Backend
from experiments.engine.minimize import minimize
from experiments.engine.numpy_loop import Batches, advance
from experiments.engine.rule import rule_of
from experiments.engine.trace import Trace
from optim import OPTIMIZERS, Optimizer
from optim.method import Method
from problems import PROBLEMS, Problem

TOLERANCE = 1e-10
FILE = Path(__file__).parents[1] / "reference" / "trajectories.npz"
REFERENCE = np.load(FILE)
ABOUT = json.loads(str(REFERENCE["about"]))


# --- PyTorch and Optax ---


def make_problem(problem: str) -> Problem:
    name, constants = REFERENCE_PROBLEMS[problem]
    return PROBLEMS[name](**constants)


def switches(setting: str) -> tuple[str, frozenset[str]]:
    """Return the optimizer and the options that are switched on: what lanes must share."""
    optimizer, options, _ = SETTINGS[setting]
    return optimizer, frozenset(name for name, value in options.items() if value is True)


def side_by_side(settings: list[str], problem: str) -> Optimizer:
    """Return one optimizer with a lane for each setting."""
    optimizer, on = switches(settings[0])
    cls = OPTIMIZERS[optimizer]
    values = [defaults(cls) | hyperparameters(setting, problem) for setting in settings]
    lanes = {name: np.array([value[name] for value in values]) for name in cls.hyperparameters()}
    return cls(**lanes, **dict.fromkeys(on, True))


ENGINE = {"softmax": "numpy"}
"""The regression in two classes is compiled, and that in three is not: both engines are held to the peers."""


@cache
def run(problem: str, shared: tuple[str, frozenset[str]]) -> tuple[list[str], Trace]:
    """Return the settings with those switches, and their trace."""
    settings = [setting for setting in SETTINGS if switches(setting) == shared]
    rule, seeds = side_by_side(settings, problem), np.zeros(len(settings), dtype=np.int64)
    made, points = make_problem(problem), len(STEPS) + 1
    how: dict[str, Any] = {"points": points, "params": True, "engine": ENGINE.get(problem, "auto")}
    return settings, minimize(made, rule, seeds, steps=STEPS[-1], **how)


def ours(setting: str, problem: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the parameters, shape (len(STEPS), dim), and the losses at STEPS."""
    settings, trace = run(problem, switches(setting))
    assert trace.step.tolist() == [0, *STEPS]
    lane = settings.index(setting)
    return trace.path[1:, :, lane], trace.loss[1:, lane]


def theirs(library: str, setting: str, problem: str) -> tuple[np.ndarray, np.ndarray]:
    row = list(SETTINGS).index(setting)
    return REFERENCE[f"{library} params {problem}"][row], REFERENCE[f"{library} loss {problem}"][row]


def difference(params: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the largest difference at each step, relative to the largest parameter."""
    return np.abs(params - expected).max(axis=-1) / np.abs(expected).max(axis=-1)


def comparable(setting: str, problem: str) -> int:
    """Return how many of STEPS two roundings can be compared at: all, but for SENSITIVE."""
    last, _ = SENSITIVE.get((setting, problem), (STEPS[-1], ""))
    return STEPS.index(last) + 1


NOT_IN = {"torch": NOT_IN_TORCH, "optax": NOT_IN_OPTAX}
PAIRS = [
    (library, setting, problem)
    for problem in REFERENCE_PROBLEMS
    for setting in SETTINGS
    for library, missing in NOT_IN.items()
    if setting not in missing
]


@pytest.mark.parametrize(("library", "setting", "problem"), PAIRS)
def test_parameters_and_loss_agree_with_the_peer(library: str, setting: str, problem: str) -> None:
    params, loss = ours(setting, problem)
    expected_params, expected_loss = theirs(library, setting, problem)
    kept = slice(comparable(setting, problem))
    assert (difference(params, expected_params)[kept] < TOLERANCE).all()
    assert (np.abs(loss / expected_loss - 1)[kept] < TOLERANCE).all()


@pytest.mark.parametrize(("setting", "problem"), SENSITIVE)
def test_what_is_compared_over_fewer_steps_magnifies_the_smallest_change_beyond_the_tolerance(
    setting: str, problem: str
) -> None:
    made, seeds = make_problem(problem), np.zeros(64, dtype=np.int64)
    instance = made.instance(seeds)
    nudges = np.random.default_rng(0).standard_normal(instance.start.shape)
    nudges[:, 0] = 0
    instance = replace(instance, start=instance.start + 1e-15 * nudges)
    method = Method(OPTIMIZERS[SETTINGS[setting].optimizer](**hyperparameters(setting, problem)))
    rule = rule_of(method, made, len(instance.start))
    batches = Batches(made, seeds, Backend())
    with np.errstate(all="ignore"):  # as minimize has it
        trace = advance(instance, rule, batches, repeat(None), np.array([0, *STEPS]), made.metric_names, True)
    path = trace.path[1:]
    moved = difference(path.swapaxes(1, 2), path[:, None, :, 0]).max(axis=1)
    last = comparable(setting, problem)
    assert (moved[:last] < TOLERANCE).all()
    assert moved[-1] > TOLERANCE


def test_the_file_holds_the_settings_of_the_table() -> None:
    assert ABOUT["table"] == table()
    assert tuple(ABOUT["steps"]) == STEPS


def test_the_file_says_which_versions_made_it() -> None:
    assert ABOUT["versions"].keys() == {"torch", "jax", "optax", "numpy", "scikit-learn"}


def test_the_file_is_complete_but_for_what_a_library_does_not_have_or_does_otherwise() -> None:
    for problem in REFERENCE_PROBLEMS:
        for setting in SETTINGS:
            for library, missing in NOT_IN.items():
                known = np.isfinite(theirs(library, setting, problem)[0])
                assert known.any() == known.all() == (setting not in missing)


def test_every_setting_has_a_peer_and_every_optimizer_a_setting_or_a_reason() -> None:
    assert not NOT_IN_TORCH.keys() & NOT_IN_OPTAX.keys()
    assert {*NOT_IN_TORCH, *NOT_IN_OPTAX} <= SETTINGS.keys()
    compared = {optimizer for optimizer, _, _ in SETTINGS.values()}
    assert not compared & PEERLESS.keys()
    assert compared | PEERLESS.keys() | ELSEWHERE.keys() == OPTIMIZERS.keys()


def test_the_settings_use_every_option_of_their_optimizers() -> None:
    used = {
        (optimizer, name)
        for optimizer, options, _ in SETTINGS.values()
        for name, value in {"lr": 0.123, **options}.items()
        if value != defaults(OPTIMIZERS[optimizer])[name]
    }
    optimizers = {optimizer for optimizer, _, _ in SETTINGS.values()}
    assert used == {(optimizer, name) for optimizer in optimizers for name in defaults(OPTIMIZERS[optimizer])}


# --- The article ---

START = [1.8831506970562544, -1.3477590611424464, -1.2704849984857336]
MSE_1 = 87.33835656974905
MSE_1000 = 0.21397721767075764
THETA_1000 = np.array([2.07694441894195, 2.9802227580151204, 3.8147104791275557])
SOLUTION = np.array([2.07194442, 2.97522276, 3.80971048])
SOLUTION_MSE = 0.21330119980
EIGENVALUES = [0.42983, 3.06061, 17.42908]
LR = 0.01


@cache
def fit() -> Trace:
    """Return the article's run, every step recorded."""
    return minimize(
        PROBLEMS["quadratic"](), OPTIMIZERS["rmsprop"](), np.zeros(1), steps=1000, points=1001, params=True
    )


@cache
def solution() -> np.ndarray:
    """Return the least-squares solution, shape (3,)."""
    return PROBLEMS["quadratic"]().instance(np.zeros(1, dtype=np.int64)).minimiser[:, 0]


def article_loop(nudge: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the MSE after each step and the last theta, of the article's rule to the letter.

    The start is multiplied by ``1 + nudge``.
    """
    rng = np.random.RandomState(0)
    x = np.linspace(-3, 3, 100)
    y = 2 * x**2 + 3 * x + 4 + rng.normal(0, 0.5, 100)
    theta = rng.randn(3) * (1 + nudge)
    square_avg = np.zeros(3)
    mses = []
    for _ in range(1000):
        error = theta[0] * x**2 + theta[1] * x + theta[2] - y
        grad = np.array([np.mean(error * x**2), np.mean(error * x), np.mean(error)])
        square_avg = 0.9 * square_avg + 0.1 * grad**2
        theta = theta - LR / (np.sqrt(square_avg) + 1e-8) * grad
        mses.append(np.mean((theta[0] * x**2 + theta[1] * x + theta[2] - y) ** 2))
    return np.array(mses), theta


def test_the_start_is_the_articles() -> None:
    assert fit().path[0, :, 0].tolist() == START


def test_the_mse_after_the_first_and_the_last_step_are_the_articles() -> None:
    mse = fit().metrics["mse"][:, 0]
    assert abs(mse[1] - MSE_1) < 1e-9
    assert abs(mse[1000] - MSE_1000) < 1e-9


def test_the_least_squares_solution_and_its_mse_are_the_articles() -> None:
    instance = PROBLEMS["quadratic"]().instance(np.zeros(1, dtype=np.int64))
    np.testing.assert_allclose(solution(), SOLUTION, rtol=0, atol=5e-9)
    assert abs(2 * instance.minimum[0] - SOLUTION_MSE) < 1e-11


def test_the_eigenvalues_of_the_hessian_are_the_articles() -> None:
    instance = PROBLEMS["quadratic"]().instance(np.zeros(64, dtype=np.int64))
    columns = np.zeros((3, 64))
    columns[:, :3] = np.eye(3)
    slopes = instance.loss_and_grad(columns)[1]
    hessian = slopes[:, :3] - slopes[:, [3]]
    values = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(values, EIGENVALUES, rtol=0, atol=5e-6)
    assert round(values[-1] / values[0], 1) == 40.5


def test_the_last_theta_is_the_articles_up_to_the_phase_of_the_cycle() -> None:
    # which side of the solution a coordinate is on at an even step is decided by rounding: see below
    offset = fit().params[:, 0] - solution()
    np.testing.assert_allclose(np.abs(offset), np.abs(THETA_1000 - solution()), rtol=0, atol=1e-9)


@pytest.mark.parametrize("lr", [0.003, 0.01, 0.03])
def test_the_run_ends_in_a_cycle_of_two_steps_with_half_width_lr_over_2_about_the_solution(lr: float) -> None:
    problem = PROBLEMS["quadratic"]()
    trace = minimize(problem, OPTIMIZERS["rmsprop"](lr=lr), np.zeros(1), steps=4000, points=4001, params=True)
    offset = trace.path[-4:, :, 0] - solution()
    np.testing.assert_allclose(np.abs(offset), lr / 2, rtol=1e-5)
    assert (np.sign(offset[1:]) == -np.sign(offset[:-1])).all()


def test_the_smallest_mse_on_the_way_lies_between_the_solutions_and_the_cycles() -> None:
    smallest = fit().metrics["mse"].min()
    assert SOLUTION_MSE < smallest < 0.21398


def test_the_smallest_mse_and_the_phase_depend_on_rounding_and_the_last_mse_does_not() -> None:
    # one unit in the last place of the start: the transient is chaotic, the cycle attracts
    nudges = np.random.default_rng(0).integers(-1, 2, (12, 3)) * 2.3e-16
    runs = [article_loop(nudge) for nudge in nudges]
    smallest = np.array([mses.min() for mses, _ in runs])
    last = np.array([mses[-1] for mses, _ in runs])
    thetas = np.array([theta for _, theta in runs])
    assert np.ptp(smallest) > 1e-9
    assert np.abs(last - MSE_1000).max() < 1e-9
    assert (np.ptp(thetas, axis=0) > 0.9 * LR).any()
    np.testing.assert_allclose(
        np.abs(thetas - solution()), np.tile(np.abs(THETA_1000 - solution()), (12, 1)), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("library", ["torch", "optax"])
def test_the_peers_end_the_articles_run_in_the_same_cycle(library: str) -> None:
    params, loss = theirs(library, "rmsprop", "fit")
    offset, our_offset = params[-1] - solution(), fit().params[:, 0] - solution()
    np.testing.assert_allclose(np.abs(offset), np.abs(our_offset), rtol=0, atol=1e-9)
    assert abs(loss[-1] - MSE_1000 / 2) < 1e-9


def test_our_run_is_the_articles_loop_until_rounding_takes_over() -> None:
    mses, _ = article_loop()
    np.testing.assert_allclose(fit().metrics["mse"][1:101, 0], mses[:100], rtol=1e-12)


def test_the_loss_is_half_the_mse_in_every_recorded_step() -> None:
    assert same_bits(2 * fit().loss, fit().metrics["mse"])
