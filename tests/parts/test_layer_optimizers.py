"""Optimizers that see arrays one by one: against peers and papers, lane by lane, under both engines."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from command_line import here
from contracts import OPTIMIZER_CASES
from reference.layer_settings import SETTINGS, SHAPES, STEPS, flat, loss_and_grads, start, table

from experiments.contracts.bits import arrays_in, same_bits
from experiments.contracts.cases import Case, by_array, on_matrices, with_drawn_lanes
from experiments.contracts.company import different_in_company
from experiments.engine.minimize import minimize
from experiments.engine.overflow import has_overflowed
from experiments.engine.rule import Rule
from optim import OPTIMIZERS, Optimizer
from optim.wrapper import Wrapper
from problems import PROBLEMS, Problem

LANES = 64
REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "layers.npz")
ABOUT = json.loads(str(REFERENCE["about"]))
CASES = [case for case in OPTIMIZER_CASES if by_array(case.cls)]
NAMES = list(dict.fromkeys(case.cls.name for case in CASES))
ON_MATRICES = [name for name in NAMES if on_matrices(OPTIMIZERS[name])]
WINE = PROBLEMS["logistic"](data="wine")
NETWORK = PROBLEMS["mlp"](hidden=4)
CHAIN = PROBLEMS["deep_linear"](width=3)

each_case = pytest.mark.parametrize("case", CASES, ids=str)

Arrays = dict[str, np.ndarray]


def rule_on_shapes(optimizer: Optimizer) -> Rule:
    """Return the optimizer on the arrays of the small problem."""
    return Rule(optimizer, Wrapper(), tuple(SHAPES.items()))


def split(column: np.ndarray) -> Arrays:
    """Return a lane's numbers as the arrays of the small problem."""
    ends = np.cumsum([np.prod(shape) for shape in SHAPES.values()])[:-1]
    parts = np.split(column, ends)
    return {name: part.reshape(shape) for (name, shape), part in zip(SHAPES.items(), parts, strict=True)}


def starts(lanes: int = LANES) -> np.ndarray:
    """Return a start for each lane; the first is the reference's."""
    begin = np.repeat(flat(start())[:, None], lanes, axis=1)
    begin[:, 1:] += 0.3 * np.random.default_rng(2).standard_normal((len(begin), lanes - 1))
    return begin


def slopes(params: np.ndarray) -> np.ndarray:
    """Return the gradient of every lane, shape (dim, lanes)."""
    return np.array([flat(loss_and_grads(split(column))[1]) for column in params.T]).T


def losses(params: np.ndarray) -> np.ndarray:
    return np.array([loss_and_grads(split(column))[0] for column in params.T])


def follow(optimizer: Optimizer, params: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """Return the parameters after each step on the small problem, shape (steps, dim, lanes)."""
    rule = rule_on_shapes(optimizer)
    state, path = rule.init(params), []
    for _ in range(steps):
        updates, state = rule.update(slopes(params), state, params, None)
        params = params + updates
        path.append(params)
    return np.array(path)


def draws(lanes: int = LANES, steps: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters (dim, lanes) and gradients (steps, dim, lanes), drawn."""
    rng = np.random.default_rng(3)
    dim = sum(int(np.prod(shape)) for shape in SHAPES.values())
    return rng.standard_normal((dim, lanes)), rng.standard_normal((steps, dim, lanes))


def driven(optimizer: Optimizer, params: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Return the parameters after each of these gradients."""
    rule = rule_on_shapes(optimizer)
    state, path = rule.init(params), []
    for grad in grads:
        updates, state = rule.update(grad, state, params, None)
        params = params + updates
        path.append(params)
    return np.array(path)


# --- PyTorch and Optax ---


@pytest.mark.parametrize("name", SETTINGS)
def test_the_path_is_the_peers(name: str) -> None:
    optimizer, options, _ = SETTINGS[name]
    path = follow(OPTIMIZERS[optimizer](**options), starts(1))[..., 0]
    np.testing.assert_allclose(path, REFERENCE[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_reference_is_a_path_on_which_the_loss_falls(name: str) -> None:
    ends = losses(np.array([flat(start()), REFERENCE[name][-1]]).T)
    assert ends[1] < ends[0]


def test_the_file_holds_the_settings_of_the_table_and_says_which_versions_made_it() -> None:
    assert ABOUT["table"] == table()
    assert ABOUT["versions"].keys() == {"torch", "jax", "optax", "numpy"}
    assert {setting.optimizer for setting in SETTINGS.values()} == set(NAMES) - {"shampoo", "soap"}


def test_the_settings_use_every_option_of_their_optimizers() -> None:
    used = {(s.optimizer, name) for s in SETTINGS.values() for name in s.options}
    there = {(s.optimizer, f.name) for s in SETTINGS.values() for f in fields(OPTIMIZERS[s.optimizer])}
    assert there - used == {("lars", "weight_decay")}, "which Optax has otherwise; the oracle has it"


# --- Oracles: one array of one lane, from the papers and the authors' code ---


def lars(
    theta: Any,
    grads: Any,
    *,
    lr: float,
    momentum: float,
    nesterov: bool,
    trust: float,
    weight_decay: float,
    eps: float,
) -> Iterator[Any]:
    """You, Gitman & Ginsburg (2017, algorithm 1)."""
    v = np.zeros_like(theta)
    for g in grads:
        above, below = np.linalg.norm(theta), np.linalg.norm(g) + weight_decay * np.linalg.norm(theta) + eps
        local = trust * above / below if above > 0 and below > 0 else 1.0
        step = lr * local * (g + weight_decay * theta)
        v = momentum * v + step
        theta = theta - (step + momentum * v if nesterov else v)
        yield theta


def shampoo(theta: Any, grads: Any, *, lr: float, eps: float) -> Iterator[Any]:
    """Gupta, Koren & Singer (2018, algorithm 2), the roots by singular values."""
    k = theta.ndim
    sums = [eps * np.eye(n) for n in theta.shape]
    for g in grads:
        step = g
        for i in range(k):
            others = [axis for axis in range(k) if axis != i]
            sums[i] = sums[i] + np.tensordot(g, g, axes=(others, others))
            u, s, _ = np.linalg.svd(sums[i])
            root = u @ np.diag(s ** (-1 / (2 * k))) @ u.T
            step = np.moveaxis(np.tensordot(root, step, axes=(1, i)), 0, i)
        theta = theta - lr * step
        yield theta


def soap(
    theta: Any,
    grads: Any,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    frequency: float,
) -> Iterator[Any]:
    """Vyas et al. (2024), in the order of the authors' code, which keeps the average in the bases."""
    axes = range(theta.ndim) if theta.ndim > 1 else ()
    sums = {i: np.zeros((theta.shape[i], theta.shape[i])) for i in axes}
    bases: dict[int, np.ndarray] = {}
    mean = square = np.zeros_like(theta)

    def turned(array: np.ndarray, side: int) -> np.ndarray:
        for basis in bases.values():  # each axis in turn comes first, and goes to the end
            array = np.tensordot(array, basis, axes=((0,), (side,)))
        return array

    for t, g in enumerate(grads):
        if t:
            rotated = turned(g, 0)
            mean = beta1 * mean + (1 - beta1) * rotated
            square = beta2 * square + (1 - beta2) * rotated**2
            size = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
            theta = theta - size * turned(mean / (np.sqrt(square) + eps), 1)
            theta = theta - lr * weight_decay * theta
            mean = turned(mean, 1)
        for i in axes:
            others = [axis for axis in axes if axis != i]
            sums[i] = beta2 * sums[i] + (1 - beta2) * np.tensordot(g, g, axes=(others, others))
        if not t:
            bases = {i: np.linalg.eigh(sums[i])[1][:, ::-1] for i in axes}
        elif t // frequency > (t - 1) // frequency:
            for i in axes:
                order = np.argsort(-np.diag(bases[i].T @ sums[i] @ bases[i]))
                square = np.take(square, order, axis=i)
                bases[i] = np.linalg.qr(sums[i] @ bases[i][:, order])[0]
        if t:
            mean = turned(mean, 0)
        yield theta


ORACLES = {"lars": lars, "shampoo": shampoo, "soap": soap}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", [case for case in CASES if case.cls.name in ORACLES], ids=str)
def test_drawn_hyperparameters_agree_with_the_oracle_on_arrays_of_every_order(case: Case, seed: int) -> None:
    optimizer: Any = with_drawn_lanes(case, 8, seed)
    params, grads = draws(8)
    path = driven(optimizer, params, grads)
    for lane in range(8):
        values = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
        values = {name: float(v[lane]) if np.ndim(v) else v for name, v in values.items()}
        arrays = split(params[:, lane])
        slope = [split(grad[:, lane]) for grad in grads]
        oracle: Any = ORACLES[optimizer.name]
        expected = {n: list(oracle(a, [s[n] for s in slope], **values)) for n, a in arrays.items()}
        for step in range(len(grads)):
            column = flat({name: expected[name][step] for name in SHAPES})
            np.testing.assert_allclose(path[step, :, lane], column, rtol=1e-8, atol=1e-9)


# --- Arrays and lanes ---


@each_case
def test_arrays_do_not_see_each_other(case: Case) -> None:
    optimizer = with_drawn_lanes(case, LANES)
    params, grads = draws()
    path = driven(optimizer, params, grads)
    first = 0
    for name, shape in SHAPES.items():
        part = slice(first, first := first + int(np.prod(shape)))
        alone = Rule(optimizer, Wrapper(), ((name, shape),))
        place, state = params[part], alone.init(params[part])
        for step, grad in enumerate(grads):
            updates, state = alone.update(grad[part], state, place, None)
            place = place + updates
            assert same_bits(place, path[step, part])


@each_case
@pytest.mark.parametrize("lanes", [8, 64])  # 8: NumPy adds up a single column otherwise
def test_a_lane_of_arrays_in_a_few_is_that_lane_in_company(case: Case, lanes: int) -> None:
    optimizer = with_drawn_lanes(case, 128)
    params, grads = draws(128)
    whole = driven(optimizer, params, grads)
    for first in (0, 128 - lanes):
        few = slice(first, first + lanes)
        assert same_bits(driven(optimizer.take(few), params[:, few], grads[..., few]), whole[..., few])


@each_case
def test_a_number_is_an_array_of_equal_numbers_on_arrays_of_every_order(case: Case) -> None:
    params, grads = draws()
    optimizer = case.make()
    spread = {name: np.full(LANES, getattr(optimizer, name)) for name in optimizer.hyperparameters()}
    as_arrays = Case(case.cls, {**case.values, **spread}).make()
    assert same_bits(driven(optimizer, params, grads), driven(as_arrays, params, grads))


IN_BLOCKS = [
    pytest.param(name, problem, steps, id=f"{name}-{problem.name}")
    for name in NAMES
    for problem, steps in ((WINE, 12), (CHAIN, 3), (NETWORK, 3))
    if problem is not NETWORK or name in ("adafactor", "muon")
]
"""Every rule on one array and on several alike; two rules on arrays of unlike shapes, which take longest."""


@pytest.mark.parametrize(("name", "problem", "steps"), IN_BLOCKS)
def test_a_lane_alone_is_that_lane_in_any_block(name: str, problem: Problem, steps: int, engine: str) -> None:
    if engine not in problem.engines:
        pytest.skip("a loss alone runs under jax only")
    optimizer = with_drawn_lanes(Case(OPTIMIZERS[name]), 70)
    assert different_in_company(problem, optimizer, steps, engine=engine) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_steps_are_those_of_the_optimizer_on_the_gradients_of_an_array(name: str) -> None:
    optimizer, seeds = OPTIMIZERS[name](), np.full(LANES, 3)
    trace = minimize(WINE, optimizer, seeds, steps=20, points=21, params=True, engine="numpy")
    assert trace.path is not None
    instance = WINE.instance(seeds)
    params, shape = instance.start, (14, 3, LANES)
    state = optimizer.init(params.reshape(shape))
    for row in range(1, 21):
        grads = instance.loss_and_grad(params)[1]
        updates, state = optimizer.update(grads.reshape(shape), state, params.reshape(shape))
        params = params + updates.reshape(params.shape)
        assert same_bits(trace.path[row], params)


# --- The two engines ---


@each_case
def test_the_engines_agree_on_arrays_of_every_order(case: Case) -> None:
    optimizer = with_drawn_lanes(case, LANES)
    params, grads = draws()
    path = driven(optimizer, params, grads)
    rule = rule_on_shapes(optimizer)
    with jax.enable_x64(True):
        update = jax.jit(lambda grad, state, params: rule.update(grad, state, params, None))
        place: Any = jnp.asarray(params)
        state = jax.tree.map(jnp.asarray, rule.init(params))
        for step, grad in enumerate(grads):
            updates, state = update(grad, state, place)
            place = place + updates
            close = 1e-12 if step < 2 else 1e-9  # what rounding begins, steps magnify
            np.testing.assert_allclose(place, path[step], rtol=close, atol=close)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_on_a_regression_is_the_same_up_to_rounding(name: str) -> None:
    optimizer, seeds = with_drawn_lanes(Case(OPTIMIZERS[name]), LANES), np.arange(LANES) % 5 + 1
    one, other = (minimize(WINE, optimizer, seeds, steps=1, points=2, engine=e) for e in ("numpy", "jax"))
    np.testing.assert_allclose(other.params, one.params, rtol=1e-12, atol=1e-12)


# --- What they do ---


@each_case
def test_an_array_goes_against_its_gradient(case: Case) -> None:
    rule = rule_on_shapes(case.make())
    params, grads = draws()
    updates, state = rule.update(grads[0], rule.init(params), params, None)
    if case.cls.name == "soap":
        assert not updates.any()
        updates, state = rule.update(grads[0], state, params, None)
    for name, array in rule.arrays(updates * grads[0]).items():
        down = array.reshape(-1, LANES).sum(axis=0)
        decays = dict(case.values).keys() & {"weight_decay"}
        assert (down < 0).mean() > (0.9 if decays else 0.999), name


@pytest.mark.parametrize("name", NAMES)
def test_without_a_gradient_nothing_moves(name: str) -> None:
    params, grads = draws()
    assert same_bits(driven(OPTIMIZERS[name](), params, 0 * grads)[-1], params)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [1e200, np.inf, np.nan])
def test_gradients_that_overflow_in_one_lane_are_no_matter_to_the_others(name: str, bad: float) -> None:
    optimizer = with_drawn_lanes(Case(OPTIMIZERS[name]), LANES)
    params, grads = draws()
    spoilt = grads.copy()
    spoilt[3:, :, 5] = bad
    with np.errstate(all="ignore"):
        path = driven(optimizer, params, spoilt)
    others = np.delete(np.arange(LANES), 5)
    assert same_bits(path[..., others], driven(optimizer, params, grads)[..., others])


@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_a_lane_whose_products_overflow_stands_still_and_has_stalled(name: str) -> None:
    rule = rule_on_shapes(OPTIMIZERS[name]())
    params, grads = draws()
    state = rule.init(params)
    with np.errstate(all="ignore"):
        for _ in range(3):
            updates, state = rule.update(1e200 * grads[0], state, params, None)
    assert not updates.any()
    assert has_overflowed(state.optimizer, LANES).all()


def test_a_zero_norm_leaves_a_plain_step() -> None:
    zeros, grads = np.zeros((3, 2)), np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    rule = OPTIMIZERS["lars"](lr=0.1, trust=0.01)
    updates, _ = rule.update(grads, rule.init(zeros), zeros)
    np.testing.assert_allclose(updates, -0.1 * grads)
    rule = OPTIMIZERS["lamb"](lr=0.1, eps=0.0)
    updates, _ = rule.update(grads[:2, :1], rule.init(zeros[:2, :1]), zeros[:2, :1])
    np.testing.assert_allclose(updates, [[-0.1], [-0.1]])


def test_muons_matrices_have_singular_values_near_one_times_the_factor_of_their_shape() -> None:
    rng = np.random.default_rng(0)
    for shape in ((12, 3), (3, 12), (12, 1, 3)):
        grads = rng.standard_normal((*shape, LANES))
        rule = OPTIMIZERS["muon"](lr=1.0)
        updates, _ = rule.update(grads, rule.init(grads), 0 * grads)
        matrices = np.moveaxis(updates.reshape(shape[0], -1, LANES), -1, 0)
        values = np.linalg.svd(matrices)[1] / max(1, shape[0] / matrices.shape[2]) ** 0.5
        assert 0.5 < values.min() < values.max() < 1.3
        stack = np.moveaxis(grads.reshape(shape[0], -1, LANES), -1, 0)
        left, _, right = np.linalg.svd(stack, full_matrices=False)
        inner = np.trace(np.swapaxes(left @ right, 1, 2) @ matrices, axis1=1, axis2=2)
        assert (inner < 0).all()


def test_a_schedule_changes_both_of_muons_learning_rates() -> None:
    rule: Any = OPTIMIZERS["muon"](lr=0.5, adam_lr=0.25)
    halved: Any = rule.at_rate(0.5)
    assert (halved.lr, halved.adam_lr) == (0.25, 0.125)
    assert (rule.lr, rule.adam_lr) == (0.5, 0.25)


def test_the_signs_of_eigenvectors_do_not_matter_to_soap() -> None:
    rule = OPTIMIZERS["soap"]()
    params, grads = draws()
    shape = SHAPES["first"]
    params, grads = params[:12].reshape(*shape, LANES), grads[:, :12].reshape(-1, *shape, LANES)
    state: Any = rule.init(params)
    for grad in grads:
        _, state = rule.update(grad, state, params)
    rng = np.random.default_rng(0)
    signs = [rng.choice([-1.0, 1.0], (1, n, LANES)) for n in shape]
    flipped = state._replace(bases=tuple(b * s for b, s in zip(state.bases, signs, strict=True)))
    for grad in grads:
        updates, state = rule.update(grad, state, params)
        same, flipped = rule.update(grad, flipped, params)
        np.testing.assert_allclose(same, updates, rtol=1e-9, atol=1e-12)


def test_soaps_bases_are_orthogonal_and_change_at_every_kth_update_alone() -> None:
    rule = OPTIMIZERS["soap"](frequency=np.repeat([1.0, 3.0], LANES // 2))
    params, grads = draws()
    shape = SHAPES["first"]
    state: Any = rule.init(params[:12].reshape(*shape, LANES))
    before, changes = state.bases, []
    for grad in grads:
        _, state = rule.update(grad[:12].reshape(*shape, LANES), state, params[:12].reshape(*shape, LANES))
        changes.append([bool((state.bases[0] != before[0])[..., lane].any()) for lane in (0, -1)])
        before = state.bases
        for basis in state.bases:
            square = np.einsum("ijl,ikl->jkl", basis, basis)
            np.testing.assert_allclose(square, np.eye(len(basis))[..., None] + 0 * square, atol=1e-12)
    assert [often for often, _ in changes] == [True] * 10
    assert [seldom for _, seldom in changes] == [True, False, False] * 3 + [True]


def test_adafactor_keeps_rows_and_columns_of_matrices_alone() -> None:
    rule = OPTIMIZERS["adafactor"]()
    sizes = {
        (4, 3): [(), (1, 3), (4, 1)],
        (3,): [(), (3,)],
        (2, 3, 2): [(), (2, 1, 2), (2, 3, 1)],
    }
    for shape, expected in sizes.items():
        state = rule.init(np.zeros((*shape, 2)))
        assert sorted(array.shape[:-1] for array in arrays_in(state)) == expected


# --- What has no matrices ---


@pytest.mark.parametrize("name", ON_MATRICES)
def test_a_problem_without_matrices_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    said = (
        f"optimizer={name} works on matrices; problem=quadratic has none: its parameters are one flat vector"
    )
    with pytest.raises(ValueError, match="works on matrices") as error:
        minimize(PROBLEMS["quadratic"](), OPTIMIZERS[name](), np.zeros(1), steps=1)
    assert str(error.value) == said
    for words in ([f"optimizer={name}"], ["-m", f"optimizer={name}", "seed=0,1"]):
        ended = here(tmp_path, "run", *words, "problem=quadratic", "steps=3")
        assert ended.code != 0
        assert said in ended.err
        assert "Traceback" not in ended.err
    assert not list(tmp_path.rglob("*.parquet"))


def test_those_that_work_on_matrices_are_muon_and_soap() -> None:
    assert sorted(ON_MATRICES) == ["muon", "soap"]
