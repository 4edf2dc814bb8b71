"""What the contracts are held to: every registered class, and the variants listed here."""

from __future__ import annotations

from typing import Any

from experiments.contracts.cases import Case
from optim import OPTIMIZERS, Optimizer
from problems import PROBLEMS

# Those that are named here are held to more than the contract: their defaults suit each other.
OPTIMIZER_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sgd": [
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"momentum": 0.9, "dampening": 0.0, "nesterov": True},
    ],
    "rmsprop": [
        {"momentum": 0.9, "weight_decay": 0.01},
        # the variance is a difference: a small eps would magnify its rounding
        {"centered": True, "eps": 1.0},
    ],
    "adagrad": [{"lr_decay": 0.1, "initial_accumulator": 0.1, "weight_decay": 0.01}],
    "adam": [
        {"amsgrad": True, "weight_decay": 0.01},
        {"decoupled": True, "weight_decay": 0.01},
        {"amsgrad": True, "decoupled": True, "weight_decay": 0.01},
    ],
    "lookahead": [
        {"inner": "rmsprop", "momentum": 0.5, "sync_interval": 2.0},
        {"inner": "adam", "amsgrad": True, "sync_interval": 3.0, "slow_rate": 1.0},
    ],
    "schedulefree": [{"weight_decay": 0.01}, {"adam": False}, {"adam": False, "weight_decay": 0.01}],
    "prodigy": [
        {"bias_correction": True, "weight_decay": 0.01},
        {"decoupled": False, "safeguard_warmup": True, "weight_decay": 0.01},
    ],
    "dadaptation": [
        {"weight_decay": 0.01},
        {"decoupled": True, "bias_correction": True, "weight_decay": 0.01},
    ],
    "sophia": [{"interval": 1.0}, {"weight_decay": 0.01}],
    "lars": [{"nesterov": True, "weight_decay": 0.01}],
    "lamb": [{"weight_decay": 0.01}],
    "novograd": [{"weight_decay": 0.01}],
    "adafactor": [{"weight_decay": 0.01}],
    "muon": [{"nesterov": False, "weight_decay": 0.01, "adam_weight_decay": 0.01}],
    "shampoo": [{"eps": 1.0}],
    "soap": [{"weight_decay": 0.01, "frequency": 2.0}],
    "adadelta": [{"rho": 0.95, "weight_decay": 0.01}],
    "adamax": [{"eps": 0.1, "weight_decay": 0.01}],
    "nadam": [
        {"momentum_decay": 1.0, "weight_decay": 0.01},
        {"momentum_decay": 0.0, "decoupled": True, "weight_decay": 0.01},
    ],
    "radam": [
        {"beta2": 0.9, "weight_decay": 0.01},  # rectified from the seventh step on
        {"beta2": 0.5, "decoupled": True, "weight_decay": 0.01},  # never rectified
    ],
    "adabelief": [
        # the surprise is a difference: a small eps would magnify its rounding
        {"eps_root": 0.1, "weight_decay": 0.01},
        {"eps": 0.1, "decoupled": True, "weight_decay": 0.01},
    ],
    "adabound": [
        # that Rosenbrock's valley can bear
        {"final_lr": 1e-4, "gamma": 0.1, "weight_decay": 0.01},
        {"amsbound": True, "final_lr": 1e-4, "gamma": 0.5},
    ],
    "yogi": [{"initial_accumulator": 0.0, "weight_decay": 0.01}, {"initial_accumulator": 1.0}],
    "adan": [{"weight_decay": 0.01}, {"proximal": True, "weight_decay": 0.01}],
    "lion": [{"weight_decay": 0.01}],
    "signsgd": [
        {"momentum": 0.9},
        {"momentum": 0.9, "weight_decay": 0.01},
        {"decoupled": True, "weight_decay": 0.01},
    ],
    "rprop": [{"step_min": 0.01, "step_max": 0.1}],
}

SUMS = "its step size is a sum over all of a lane's coordinates"
COUPLED = {"prodigy": SUMS, "dadaptation": SUMS}
"""optimizer -> why what happens to a coordinate depends on the others."""

PROBLEM_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "quadratic": [{"a": -1.0, "noise": 2.0, "points": 10, "low": 0.0}, {"noise": 0.0}],
    "logistic": [
        {"data": "wine"},
        {"data": "digits"},
        {"batch_size": 32},
        {"data": "wine", "batch_size": 16, "l2": 0.1, "test_size": 0.5},
        {"data": "digits", "batch_size": 50},
    ],
    "least_squares": [
        {"data": "linnerud", "loss": "pseudo_huber", "delta": 0.5, "l2": 0.1},
        {"loss": "huber", "delta": 0.3, "batch_size": 40},
        {"loss": "logcosh", "delta": 0.4, "batch_size": 16, "test_size": 0.5},
    ],
    "rosenbrock": [{"dim": 5}, {"perturbation": 0.0}],
    "quadratic_bowl": [{"dim": 20, "rotated": True}, {"dim": 3, "spectrum": "spike"}, {"grad_noise": 1.0}],
    "mlp": [{"activation": "tanh", "hidden": 4, "layers": 2, "l2": 0.01, "batch_size": None, "data": "wine"}],
    "convnet": [{"channels": 1, "activation": "tanh", "l2": 0.01, "batch_size": None, "test_size": 0.9}],
    "autoencoder": [{"hidden": 3, "code": 2, "l2": 0.01, "batch_size": None}],
    "vae": [{"hidden": 3, "code": 2, "batch_size": None}],
    "mnist1d": [
        {"hidden": 2, "activation": "tanh", "l2": 0.01, "batch_size": None},
        {"network": "conv", "hidden": 1, "activation": "tanh", "batch_size": 16},
    ],
    "matrix_factorisation": [{"size": 5, "rank": 4, "factors": 2}, {"size": 4, "rank": 1, "factors": 4}],
    "deep_linear": [{"depth": 1, "width": 3}, {"depth": 2, "width": 4, "scale": 0.01}],
    "noisy_quadratic": [{"dim": 3, "condition": 100.0, "batch_size": None}, {"dim": 5, "batch_size": 2}],
    "char_rnn": [{"cell": "tanh", "hidden": 2, "length": 32, "batch_size": None}],
    "transformer": [{"width": 3, "heads": 1, "length": 32, "batch_size": None}],
    "himmelblau": [{"shift": 1.0}],
    "rastrigin": [{"dim": 2, "shift": 1.0, "rotate": True}],
    "dixon_price": [{"dim": 3, "shift": 2.0, "rotate": True}],
}

SMALLER: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": 4},
    "convnet": {"channels": 1, "activation": "tanh", "batch_size": 16, "test_size": 0.9},
    "autoencoder": {"hidden": 3, "code": 2, "batch_size": 16},
    "vae": {"hidden": 3, "code": 2, "batch_size": 16},
    "mnist1d": {"hidden": 2, "activation": "tanh", "batch_size": 16},
    "matrix_factorisation": {"size": 6, "rank": 2, "factors": 2},
    "deep_linear": {"width": 3},
    "char_rnn": {"hidden": 3, "length": 4, "batch_size": 4},
    "transformer": {"width": 4, "length": 8, "batch_size": 4},
}
"""What stands in for the defaults where they would take most of the tests' time."""


def cases(registry: dict[str, type], variants: dict[str, list[dict[str, Any]]]) -> list[Case]:
    """Return every registered class with its defaults, then its variants."""
    return [
        Case(cls.of(values) if issubclass(cls, Optimizer) else cls, values)
        for name, cls in registry.items()
        for values in [SMALLER.get(name, {}), *variants.get(name, [])]
    ]


OPTIMIZER_CASES = cases(OPTIMIZERS, OPTIMIZER_VARIANTS)
PROBLEM_CASES = cases(PROBLEMS, PROBLEM_VARIANTS)
VARIANTS = [case for case in PROBLEM_CASES if case.values in PROBLEM_VARIANTS.get(case.cls.name, [])]
CASES_BY_ENGINE = [(case, engine) for case in PROBLEM_CASES for engine in case.cls.engines]
