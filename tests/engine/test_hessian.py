"""The estimate of the Hessian's diagonal: of which loss, where, on which batch, by which signs; its price."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
import pytest
from array_api_compat import array_namespace
from lanes import LANES, SEEDS, LogisticRegression, QuadraticFit

from experiments.contracts.bits import different_fields, same_bits
from experiments.engine.backend import backend_of
from experiments.engine.jax_program import hessian_diagonal
from experiments.engine.minimize import minimize
from experiments.request.product import cell_of
from experiments.store.columns import run_columns
from optim import Optimizer, Sophia, hyper
from optim.base import Hyper
from optim.wrapper import Wrapper
from problems import PROBLEMS, Problem


class Seen(NamedTuple):
    """What a rule was shown."""

    step: Any


@dataclass(frozen=True, kw_only=True)
class Probe(Optimizer):
    """A rule whose steps are the estimates that it is shown, at every ``every``-th step, and else 1e-3."""

    name: ClassVar[str] = "probe"
    engines: ClassVar[tuple[str, ...]] = ("jax",)
    needs_hessian: ClassVar[bool] = True

    lr: Hyper = hyper(1.0, low=0)  # noqa: RUF009 - as in every optimizer
    every: Hyper = hyper(1.0, low=1)  # noqa: RUF009

    def init(self, params: np.ndarray) -> Seen:
        return Seen(np.zeros_like(params[0]))

    def update(self, grads: Any, state: Any, params: Any, hessian: Any = None) -> Any:
        xp = array_namespace(params)
        wanted = self.wants_hessian(state)
        shown = 1e-3 * params if hessian is None else xp.where(wanted, hessian, 1e-3)
        return self.lr * shown, Seen(state.step + 1)

    def wants_hessian(self, state: Any) -> Any:
        return state.step % self.every == 0


def signs_of(seed: int, step: int, dim: int) -> np.ndarray:
    key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), step)
    return np.where(np.asarray(jax.random.bits(key, (dim,), np.uint32)) % 2 == 0, 1.0, -1.0)


def bowl(problem: Any) -> np.ndarray:
    """Return the Hessian, (dim, dim), column by column: the gradient is linear."""
    instance = problem.instance(np.zeros(64, dtype=np.int64))
    unit = np.eye(problem.dim)
    return np.stack([instance.loss_and_grad(np.repeat(row[:, None], 64, 1))[1][:, 0] for row in unit], 1)


def logistic(problem: Any, params: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    """Return the Hessian of the binary cross-entropy of some rows, or of all, (dim, dim)."""
    x = problem.split.x_train if rows is None else problem.split.x_train[rows]
    p = 1 / (1 + np.exp(-x @ params))
    return (x.T * (p * (1 - p))) @ x / len(x) + problem.l2 * np.eye(len(params))


BOWL = PROBLEMS["quadratic_bowl"](dim=5, condition=10.0, rotated=True)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_estimate_is_the_one_where_and_on_what_the_gradient_is_taken(batch_size: int | None) -> None:
    problem = LogisticRegression(batch_size=batch_size)
    rule, seeds, steps = Probe(lr=0.5, every=np.array([1.0, 3.0])), np.array([4, 7]), 7
    trace = minimize(problem, rule, seeds, steps=steps, points=steps + 1, params=True)
    dim = len(trace.params)
    for lane, seed in enumerate(seeds):
        for t in range(1, steps + 1):
            before, after = trace.path[t - 1, :, lane], trace.path[t, :, lane]
            drawn = problem.batch(np.array([seed]), t - 1)
            hessian = logistic(problem, before, None if drawn is None else drawn[:, 0])
            signs = signs_of(seed, t - 1, dim)
            expected = signs * (hessian @ signs) if (t - 1) % rule.every[lane] == 0 else 1e-3
            np.testing.assert_allclose(after - before, 0.5 * expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "problem", [BOWL, PROBLEMS["mlp"](hidden=2, activation="tanh")], ids=lambda p: p.name
)
def test_on_average_the_estimate_is_the_diagonal(problem: Any) -> None:
    seeds = np.arange(64)
    with jax.enable_x64(True):
        instance = problem.instance(np.zeros(64, dtype=np.int64))
        if problem is not BOWL:
            instance = replace(instance, data=tuple(map(jax.numpy.asarray, instance.data)))
        start, batch = jax.numpy.asarray(instance.start), problem.batch(np.zeros(64, dtype=np.int64), 3)
        estimate = jax.jit(
            lambda step: hessian_diagonal(instance, start, batch, seeds, step, np.ones(64, bool))
        )
        found = [np.asarray(estimate(step)) for step in range(60)]
        of_gradient = jax.jacfwd(lambda at: instance.loss_and_grad(wide(at), batch)[1][:, 0])
        dense = np.asarray(of_gradient(start[:, 0]))
    estimates = np.concatenate(found, axis=1)  # (dim, 3840)
    spread = estimates.std(axis=1) / np.sqrt(estimates.shape[1])
    np.testing.assert_array_less(abs(estimates.mean(axis=1) - np.diag(dense)), 5 * spread + 1e-9)
    if problem is BOWL:
        np.testing.assert_allclose(dense, bowl(BOWL), rtol=1e-12, atol=1e-14)
    assert (spread > 0).any()


def wide(point: Any) -> Any:
    return jax.numpy.repeat(point[:, None], 64, axis=1)


def test_where_the_hessian_is_diagonal_the_estimate_is_exact() -> None:
    problem = PROBLEMS["quadratic_bowl"](dim=4, condition=10.0)
    trace = minimize(problem, Probe(), np.arange(3), steps=5, points=6, params=True)
    step = np.broadcast_to(problem.eigenvalues[None, :, None], (5, 4, 3))
    np.testing.assert_allclose(np.diff(trace.path, axis=0), step, rtol=1e-12)


def test_signs_depend_on_the_seed_and_the_step_alone() -> None:
    trace = minimize(
        BOWL, Probe(every=np.array([1.0, 1, 2])), np.array([3, 5, 3]), steps=3, points=4, params=True
    )
    moves = np.diff(trace.path, axis=0)
    assert same_bits(moves[0][:, 0], moves[0][:, 2])
    np.testing.assert_allclose(moves[2][:, 0], moves[2][:, 2], rtol=1e-12)
    assert (moves[0][:, 0] != moves[0][:, 1]).any()
    assert (moves[0][:, 0] != moves[1][:, 0]).any()


@pytest.mark.parametrize("seed", [0, 2**31 + 5, 2**32 - 1])
def test_the_largest_seeds_draw_the_same_signs_in_float32(seed: int) -> None:
    one, other = (
        minimize(BOWL, Probe(lr=0.01), np.array([seed]), steps=3, dtype=dtype)
        for dtype in ("float64", "float32")
    )
    np.testing.assert_allclose(one.params, other.params, rtol=1e-4)


@pytest.mark.parametrize(
    "problem",
    [QuadraticFit(), BOWL, LogisticRegression(data="wine", batch_size=16), PROBLEMS["mlp"](hidden=3)],
    ids=lambda problem: problem.name,
)
def test_a_lane_is_that_lane_in_any_company(problem: Problem) -> None:
    rule = Sophia(
        lr=np.geomspace(1e-4, 0.1, LANES),
        interval=np.resize([1.0, 2, 3, 10], LANES),
        gamma=np.geomspace(0.01, 1, LANES),
    )
    averaging = np.where(np.arange(LANES) % 2 == 0, 0.0, 0.9)

    def trace(lanes: Any, averaging: Any) -> Any:
        how = {"wrapper": Wrapper(averaging=averaging), "params": True}
        return minimize(problem, rule.take(lanes), SEEDS[lanes], steps=8, points=4, **how)

    whole = trace(slice(None), averaging)
    for lane in (0, 3, 69):
        assert different_fields(whole, [lane], trace([lane], float(averaging[lane]))) == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sophia_descends(dtype: str) -> None:
    trace = minimize(BOWL, Sophia(lr=0.1, gamma=1.0), np.arange(5), steps=300, dtype=dtype)
    assert (trace.suboptimality[-1] < 1e-3 * trace.suboptimality[0]).all()


# --- Engines ---


def test_auto_takes_the_compiled_engine_wherever_there_is_one() -> None:
    for cls in PROBLEMS.values():
        if "jax" in cls.engines:
            assert backend_of(cls(), optimizer=Sophia).engine == "jax"


class Plain(QuadraticFit):
    """A problem that JAX does not run."""

    engines = ("numpy",)


REFUSED = [
    (QuadraticFit(), "numpy", "engine must be jax for problem=quadratic and optimizer=sophia, got 'numpy'"),
    (Plain(), "auto", "no engine runs problem=quadratic and optimizer=sophia"),
    (Plain(), "jax", "no engine runs problem=quadratic and optimizer=sophia"),
]


@pytest.mark.parametrize(("problem", "engine", "message"), REFUSED)
def test_what_cannot_run_it_is_refused_in_one_line(problem: Problem, engine: str, message: str) -> None:
    with pytest.raises(ValueError, match="sophia") as error:
        minimize(problem, Sophia(), np.zeros(1), steps=1, engine=engine)
    assert str(error.value) == message


# --- What it costs ---


def counted(steps: int, interval: int) -> int:
    """Return the gradients of so many steps, one after the other: a product with the Hessian is two."""
    return sum(3 if step % interval == 0 else 1 for step in range(steps))


@pytest.mark.parametrize("interval", [1, 2, 3, 10, 1000])
def test_a_product_with_the_hessian_counts_as_two_gradients(interval: int) -> None:
    steps = np.array([0, 1, 2, 3, 9, 10, 11, 20, 999])
    found = Sophia(interval=interval).gradient_evaluations(steps)
    assert found.tolist() == [counted(n, interval) for n in steps.tolist()]
    assert found.dtype == np.int64


def test_an_interval_is_rounded_and_may_be_as_long_as_one_likes() -> None:
    steps = np.array([10, 10, 10])
    assert Sophia(interval=np.array([2.4, 1.6, 1e300])).gradient_evaluations(steps).tolist() == [20, 20, 12]
    trace = minimize(BOWL, Sophia(interval=np.array([2.4, 1e300])), np.zeros(2), steps=4)
    plain = minimize(BOWL, Sophia(interval=np.array([2.0, 1e9])), np.zeros(2), steps=4)
    assert different_fields(trace, slice(None), plain) == []


def test_a_diverged_run_has_paid_for_the_steps_that_it_took() -> None:
    settings = {
        "optimizer": {"name": "sophia", "interval": 2},
        "problem": {"name": "quadratic"},
        "seed": 0,
        "steps": 25,
        "record": {"points": 5, "params": False},
    }
    made = cell_of(settings, {"optimizer.lr": [0.01, 1e300]})
    trace = minimize(made.problem, made.optimizer, made.seeds, steps=25)
    assert trace.diverged_at.tolist() == [-1, 1]
    columns = run_columns(made, trace)
    assert columns["gradient_evaluations"].tolist() == [25 + 2 * 13, 3]
    gone = replace(trace, diverged_at=np.array([0, 12]))
    assert run_columns(made, gone)["gradient_evaluations"].tolist() == [0, 12 + 2 * 6]
