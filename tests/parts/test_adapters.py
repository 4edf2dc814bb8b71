"""Rules of Optax and PyTorch under this project's contract, and Lookahead around any rule."""

import sys
from contextlib import redirect_stderr
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import here

from experiments.contracts.bits import different_fields
from experiments.engine.minimize import minimize
from experiments.engine.trace import Trace
from experiments.store import Store
from optim import ADAPTERS, OPTIMIZERS, Optimizer
from optim.lookahead import around
from problems import PROBLEMS

needs_optax = pytest.mark.skipif(find_spec("optax") is None, reason="Optax is not installed")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")


if find_spec("optax"):
    with redirect_stderr(sys.__stderr__):  # absl, which comes with it, closes the stream that it finds here
        import_module("optax")


def adapted(library: str, rule: str, **values: Any) -> Optimizer:
    return ADAPTERS[library].of({"rule": rule, **values})(**values)


def traced(
    rule: Optimizer, problem: str = "rosenbrock", lanes: int = 3, engine: str = "auto", steps: int = 60
) -> Trace:
    return minimize(PROBLEMS[problem](), rule, np.arange(lanes), steps=steps, points=steps + 1, engine=engine)


# Lookahead


def scalar_lookahead(theta: float, grads: list[float], lr: float, k: int, alpha: float) -> list[float]:
    """Zhang et al. (2019), algorithm 1 around gradient descent: the fast weights after every step."""
    slow, path = theta, []
    for step, grad in enumerate(grads, 1):
        theta -= lr * grad
        if step % k == 0:
            slow += alpha * (theta - slow)
            theta = slow
        path.append(theta)
    return path


@pytest.mark.parametrize("k", [1, 3])
def test_lookahead_is_the_papers_algorithm(k: int) -> None:
    grads = np.random.default_rng(0).standard_normal(20)
    rule = around("sgd")(lr=0.1, sync_interval=k, slow_rate=0.3)
    params, path = np.array([[1.0]]), []
    state = rule.init(params)
    for grad in grads:
        updates, state = rule.update(np.array([[grad]]), state, params)
        params = params + updates
        path.append(params[0, 0])
    np.testing.assert_allclose(path, scalar_lookahead(1.0, list(grads), 0.1, k, 0.3), rtol=1e-13)


def test_lookahead_at_every_step_and_all_the_way_is_its_inner_rule() -> None:
    inner = traced(OPTIMIZERS["adam"](lr=0.01))
    outer = traced(around("adam")(lr=0.01, sync_interval=1.0, slow_rate=1.0))
    np.testing.assert_allclose(outer.loss, inner.loss, rtol=1e-9)


def test_the_losses_of_lookahead_stay_between_synchronisations(engine: str) -> None:
    loss = traced(around("sgd")(lr=1e-4, sync_interval=4.0), engine=engine).loss
    changed = (np.diff(loss, axis=0) != 0).any(axis=1)
    assert np.flatnonzero(changed).tolist() == list(range(3, 60, 4))


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("lookahead", "optimizer.inner=lookahead: its own losses are not those at its parameters"),
        ("adm", "optimizer.inner must be one of adabelief, adabound, "),
    ],
)
def test_what_lookahead_cannot_be_around_is_named(inner: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        around(inner)


@needs_optax
@pytest.mark.parametrize("inner", ["sgd", "adam"])
def test_lookahead_is_optaxs(inner: str) -> None:
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(0)
    grads = rng.standard_normal((20, 3)).astype(np.float32)
    theirs = optax.lookahead(getattr(optax, inner)(0.1), sync_period=5, slow_step_size=0.5)
    pair = optax.LookaheadParams.init_synced(jnp.ones(3))
    state = theirs.init(pair)
    rule, params = around(inner)(lr=0.1), np.ones((3, 1))
    own = rule.init(params)
    for grad in grads:
        moved, state = theirs.update(jnp.asarray(grad), state, pair)
        pair = optax.apply_updates(pair, moved)
        updates, own = rule.update(grad[:, None].astype(float), own, params)
        params = params + updates
        np.testing.assert_allclose(params[:, 0], pair.fast, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(rule.evaluated(params, own)[:, 0], pair.slow, rtol=2e-5, atol=1e-6)


def test_lookahead_takes_the_keys_of_its_inner_rule_alone_and_in_a_grid(tmp_path: Path) -> None:
    words = ["optimizer=lookahead", "optimizer.inner=sgd", "optimizer.momentum=0.5", "steps=20"]
    alone = here(tmp_path, "run", *words)
    assert (alone.code, alone.out.split(",")[0]) == (0, "lookahead.sgd on quadratic")
    grid = here(tmp_path, "run", "-m", *words, "optimizer.lr=0.01,0.1", "optimizer.nesterov=true,false")
    assert grid.code == 0, grid.err
    assert "3 runs done, 1 reused" in grid.out
    assert here(tmp_path, "check", "study=default").code == 0


# Rules of Optax and PyTorch


@needs_optax
@pytest.mark.parametrize(
    ("native", "values", "rule", "others"),
    [
        ("adam", {"lr": 0.01}, "adam", {"lr": 0.01}),
        ("adam", {"lr": 0.01, "beta1": 0.5, "beta2": 0.9}, "adam", {"lr": 0.01, "b1": 0.5, "b2": 0.9}),
        ("sgd", {"lr": 1e-4, "momentum": 0.9}, "sgd", {"lr": 1e-4, "momentum": 0.9}),
        ("rmsprop", {"lr": 0.01}, "rmsprop", {"lr": 0.01, "eps_in_sqrt": False}),
    ],
    ids=["adam", "adam's decays", "sgd", "rmsprop"],
)
def test_optax_agrees_with_the_native_rule(
    native: str, values: dict[str, Any], rule: str, others: dict[str, Any]
) -> None:
    ours = traced(OPTIMIZERS[native](**values), engine="jax")
    np.testing.assert_allclose(traced(adapted("optax", rule, **others)).loss, ours.loss, rtol=1e-9)


@needs_torch
@pytest.mark.parametrize(
    ("native", "values", "rule", "others"),
    [
        ("adam", {"lr": 0.01}, "Adam", {"lr": 0.01}),
        (
            "adam",
            {"lr": 0.01, "beta1": 0.5, "amsgrad": True},
            "Adam",
            {"lr": 0.01, "beta1": 0.5, "amsgrad": True},
        ),
        ("sgd", {"lr": 1e-4, "momentum": 0.9}, "SGD", {"lr": 1e-4, "momentum": 0.9}),
        ("adagrad", {"lr": 0.1}, "Adagrad", {"lr": 0.1}),
    ],
    ids=["adam", "amsgrad", "sgd", "adagrad"],
)
def test_pytorch_agrees_with_the_native_rule(
    native: str, values: dict[str, Any], rule: str, others: dict[str, Any]
) -> None:
    ours = traced(OPTIMIZERS[native](**values), engine="numpy")
    np.testing.assert_allclose(traced(adapted("torch", rule, **others)).loss, ours.loss, rtol=1e-9)


@needs_optax
@pytest.mark.parametrize("rule", ["adam", "lamb", "prodigy", "sm3", "schedule_free_sgd"])
def test_an_optax_lane_is_the_same_bits_alone(rule: str) -> None:
    lr = np.geomspace(1e-4, 1e-1, 70)
    whole = minimize(PROBLEMS["rosenbrock"](), adapted("optax", rule, lr=lr), np.arange(70), steps=40)
    part = minimize(
        PROBLEMS["rosenbrock"](), adapted("optax", rule, lr=lr[66:68]), np.arange(66, 68), steps=40
    )
    assert different_fields(whole, slice(66, 68), part) == []


@needs_torch
def test_a_pytorch_lane_is_the_same_bits_alone() -> None:
    momentum = np.array([0.0, 0.5, 0.9])
    whole = traced(adapted("torch", "SGD", lr=1e-4, momentum=momentum), steps=20)
    part = traced(adapted("torch", "SGD", lr=1e-4, momentum=momentum[:2]), lanes=2, steps=20)
    assert different_fields(whole, slice(0, 2), part) == []


@needs_optax
@pytest.mark.parametrize("rule", ["muon", "adafactor", "lars", "galore"])
def test_an_optax_rule_sees_the_arrays_of_a_problem(rule: str) -> None:
    loss = traced(adapted("optax", rule, lr=0.01), "matrix_factorisation", lanes=2, steps=10).loss
    assert np.isfinite(loss).all()
    assert (loss[-1] != loss[0]).all()


@needs_optax
def test_muon_of_optax_does_other_things_to_matrices_than_to_vectors() -> None:
    from optim.adapters.optax_rule import Optax

    rule = Optax.of({"rule": "muon"})()
    matrix = {"weights": np.random.default_rng(0).standard_normal((4, 3, 1))}
    flat = {"weights": matrix["weights"].reshape(12, 1)}
    by_matrix = rule.update(matrix, rule.init(matrix), matrix)[0]["weights"]
    by_vector = rule.update(flat, rule.init(flat), flat)[0]["weights"]
    assert not np.allclose(np.asarray(by_matrix).ravel(), np.asarray(by_vector).ravel(), rtol=0.01)


@needs_optax
def test_every_rule_of_optax_runs_or_says_what_it_needs() -> None:
    refused = {}
    for rule in ADAPTERS["optax"].rules():
        try:
            ADAPTERS["optax"].of({"rule": rule})
        except ValueError as error:
            refused[rule] = f"{error}".partition(" needs ")[2].partition(", which")[0]
    needs = {
        "lbfgs": "value and grad and value_fn",
        "polyak_sgd": "value",
        "momo": "value",
        "sophia": "obj_fn",
        "noisy_sgd": "key",
        "schedule_free": "base_optimizer",
    }
    assert refused.items() >= needs.items()
    assert all(refused.values())


@needs_optax
def test_a_schedule_multiplies_the_learning_rate_of_optax(tmp_path: Path) -> None:
    words = ["schedule=exponential", "engine=jax", "steps=50"]
    assert here(tmp_path, "run", "-m", "optimizer=adam,optax", "optimizer.lr=0.1", *words).code == 0
    runs = Store(tmp_path / "results" / "default").runs().set_index("optimizer")["loss"]
    np.testing.assert_allclose(runs["optax.adam"], runs["adam"], rtol=1e-9)


@needs_optax
def test_a_study_of_adam_and_optaxs_is_checked_reported_and_found_again(tmp_path: Path) -> None:
    words = ["-m", "optimizer=adam,optax", "optimizer.rule=adam", "seed=0,1,2", "steps=50", "engine=jax"]
    words += ["optimizer.learning_rate=logspace:1e-2:1:3", "optimizer.b1=0.9,0.8"]
    assert here(tmp_path, "run", *words).code == 0
    again = here(tmp_path, "run", *words)
    assert "0 runs done, 27 reused" in again.out
    assert here(tmp_path, "check", "study=default").code == 0
    runs = Store(tmp_path / "results" / "default").runs()
    assert set(runs["optimizer.rule"].dropna()) == {"adam"}
    usual = runs[runs["optimizer.b1"].isna() | (runs["optimizer.b1"] == 0.9)]
    wide = usual.pivot(index=["optimizer.lr", "seed"], columns="optimizer", values="loss")
    np.testing.assert_allclose(wide["optax.adam"], wide["adam"], rtol=1e-9)
    assert here(tmp_path, "report", "study=default").code == 0
    report = (tmp_path / "results" / "default" / "report" / "report.md").read_text(encoding="utf-8")
    assert "optax.adam" in report


REFUSED = [
    (["optimizer.rule=adm"], "optimizer.rule=adm: optax has no such rule; near are adam, "),
    (
        ["optimizer.beta1=0.5"],
        "optimizer.beta1=0.5: optax.adam has no beta1; it has rule, version, lr, b1, b2",
    ),
    (["-m", "optimizer.beta1=0.5,0.6"], "optimizer.beta1=0.5,0.6: optax.adam has no beta1; it has "),
    (["optimizer.b1=x"], "optax.adam: b1 must be a number in (-inf, inf), got 'x'"),
    (["engine=numpy"], "engine must be jax for problem=quadratic and optimizer=optax, got 'numpy'"),
    (["optimizer.version=1"], "optax.adam: version must be "),
    (["optimizer.rule=polyak_sgd"], "optimizer.rule=polyak_sgd needs value, which no rule is given here"),
]


@needs_optax
@pytest.mark.parametrize(("words", "line"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_optax_does_not_have_is_named(tmp_path: Path, words: list[str], line: str) -> None:
    ended = here(tmp_path, "run", "optimizer=optax", *words)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ended.err.startswith(f"error: {line}")


@needs_torch
def test_pytorch_needs_numpys_engine(tmp_path: Path) -> None:
    line = "error: engine must be numpy for problem=quadratic and optimizer=torch, got 'jax'\n"
    assert here(tmp_path, "run", "optimizer=torch", "engine=jax").err == line


@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.parametrize("grid", [[], ["-m", "seed=0,1"]], ids=["alone", "grid"])
def test_without_its_library_an_adapter_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, grid: list[str]
) -> None:
    monkeypatch.setattr("optim.adapters.base.find_spec", lambda name: None)
    ended = here(tmp_path, "run", f"optimizer={library}", *grid)
    line = f"error: optimizer={library} needs {library}, which is not installed here"
    assert (ended.code, ended.err) == (2, f"{line} (pip install -e '.[peers]')\n")
