"""Make ``points.npz``: what Optax and PyTorch do on a quadratic bowl, without our code.

Run it where the extra ``peers`` is installed: ``python tests/reference/make_points.py``.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from optax import contrib
from point_settings import AVERAGING, CLIPPED, CURVATURE, EMA_LR, GOAL, SETTINGS, START, STEPS, table

FILE = Path(__file__).with_name("points.npz")
LIBRARIES = ("torch", "jax", "optax", "numpy")


def gradient(params: Any) -> Any:
    return jnp.array(CURVATURE) * (params - jnp.array(GOAL))


def schedulefree(
    *, lr: float, beta1: float = 0.9, beta2: float = 0.999, weight_decay: float = 0.0, adam: bool = True
) -> optax.GradientTransformation:
    """The paper's algorithm: its rate, and so its weights, have the bias correction."""
    if not adam:
        return contrib.schedule_free_sgd(lr, b1=beta1, weight_decay=weight_decay)

    def rate(step: Any) -> Any:  # of the step that begins with 1
        return lr * jnp.sqrt(1 - beta2**step)

    base = optax.chain(
        optax.scale_by_rms(decay=beta2, eps=1e-8, eps_in_sqrt=False, bias_correction=False),
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(lambda step: rate(step + 1)),
    )
    return contrib.schedule_free(base, learning_rate=rate, b1=beta1)


def prodigy(
    *, bias_correction: bool, d_coef: float = 1.0, **others: Any
) -> optax.GradientTransformationExtraArgs:
    lr = others.pop("lr", 1.0)
    return contrib.prodigy(lr, estim_lr_coef=d_coef, **others)


def dadaptation(*, weight_decay: float = 0.0, **_: Any) -> optax.GradientTransformationExtraArgs:
    return contrib.dadapt_adamw(1.0, weight_decay=weight_decay)


def sophia(*, lr: float, gamma: float, interval: float, weight_decay: float = 0.0) -> Any:
    """Optax's rule, which sees an estimate a step late, is shown the first before the first step.

    The average of gradients is taken outside of it, since it would correct its bias.
    """
    return optax.chain(
        optax.ema(0.96, debias=False),
        contrib.sophia(
            lr,
            b1=0.0,
            eps=1e-12,
            gamma=gamma,
            weight_decay=weight_decay,
            update_interval=int(interval),
        ),
    )


def loss(params: Any) -> Any:
    return jnp.sum(jnp.array(CURVATURE) * (params - jnp.array(GOAL)) ** 2) / 2


MAKERS: dict[str, Callable[..., Any]] = {
    "schedulefree": schedulefree,
    "prodigy": prodigy,
    "dadaptation": dadaptation,
    "sophia": sophia,
}


def followed(name: str, values: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return where gradients are taken after every step, and the point whose loss counts."""
    rule, params = MAKERS[name](**values), jnp.array(START)
    state = rule.init(params)
    more = {"obj_fn": loss} if name == "sophia" else {}
    if more:
        _, state = rule.update(jnp.zeros_like(params), state, params, **more)
    path, points = [], []
    for _ in range(STEPS):
        updates, state = rule.update(gradient(params), state, params, **more)
        params = optax.apply_updates(params, updates)
        path.append(params)
        points.append(contrib.schedule_free_eval_params(state, params) if name == "schedulefree" else params)
    return np.array(path), np.array(points)


def clipped_by_torch(grads: np.ndarray, most: float) -> np.ndarray:
    rows = []
    for row in grads:
        place = torch.zeros(len(row), dtype=torch.float64, requires_grad=True)
        place.grad = torch.tensor(row)
        torch.nn.utils.clip_grad_norm_([place], most)
        rows.append(place.grad.numpy().copy())
    return np.array(rows)


def clipped_by_optax(grads: np.ndarray, most: float) -> np.ndarray:
    rule = optax.clip_by_global_norm(most)
    return np.array([rule.update(jnp.array(row), rule.init(row))[0] for row in grads])


def averaged_by_torch() -> np.ndarray:
    """Return the averages that PyTorch makes of the path of its gradient descent."""
    model = torch.nn.Linear(3, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([START], dtype=torch.float64))
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGING)
    )
    average.update_parameters(model)  # which takes over the start
    rule, points = torch.optim.SGD(model.parameters(), lr=EMA_LR), []
    for _ in range(STEPS):
        model.weight.grad = torch.tensor([CURVATURE]).double() * (
            model.weight.detach() - torch.tensor([GOAL], dtype=torch.float64)
        )
        rule.step()
        average.update_parameters(model)
        points.append(average.module.weight.detach().numpy()[0].copy())
    return np.array(points)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    arrays: dict[str, np.ndarray] = {}
    for setting, (name, values) in SETTINGS.items():
        arrays[f"path {setting}"], arrays[f"point {setting}"] = followed(name, values)
    grads = np.random.default_rng(0).standard_normal((20, 5))
    arrays["grads"] = grads
    for most in CLIPPED:
        arrays[f"torch clipped {most}"] = clipped_by_torch(grads, most)
        arrays[f"optax clipped {most}"] = clipped_by_optax(grads, most)
    arrays["torch average"] = averaged_by_torch()
    about = {"versions": {name: version(name) for name in LIBRARIES}, "table": table()}
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
