"""Make ``layers.npz``: what PyTorch and Optax do to a problem's arrays, without our code.

Run it where the extra ``peers`` is installed: ``python tests/reference/make_layers.py``.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import torch
from layer_settings import SETTINGS, SHAPES, STEPS, Setting, flat, loss_and_grads, start, table

FILE = Path(__file__).with_name("layers.npz")
LIBRARIES = ("torch", "jax", "optax", "numpy")

OPTAX: dict[str, Callable[..., optax.GradientTransformation]] = {
    "lars": lambda lr, trust, **others: optax.lars(lr, trust_coefficient=trust, **others),
    "lamb": lambda lr, **others: optax.lamb(lr, **renamed(others)),
    "novograd": lambda lr, **others: optax.novograd(lr, **renamed(others)),
}


def renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with Optax's names of the decays."""
    names = {"beta1": "b1", "beta2": "b2"}
    return {names.get(name, name): value for name, value in options.items()}


def by_optax(setting: Setting) -> np.ndarray:
    """Return the numbers of all arrays after each step, shape (steps, numbers)."""
    rule = OPTAX[setting.optimizer](**setting.options)
    params: Any = start()
    state, path = rule.init(params), []
    for _ in range(STEPS):
        grads = loss_and_grads({name: np.asarray(array) for name, array in params.items()})[1]
        updates, state = rule.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        path.append(flat(params))
    return np.array(path)


def adafactor(
    params: dict[str, Any],
    *,
    decay: float = 0.8,
    eps1: float | None = None,
    eps2: float = 1e-3,
    **others: Any,
) -> list[Any]:
    clipping = others.pop("clipping", 1.0)
    arrays = list(params.values())
    return [torch.optim.Adafactor(arrays, beta2_decay=-decay, eps=(eps1, eps2), d=clipping, **others)]


def muon(params: dict[str, Any], **options: Any) -> list[Any]:
    """Return Muon for matrices and AdamW for vectors, with the defaults of Muon's authors."""
    adam = {"lr": 3e-4, "beta1": 0.9, "beta2": 0.95, "eps": 1e-10, "weight_decay": 0.0}
    adam |= {name.removeprefix("adam_"): value for name, value in options.items() if name.startswith("adam_")}
    own = {name: value for name, value in options.items() if not name.startswith("adam_")}
    betas = adam.pop("beta1"), adam.pop("beta2")
    vectors = [array for array in params.values() if array.ndim == 1]
    matrices = [array for array in params.values() if array.ndim > 1]
    return [
        torch.optim.Muon(matrices, **{"weight_decay": 0.0, **own}),
        torch.optim.AdamW(vectors, betas=betas, **adam),
    ]


TORCH: dict[str, Callable[..., list[Any]]] = {"adafactor": adafactor, "muon": muon}


def by_torch(setting: Setting) -> np.ndarray:
    """Return the same as ``by_optax``, from PyTorch, which has Muon for arrays of two axes only."""
    begin = start()
    if setting.optimizer == "muon":
        begin["kernel"] = begin["kernel"].reshape(len(begin["kernel"]), -1)
    params = {name: torch.tensor(array, requires_grad=True) for name, array in begin.items()}
    rules, path = TORCH[setting.optimizer](params, **setting.options), []
    for _ in range(STEPS):
        arrays = {name: array.detach().numpy().reshape(SHAPES[name]) for name, array in params.items()}
        for name, grad in loss_and_grads(arrays)[1].items():
            params[name].grad = torch.tensor(grad).reshape(params[name].shape)
        for rule in rules:
            rule.step()
        path.append(flat({name: array.detach().numpy() for name, array in params.items()}))
    return np.array(path)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    torch.Tensor.bfloat16 = torch.Tensor.clone  # Muon in float64
    made = {"torch": by_torch, "optax": by_optax}
    arrays = {name: made[setting.library](setting) for name, setting in SETTINGS.items()}
    about = {"versions": {name: version(name) for name in LIBRARIES}, "table": table()}
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE.name}: {len(arrays)} paths, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
