"""The small problem of arrays, and the settings, of which ``layers.npz`` holds what peers make."""

import json
from typing import Any, NamedTuple

import numpy as np

SHAPES = {"first": (4, 3), "shift": (3,), "second": (3, 2), "offset": (2,), "kernel": (2, 3, 2)}
"""Two layers with biases, and a trilinear form: arrays of one, two and three axes."""

STEPS = 25
EXAMPLES = 8

Arrays = dict[str, np.ndarray]


class Setting(NamedTuple):
    """An optimizer, its hyperparameters, and the library that has the same."""

    optimizer: str
    options: dict[str, Any]
    library: str


SETTINGS = {
    "lars": Setting("lars", {"lr": 0.5, "trust": 0.1}, "optax"),
    "lars_nesterov": Setting(
        "lars", {"lr": 0.5, "trust": 0.1, "momentum": 0.5, "nesterov": True, "eps": 0.3}, "optax"
    ),
    "lamb": Setting("lamb", {"lr": 0.05}, "optax"),
    "lamb_decay": Setting(
        "lamb", {"lr": 0.02, "beta1": 0.8, "beta2": 0.9, "eps": 0.01, "weight_decay": 0.1}, "optax"
    ),
    "novograd": Setting("novograd", {"lr": 0.02}, "optax"),
    "novograd_decay": Setting(
        "novograd", {"lr": 0.02, "beta1": 0.8, "beta2": 0.9, "eps": 0.01, "weight_decay": 0.1}, "optax"
    ),
    "adafactor": Setting("adafactor", {"lr": 0.1}, "torch"),
    "adafactor_decay": Setting(
        "adafactor",
        {"lr": 0.5, "decay": 0.6, "eps1": 1e-3, "eps2": 0.5, "clipping": 1.2, "weight_decay": 0.1},
        "torch",
    ),
    "muon": Setting("muon", {"lr": 0.05}, "torch"),
    "muon_decay": Setting(
        "muon",
        {
            **{"lr": 0.05, "momentum": 0.8, "nesterov": False, "weight_decay": 0.1},
            **{"adam_lr": 0.01, "adam_beta1": 0.8, "adam_beta2": 0.9, "adam_eps": 0.01},
            "adam_weight_decay": 0.2,
        },
        "torch",
    ),
}


def table() -> Any:
    """Return the settings as JSON has them."""
    return json.loads(json.dumps(SETTINGS))


def data() -> Arrays:
    """Return the data of the examples."""
    rng = np.random.default_rng(1)
    widths = {"x": 4, "y": 2, "a": 2, "b": 3, "c": 2}
    return {name: rng.standard_normal((EXAMPLES, width)) for name, width in widths.items()}


def start() -> Arrays:
    """Return where all begin: the offset at zero, whose norm is then 0."""
    rng = np.random.default_rng(0)
    drawn = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    return {**drawn, "offset": np.zeros(SHAPES["offset"])}


def loss_and_grads(params: Arrays) -> tuple[float, Arrays]:
    """Return half the mean squared error of two layers and a trilinear form, and its gradient."""
    x, y, a, b, c = data().values()
    hidden = np.tanh(x @ params["first"] + params["shift"])
    form = np.einsum("ijk,ni,nj,nk->n", params["kernel"], a, b, c)
    error = (hidden @ params["second"] + params["offset"] + form[:, None] - y) / EXAMPLES
    slope = error @ params["second"].T * (1 - hidden**2)
    return 0.5 * EXAMPLES * float((error**2).sum()), {
        "first": x.T @ slope,
        "shift": slope.sum(axis=0),
        "second": hidden.T @ error,
        "offset": error.sum(axis=0),
        "kernel": np.einsum("n,ni,nj,nk->ijk", error.sum(axis=1), a, b, c),
    }


def flat(arrays: Arrays) -> np.ndarray:
    """Return all numbers of the arrays in a row."""
    return np.concatenate([np.ravel(arrays[name]) for name in SHAPES])
