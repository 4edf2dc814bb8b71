"""Rules evaluated elsewhere, without a learning rate to choose, or with the Hessian; and the wrapper.

Against Optax and PyTorch, and against plain Python from the papers.
"""

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.point_settings import (
    AVERAGING,
    CLIPPED,
    CURVATURE,
    EMA_LR,
    GOAL,
    SETTINGS,
    START,
    STEPS,
    table,
)

from experiments.contracts.bits import different_fields, same_bits
from experiments.engine.minimize import minimize
from experiments.engine.overflow import has_overflowed
from optim import SGD, Adam, DAdaptAdam, Prodigy, ScheduleFree, Sophia
from optim.method import Method
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper
from problems import QuadraticFit

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "points.npz")
ABOUT = json.loads(str(REFERENCE["about"]))
RULES: dict[str, Any] = {
    "schedulefree": ScheduleFree,
    "prodigy": Prodigy,
    "dadaptation": DAdaptAdam,
    "sophia": Sophia,
}
CURVED, GOAL_AT = np.array(CURVATURE), np.array(GOAL)
FACTORS = [1.0] * STEPS
WARM = [(k + 1) / 11 for k in range(10)] + [1.0] * (STEPS - 10)


def follow(rule: Any, factors: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return where gradients are taken after every step, and the point that counts, (STEPS, dim)."""
    params = np.array(START)[:, None]
    state, path, points = rule.init(params), [], []
    for factor in factors:
        grads = CURVED[:, None] * (params - GOAL_AT[:, None])
        more = {"hessian": CURVED[:, None]} if rule.needs_hessian else {}
        updates, state = rule.at_rate(factor).update(grads, state, params, **more)
        params = params + updates
        path.append(params[:, 0])
        points.append(rule.evaluated(params, state)[:, 0])
    return np.array(path), np.array(points)


# --- Optax ---


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_path_is_the_one_of_optax(setting: str) -> None:
    name, values = SETTINGS[setting]
    path, points = follow(RULES[name](**values), FACTORS)
    np.testing.assert_allclose(path, REFERENCE[f"path {setting}"], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(points, REFERENCE[f"point {setting}"], rtol=1e-9, atol=1e-11)


def test_the_file_holds_the_settings_of_the_table() -> None:
    assert ABOUT["table"] == json.loads(json.dumps(table()))
    assert ABOUT["versions"].keys() == {"torch", "jax", "optax", "numpy"}


# --- Plain Python, from the papers ---


def schedulefree(factors: list[float], h: Any) -> list[list[float]]:
    """Defazio et al. (2024), algorithm 1; the weights are of the largest rate so far."""
    x, y, z, v = list(START), list(START), list(START), [0.0] * 3
    rates: list[float] = []
    points = []
    for t, factor in enumerate(factors, start=1):
        g = [c * (p - m) for c, p, m in zip(CURVATURE, y, GOAL, strict=True)]
        rate = h.lr * factor * (sqrt(1 - h.beta2**t) if h.adam else 1)
        rates.append(max([rate, *rates]))
        c = rates[-1] ** 2 / sum(r**2 for r in rates)
        for i in range(3):
            v[i] = h.beta2 * v[i] + (1 - h.beta2) * g[i] ** 2
            step = g[i] / (sqrt(v[i]) + h.eps) if h.adam else g[i]
            z[i] -= rate * (step + h.weight_decay * y[i])
            x[i] = (1 - c) * x[i] + c * z[i]
            y[i] = (1 - h.beta1) * z[i] + h.beta1 * x[i]
        points.append(list(x))
    return points


def prodigy(factors: list[float], h: Any) -> list[list[float]]:
    """Mishchenko & Defazio (2024), algorithm 4: sums written out, not kept as averages."""
    d, x, path = [h.d0], list(START), []
    grads: list[list[float]] = []
    inner: list[float] = []
    for t, factor in enumerate(factors, start=1):
        g = [c * (p - m) for c, p, m in zip(CURVATURE, x, GOAL, strict=True)]
        if not h.decoupled:
            g = [a + h.weight_decay * p for a, p in zip(g, x, strict=True)]
        grads.append(g)
        bias = sqrt(1 - h.beta2**t) / (1 - h.beta1**t) if h.bias_correction else 1.0
        rate = d[-1] * h.lr * factor * bias
        inner.append(d[-1] * rate * sum(a * (s - p) for a, s, p in zip(g, START, x, strict=True)))
        weights = [*getattr(prodigy, "weights", []), d[-1] * (d[-1] if h.safeguard_warmup else rate)]
        prodigy.weights = weights  # type: ignore[attr-defined]
        decay = [sqrt(h.beta2) ** (t - 1 - k) for k in range(t)]
        top = sum(f * r for f, r in zip(decay, inner, strict=True))
        below = sum(
            abs(sum(f * w * a[i] for f, w, a in zip(decay, weights, grads, strict=True))) for i in range(3)
        )
        used = d[-1]
        d.append(max(used, h.d_coef * top / below))
        for i in range(3):
            scaled = [e * a[i] for e, a in zip(d, grads, strict=False)]
            m = sum((1 - h.beta1) * h.beta1 ** (t - 1 - k) * s for k, s in enumerate(scaled))
            v = sum((1 - h.beta2) * h.beta2 ** (t - 1 - k) * s**2 for k, s in enumerate(scaled))
            shrunk = rate * h.weight_decay * x[i] if h.decoupled else 0.0
            x[i] -= rate * m / (sqrt(v) + d[-1] * h.eps) + shrunk
        path.append(list(x))
    del prodigy.weights  # type: ignore[attr-defined]
    return path


def dadaptation(factors: list[float], h: Any) -> list[list[float]]:
    """Defazio & Mishchenko (2023), algorithm 5, with the inner products of the authors' code."""
    d, x, path = h.d0, list(START), []
    m, v, s = [0.0] * 3, [0.0] * 3, [0.0] * 3
    r, root = 0.0, sqrt(h.beta2)
    for t, factor in enumerate(factors, start=1):
        g = [c * (p - q) for c, p, q in zip(CURVATURE, x, GOAL, strict=True)]
        if not h.decoupled:
            g = [a + h.weight_decay * p for a, p in zip(g, x, strict=True)]
        bias = sqrt(1 - h.beta2**t) / (1 - h.beta1**t) if h.bias_correction else 1.0
        rate = d * h.lr * factor * bias
        r = root * r + (1 - root) * rate * sum(g[i] * s[i] / (sqrt(v[i]) + h.eps) for i in range(3))
        for i in range(3):
            m[i] = h.beta1 * m[i] + (1 - h.beta1) * rate * g[i]
            v[i] = h.beta2 * v[i] + (1 - h.beta2) * g[i] ** 2
            s[i] = root * s[i] + (1 - root) * rate * g[i]
            shrunk = rate * h.weight_decay * x[i] if h.decoupled else 0.0
            x[i] -= m[i] / (sqrt(v[i]) + h.eps) + shrunk
        d = max(d, r / ((1 - root) * sum(map(abs, s))))
        path.append(list(x))
    return path


def sophia(factors: list[float], h: Any) -> list[list[float]]:
    """Liu et al. (2023), algorithm 3, where every estimate is the diagonal itself."""
    x, m, e, path = list(START), [0.0] * 3, [0.0] * 3, []
    for t, factor in enumerate(factors, start=1):
        for i in range(3):
            m[i] = h.beta1 * m[i] + (1 - h.beta1) * CURVATURE[i] * (x[i] - GOAL[i])
            if h.interval == 1 or t % h.interval == 1:
                e[i] = h.beta2 * e[i] + (1 - h.beta2) * CURVATURE[i]
            x[i] -= h.lr * factor * h.weight_decay * x[i]
            x[i] -= h.lr * factor * max(-1.0, min(1.0, m[i] / max(h.gamma * e[i], h.eps)))
        path.append(list(x))
    return path


BY_HAND = [
    (schedulefree, ScheduleFree(lr=0.1, beta2=0.9, weight_decay=0.1)),
    (schedulefree, ScheduleFree(lr=0.1, beta1=0.0, adam=False)),
    (schedulefree, ScheduleFree(lr=0.1, beta1=1.0, adam=False, weight_decay=0.1)),
    (prodigy, Prodigy()),
    (prodigy, Prodigy(decoupled=False, weight_decay=0.1, d_coef=0.5)),
    (prodigy, Prodigy(bias_correction=True, weight_decay=0.1, safeguard_warmup=True)),
    (dadaptation, DAdaptAdam()),
    (dadaptation, DAdaptAdam(weight_decay=0.1, lr=2.0, beta2=0.9)),
    (dadaptation, DAdaptAdam(weight_decay=0.1, decoupled=True, bias_correction=True)),
    (sophia, Sophia(lr=0.05, gamma=0.5, interval=7.0)),
    (sophia, Sophia(lr=0.05, gamma=1.0, interval=1.0, weight_decay=0.1)),
]


@pytest.mark.parametrize("factors", [FACTORS, WARM, WARM[::-1]], ids=["constant", "warm-up", "decay"])
@pytest.mark.parametrize(("oracle", "rule"), BY_HAND)
def test_the_path_is_the_one_of_the_paper(oracle: Any, rule: Any, factors: list[float]) -> None:
    np.testing.assert_allclose(follow(rule, factors)[1], oracle(factors, rule), rtol=1e-8, atol=1e-10)


def test_the_authors_schedule_free_form_has_the_same_points() -> None:
    """Their code keeps y and z, and takes x out of them: x = y + (1 - 1 / beta) (z - y)."""
    rule = ScheduleFree(lr=0.1, adam=False, weight_decay=0.1)
    y = z = np.array(START)
    total = 0.0
    path, points = follow(rule, FACTORS)
    for row in range(STEPS):
        g = CURVED * (y - GOAL_AT) + 0.1 * y
        total += 0.1**2
        share = 0.1**2 / total
        y = y + share * (z - y) + 0.1 * (0.9 * (1 - share) - 1) * g
        z = z - 0.1 * g
        np.testing.assert_allclose(path[row], y, rtol=1e-10)
        np.testing.assert_allclose(points[row], y + (1 - 1 / 0.9) * (z - y), rtol=1e-9)


@pytest.mark.parametrize("rule", [Prodigy(), DAdaptAdam(), ScheduleFree(), Sophia()], ids=lambda r: r.name)
def test_gradients_of_zero_move_nothing_and_no_operation_fails(rule: Any) -> None:
    params = np.array(START)[:, None]
    state = rule.init(params)
    with np.errstate(all="raise"):
        for factor in (0.0, 1.0, 0.0, 1.0):  # a schedule may begin with 0
            updates, state = rule.at_rate(factor).update(np.zeros((3, 1)), state, params)
            assert not updates.any()
        for first in (state, rule.init(params)):
            updates, after = rule.at_rate(0.0).update(np.ones((3, 1)), first, params)
            assert not updates.any()
            assert not has_overflowed(after, 1).any()


@pytest.mark.parametrize("rule", [Prodigy(), DAdaptAdam()], ids=lambda rule: rule.name)
def test_the_estimate_grows_to_the_size_of_the_distance(rule: Any, engine: str) -> None:
    scale = np.array([1.0, 1.0, 1e3])
    params = np.array(START)[:, None] * scale
    state = rule.init(params)
    for _ in range(200):
        updates, after = rule.update(CURVED[:, None] * params, state, params)
        assert (after.distance >= state.distance).all()
        params, state = params + updates, after
    assert same_bits(state.distance[[0]], state.distance[[1]])
    assert (state.distance > 1e-3).all()
    assert (state.distance[:2] < 2 * np.abs(START).max()).all()  # of the size of the largest distance
    trace = minimize(QuadraticFit(), rule, np.arange(3), steps=500, engine=engine)
    assert (trace.loss[-1] < 0.1 * trace.loss[0]).all()


def test_a_decay_where_gradients_are_taken_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"optimizer=schedulefree is evaluated elsewhere; it must be 0"):
        Method(ScheduleFree(), wrapper=Wrapper(decoupled_decay=np.array([0.0, 0.1])))


# --- The wrapper ---

WRAPPERS: list[dict[str, float]] = [
    {"clip_norm": 5.0},
    {"clip_value": 0.5},
    {"decoupled_decay": 0.1},
    {"averaging": 0.9},
    {"clip_norm": 5.0, "clip_value": 2.0, "decoupled_decay": 0.1, "averaging": 0.5},
]


def by_hand(wrapper: dict[str, float], factors: list[float]) -> np.ndarray:
    """Return the points that count over 30 steps of gradient descent from seed 2."""
    instance = QuadraticFit().instance(np.full(64, 2))
    place, average, points = instance.start[:, 0], instance.start[:, 0], []
    for factor in factors:
        grads = instance.loss_and_grad(np.repeat(place[:, None], 64, axis=1))[1][:, 0]
        if norm := wrapper.get("clip_norm"):
            length = sqrt(sum(float(g) ** 2 for g in grads))
            grads = grads * (norm / length if length > norm else 1.0)
        if most := wrapper.get("clip_value"):
            grads = np.array([max(-most, min(most, float(g))) for g in grads])
        place = place - 0.05 * factor * grads - 0.05 * factor * wrapper.get("decoupled_decay", 0.0) * place
        kept = wrapper.get("averaging", 0.0)
        average = kept * average + (1 - kept) * place
        points.append(average)
    return np.array(points)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("wrapper", WRAPPERS, ids=str)
def test_each_part_of_the_wrapper_is_what_it_says(
    wrapper: dict[str, float], schedule: str, engine: str
) -> None:
    rule = SCHEDULES[schedule]()
    factors = [float(rule.factor(k, 30)) for k in range(30)]
    how = {"wrapper": Wrapper(**wrapper), "schedule": rule, "engine": engine, "params": True}
    trace = minimize(QuadraticFit(), SGD(lr=0.05), np.array([2]), steps=30, points=31, **how)
    expected = by_hand(wrapper, factors)
    np.testing.assert_allclose(trace.path[1:, :, 0], expected, rtol=1e-10)
    instance = QuadraticFit().instance(np.full(64, 2))
    losses = [instance.loss(np.repeat(point[:, None], 64, axis=1))[0] for point in expected]
    np.testing.assert_allclose(trace.loss[1:, 0], losses, rtol=1e-9)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "decoupled_decay", "averaging"])
def test_lanes_with_a_part_on_and_off_have_the_bits_of_each_alone(name: str, engine: str) -> None:
    values, seeds = np.array([0.0, 0.3, 0.0, 0.9, 0.3]), np.array([0, 1, 2, 3, 1])
    rule = Adam(lr=np.array([0.1, 0.1, 0.05, 0.2, 0.1]))

    def trace(lanes: Any, wrapper: Wrapper) -> Any:
        how = {"wrapper": wrapper, "engine": engine, "params": True}
        return minimize(QuadraticFit(), rule.take(lanes), seeds[lanes], steps=30, points=5, **how)

    mixed = trace(slice(None), Wrapper(**{name: values}))
    for lane, value in enumerate(values):
        alone = trace([lane], Wrapper(**{name: float(value)}))
        assert different_fields(mixed, [lane], alone) == []
    plain = minimize(
        QuadraticFit(), rule.take([0, 2]), seeds[[0, 2]], steps=30, points=5, engine=engine, params=True
    )
    assert different_fields(mixed, [0, 2], plain) == []


@pytest.mark.parametrize("most", CLIPPED)
def test_the_norm_is_clipped_as_optax_does_and_pytorch_but_for_a_millionth(most: float) -> None:
    grads = REFERENCE["grads"].T
    found = Wrapper(clip_norm=most).clipped(grads).T
    np.testing.assert_allclose(found, REFERENCE[f"optax clipped {most}"], rtol=1e-14)
    length = np.sqrt((grads**2).sum(axis=0))
    shorter = np.where(length + 1e-6 > most, np.maximum(length, most) / (length + 1e-6), 1.0)
    np.testing.assert_allclose(found * shorter[:, None], REFERENCE[f"torch clipped {most}"], rtol=1e-14)


def test_averages_are_those_of_pytorchs_averaged_model() -> None:
    params = average = np.array(START)[:, None]
    wrapper, points = Wrapper(averaging=AVERAGING), []
    for _ in range(STEPS):
        params = params - EMA_LR * CURVED[:, None] * (params - GOAL_AT[:, None])
        average = wrapper.averaged(average, params)
        points.append(average[:, 0])
    np.testing.assert_allclose(points, REFERENCE["torch average"], rtol=1e-12)
