"""Functions from the literature against their published forms and values, and SciPy's solvers."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import ROOT
from numpy import cos, exp, pi, sin, sqrt
from scipy.linalg import hilbert
from scipy.optimize import differential_evolution, minimize

from problems import PROBLEMS, FunctionProblem, Instance

LANES = 64


def numbers(x: np.ndarray) -> np.ndarray:
    """Return 1, 2, ..., d beside the coordinates of x (d, points)."""
    return np.arange(1.0, len(x) + 1)[:, None]


def beale(x: np.ndarray) -> np.ndarray:
    return sum((y - x[0] * (1 - x[1] ** i)) ** 2 for i, y in ((1, 1.5), (2, 2.25), (3, 2.625)))


def wood(x: np.ndarray) -> np.ndarray:
    residuals = (
        *(10 * (x[1] - x[0] ** 2), 1 - x[0], sqrt(90) * (x[3] - x[2] ** 2), 1 - x[2]),
        *(sqrt(10) * (x[1] + x[3] - 2), (x[1] - x[3]) / sqrt(10)),
    )
    return sum(r**2 for r in residuals)


def powell_singular(x: np.ndarray) -> np.ndarray:
    residuals = (
        *(x[0] + 10 * x[1], sqrt(5) * (x[2] - x[3])),
        *((x[1] - 2 * x[2]) ** 2, sqrt(10) * (x[0] - x[3]) ** 2),
    )
    return sum(r**2 for r in residuals)


def goldstein_price(x: np.ndarray) -> np.ndarray:
    a, b = x[0] + x[1], 2 * x[0] - 3 * x[1]
    return (1 + (a + 1) ** 2 * (19 - 14 * a + 3 * a**2)) * (30 + b**2 * (18 - 16 * b + 3 * b**2))


def levy(x: np.ndarray) -> np.ndarray:
    w = 1 + (x - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * sin(pi * w[:-1] + 1) ** 2)
    return sin(pi * w[0]) ** 2 + middle.sum(0) + (w[-1] - 1) ** 2 * (1 + sin(2 * pi * w[-1]) ** 2)


def mccormick(x: np.ndarray) -> np.ndarray:
    inside = np.stack([np.clip(x[0], -1.5, 4), np.clip(x[1], -3, 3)])
    wall = 10 * ((x - inside) ** 2).sum(0)
    return sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1 + wall


PUBLISHED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sphere": lambda x: (x * x).sum(0),
    "ellipsoid": lambda x: (10 ** (6 * (numbers(x) - 1) / (len(x) - 1)) * x * x).sum(0),
    "beale": beale,
    "booth": lambda x: 74 + 5 * (x**2).sum(0) + 8 * x[0] * x[1] - 34 * x[0] - 38 * x[1],
    "himmelblau": lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
    "styblinski_tang": lambda x: (x**4 - 16 * x**2 + 5 * x).sum(0) / 2,
    "rastrigin": lambda x: 10 * len(x) + (x**2 - 10 * cos(2 * pi * x)).sum(0),
    "ackley": lambda x: 20 + np.e - 20 * exp(-0.2 * sqrt((x**2).mean(0))) - exp(cos(2 * pi * x).mean(0)),
    "griewank": lambda x: 1 + (x**2).sum(0) / 4000 - cos(x / sqrt(numbers(x))).prod(0),
    "levy": levy,
    "zakharov": lambda x: sum(((x**2).sum(0), *((numbers(x) * x / 2).sum(0) ** power for power in (2, 4)))),
    "dixon_price": lambda x: (
        (x[0] - 1) ** 2 + sum(i * (2 * x[i - 1] ** 2 - x[i - 2]) ** 2 for i in range(2, len(x) + 1))
    ),
    "powell_singular": powell_singular,
    "wood": wood,
    "hilbert": lambda x: np.einsum("il,ij,jl->l", x, hilbert(len(x)), x),
    "goldstein_price": goldstein_price,
    "three_hump_camel": lambda x: 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2,
    "mccormick": mccormick,
}
"""The functions as they are published, of points (dim, points), written otherwise where that can be."""

SCALABLE = [name for name in PUBLISHED if "dim" in {spec.name for spec in fields(PROBLEMS[name])}]
STYBLINSKI_TANG, WELL = -39.16616570377142, -2.903534027771177

VALUES: list[tuple[str, tuple[float, ...], float]] = [
    ("sphere", (3, -4), 25),
    ("ellipsoid", (2, 0.5), 250_004),
    ("beale", (1, 1), 14.203125),
    ("booth", (0, 0), 74),
    ("himmelblau", (0, 0), 170),
    ("styblinski_tang", (1, -1, 0), -15),
    ("rastrigin", (1, 1), 2),
    ("ackley", (1, 1), 3.6253849384),
    ("griewank", (2 * pi, 0), 4 * pi**2 / 4000),
    ("levy", (-3, 1), 1 + 10 * sin(1.0) ** 2),
    ("zakharov", (1, 1), 9.3125),
    ("dixon_price", (1, 1), 2),
    ("powell_singular", (3, -1, 0, 1), 215),
    ("wood", (-3, -1, -3, -1), 19192),
    ("hilbert", (1, 1), 7 / 3),
    ("goldstein_price", (1, 1), 1876),
    ("three_hump_camel", (1, 1), 2 - 1.05 + 1 / 6 + 2),
    ("mccormick", (0, 0), 1),
]
"""Values that are published, as those at classic starts, or done by hand."""

STATIONARY: list[tuple[str, tuple[float, ...], float]] = [
    ("beale", (3, 0.5), 0),
    ("booth", (1, 3), 0),
    ("himmelblau", (3, 2), 0),
    ("himmelblau", (-2.805118, 3.131312), 0),
    ("himmelblau", (-3.779310, -3.283186), 0),
    ("himmelblau", (3.584428, -1.848126), 0),
    ("styblinski_tang", (-2.903534, -2.903534, -2.903534), 3 * -39.16616570377142),
    ("styblinski_tang", (2.746803, 2.746803), 2 * -25.029447),
    ("rastrigin", (0.994959, 0), 0.994959),
    ("griewank", (3.140023, 4.438445), 0.007396),
    ("levy", (1, 1, 1), 0),
    ("dixon_price", (1, 2**-0.5), 0),
    ("dixon_price", (1, -(2**-0.5)), 0),
    ("dixon_price", (1 / 3, 0, 0, 0), 2 / 3),
    ("wood", (1, 1, 1, 1), 0),
    ("wood", (-0.967974, 0.947139, -0.969516, 0.951247), 7.876967),
    ("goldstein_price", (0, -1), 3),
    ("goldstein_price", (-0.6, -0.4), 30),
    ("goldstein_price", (1.8, 0.2), 84),
    ("goldstein_price", (1.2, 0.8), 840),
    ("three_hump_camel", (1.747552, -0.873776), 0.298638),
    ("three_hump_camel", (-1.747552, 0.873776), 0.298638),
    ("mccormick", (-0.54719755, -1.54719755), -1.91322295),
]
"""Points of gradient 0 to six digits, and the values there: minima that are published, and saddles."""


def made(name: str, dim: int | None = None, **others: Any) -> FunctionProblem:
    """Return a function, with so many coordinates if they can be chosen."""
    chosen = {"dim": dim} if dim and name in SCALABLE else {}
    return PROBLEMS[name](**chosen, **others)


def at(name: str, *point: float) -> tuple[float, np.ndarray]:
    """Return what a function and its gradient are at one point."""
    params = np.repeat(np.array(point, dtype=float)[:, None], LANES, axis=1)
    loss, grads = made(name, len(point)).instance(np.arange(LANES)).loss_and_grad(params)
    return float(loss[0]), grads[:, 0]


def drawn(problem: FunctionProblem, seed: int = 5) -> np.ndarray:
    """Return points of the box, and beyond it, shape (dim, LANES)."""
    low, high = (problem.point(end)[:, None] for end in problem.box)
    return low + (high - low) * np.random.default_rng(seed).uniform(-0.2, 1.2, (problem.dim, LANES))


def test_every_function_is_held_to_its_published_form() -> None:
    functions = {name for name, cls in PROBLEMS.items() if issubclass(cls, FunctionProblem)}
    assert functions == PUBLISHED.keys()
    assert functions == {name for name, _, _ in VALUES}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_function_is_the_published_one(name: str) -> None:
    problem = made(name)
    points = drawn(problem)
    expected = PUBLISHED[name](points)
    loss = problem.instance(np.arange(LANES)).loss_and_grad(points)[0]
    np.testing.assert_allclose(loss, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "point", "value"), VALUES)
def test_a_function_has_the_values_that_are_known(name: str, point: tuple[float, ...], value: float) -> None:
    assert at(name, *point)[0] == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(("name", "point", "value"), STATIONARY)
def test_a_function_is_level_where_it_is_known_to_be(
    name: str, point: tuple[float, ...], value: float
) -> None:
    loss, grads = at(name, *point)
    assert loss == pytest.approx(value, abs=1e-6)
    assert np.linalg.norm(grads) < 2e-3


# The least value


def box_of(problem: FunctionProblem, factor: float = 1.0) -> list[tuple[float, float]]:
    low, high = (problem.point(end) for end in problem.box)
    middle, half = (low + high) / 2, factor * (high - low) / 2
    return list(zip(middle - half, middle + half, strict=True))


@pytest.mark.parametrize("name", PUBLISHED)
def test_evolution_finds_the_least_value_and_none_below(name: str) -> None:
    problem = made(name, 2)
    for factor, reached in ((1.0, 1e-3), (4.0, np.inf)):
        found = differential_evolution(
            PUBLISHED[name],
            box_of(problem, factor),
            rng=3,
            maxiter=400,
            popsize=20,
            vectorized=True,
            updating="deferred",
            polish=False,
            tol=0,
            atol=1e-9,
        )
        assert -1e-9 < found.fun - problem.least < reached


def objective(instance: Instance) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, grads = instance.loss_and_grad(x[:, None])
        return float(loss[0]), grads[:, 0]

    return function


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_solver_near_the_minimiser_of_a_shifted_and_rotated_function_ends_there(name: str) -> None:
    problem = made(name, 3, shift=2.0, rotate=True)
    instance = problem.instance(np.array([4]))
    minimiser = instance.minimiser[:, 0]
    near = minimiser + 0.05 * np.random.default_rng(0).standard_normal(problem.dim)
    options = {"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(objective(instance), near, jac=True, method="L-BFGS-B", options=options)
    assert -1e-12 < found.fun - problem.least < 1e-8
    flat = {"powell_singular": 0.1, "hilbert": 0.01}  # where curvatures are next to nothing
    assert np.linalg.norm(found.x - minimiser) < flat.get(name, 1e-3)


def test_the_point_of_ackleys_hole() -> None:
    assert at("ackley", 0, 0, 0)[1].tolist() == [0, 0, 0]
    slope = np.linalg.norm(at("ackley", 1e-9, -2e-9, 1e-9)[1])
    assert slope == pytest.approx(4 / sqrt(3), rel=1e-6)


def test_mccormicks_function_would_fall_for_ever_without_its_walls() -> None:
    far = np.array([0.5, -0.5]) - pi / 3 - 2 * pi
    least = made("mccormick").least
    assert sin(far.sum()) + 1 - 1.5 * far[0] + 2.5 * far[1] + 1 < least - 6
    assert at("mccormick", *far)[0] > least + 100


@pytest.mark.parametrize("dim", [2, 10, 20])
def test_the_factor_of_hilberts_matrix_is_exact_to_rounding(dim: int) -> None:
    from problems.functions.hilbert import factor

    lower = factor(dim)
    assert (np.triu(lower, 1) == 0).all()
    np.testing.assert_allclose(lower @ lower.T, hilbert(dim), rtol=1e-14)


def test_hilberts_quadratic_is_not_below_0_where_the_plain_formula_is() -> None:
    vectors = np.linalg.eigh(hilbert(20))[1][:, :5]
    plain = np.einsum("il,ij,jl->l", vectors, hilbert(20), vectors)
    assert plain.min() < 0
    loss = PROBLEMS["hilbert"](dim=20).instance(np.arange(5)).loss_and_grad(vectors)[0]
    assert ((loss >= 0) & (loss < 1e-17)).all()


# What seeds decide


@pytest.mark.parametrize("name", PUBLISHED)
def test_starts_fill_the_box_and_seed_0_takes_the_classic_one(name: str) -> None:
    problem = made(name, 2)
    start = problem.instance(np.arange(1, 400)).start
    low, high = (problem.point(end)[:, None] for end in problem.box)
    share = (start - low) / (high - low)
    assert ((share >= 0) & (share <= 1)).all()
    np.testing.assert_allclose(share.mean(axis=1), 0.5, atol=0.06)
    np.testing.assert_allclose(share.std(axis=1), 12**-0.5, atol=0.03)
    first = problem.instance(np.array([0])).start[:, 0]
    classic = {"beale": [1, 1], "wood": [-3, -1, -3, -1], "powell_singular": [3, -1, 0, 1], "hilbert": [1, 1]}
    if name in classic:
        assert first.tolist() == classic[name]
    else:
        assert problem.classic is None
        assert first.tolist() == np.random.default_rng(0).uniform(low[:, 0], high[:, 0]).tolist()


@pytest.mark.parametrize("name", PUBLISHED)
def test_shift_and_rotation_move_the_minimiser_and_the_start_alike_and_change_no_value(name: str) -> None:
    seeds = np.arange(LANES) % 7
    plain, moved = (made(name, 3, **how).instance(seeds) for how in ({}, {"shift": 2.0, "rotate": True}))
    away, moved_away = (each.start - each.minimiser for each in (plain, moved))
    assert np.abs(moved_away - away)[:, seeds == 1].max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(moved_away, axis=0), np.linalg.norm(away, axis=0), rtol=1e-12)
    by = moved.minimiser - plain.minimiser
    assert np.abs(by).max() <= 2
    assert len(np.unique(by[0])) == 7
    assert (moved.minimum == plain.minimum).all()
    here, there = (each.loss_and_grad(each.start)[0] for each in (plain, moved))
    np.testing.assert_allclose(there, here, rtol=1e-10)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_moved_function_is_the_published_one_about_its_minimiser(name: str) -> None:
    problem = made(name, 3, shift=2.0, rotate=True)
    instance = problem.instance(np.full(LANES, 3))
    minimiser, rotation = instance.minimiser[:, :1], problem.lane(3).own[1]
    points = minimiser + np.random.default_rng(1).standard_normal((problem.dim, LANES))
    expected = PUBLISHED[name](problem.point(problem.optimum)[:, None] + rotation @ (points - minimiser))
    loss = instance.loss_and_grad(points)[0]
    np.testing.assert_allclose(loss, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


def test_a_shift_alone_moves_the_function_and_is_uniform() -> None:
    problem = made("himmelblau", shift=0.5)
    instance = problem.instance(np.arange(1000))
    by = instance.minimiser - np.array([[3.0], [2.0]])
    assert np.abs(by).max() <= 0.5
    np.testing.assert_allclose(by.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(by.std(axis=1), 0.5 / sqrt(3), atol=0.02)
    points = np.random.default_rng(0).standard_normal((2, 1000))
    np.testing.assert_allclose(
        instance.loss_and_grad(points)[0], PUBLISHED["himmelblau"](points - by), rtol=1e-11
    )


def test_a_rotation_is_orthogonal_any_one_and_the_same_with_and_without_a_shift() -> None:
    lanes = [made("sphere", 3, rotate=True).lane(seed).own for seed in range(500)]
    rotations = np.stack([rotation for _, rotation in lanes])
    identity = np.broadcast_to(np.eye(3), rotations.shape)
    np.testing.assert_allclose(rotations @ rotations.swapaxes(1, 2), identity, atol=1e-14)
    np.testing.assert_allclose(rotations.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose((rotations**2).mean(axis=0), 1 / 3, atol=0.05)
    assert (np.linalg.det(rotations) > 0).mean() == pytest.approx(0.5, abs=0.08)
    assert (rotations[5] == made("sphere", 3, rotate=True, shift=1.0).lane(5).own[1]).all()


def test_a_rotated_ellipsoid_has_the_curvatures_of_the_plain_one() -> None:
    problem = PROBLEMS["ellipsoid"](dim=4, condition=1000.0, rotate=True, shift=1.0)
    instance = problem.instance(np.full(4, 2))
    hessian = instance.loss_and_grad(instance.minimiser + np.eye(4))[1]
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [2, 20, 200, 2000], rtol=1e-10)
    assert np.abs(hessian[0, 1:]).max() > 1


def test_a_rotation_that_is_too_large_is_refused_in_one_line() -> None:
    PROBLEMS["sphere"](dim=301)
    with pytest.raises(ValueError, match="dim") as error:
        PROBLEMS["sphere"](dim=301, rotate=True)
    assert str(error.value) == "Sphere: dim must be at most 300 with rotate=true, got 301"


# The suite


def suite() -> Iterator[dict[str, Any]]:
    config = yaml.safe_load((ROOT / "conf" / "suite" / "functions.yaml").read_text(encoding="utf-8"))
    yield from config["suite"]["instances"]


def test_the_suite_has_every_function_and_its_instances_are_distinct_problems() -> None:
    instances = list(suite())
    problems = [
        PROBLEMS[one["problem"]](**{key: value for key, value in one.items() if key != "problem"})
        for one in instances
    ]
    assert len(set(problems)) == len(instances) >= 60
    assert {one["problem"] for one in instances} >= PUBLISHED.keys()
