"""What the reference trajectories cover: plain data, read by the script and by the tests."""

from typing import NamedTuple

STEPS = (1, 10, 100, 1000)
"""The steps after which parameters and loss are kept."""

REFERENCE_PROBLEMS = {
    "fit": ("quadratic", {}),
    "binary": ("logistic", {"data": "breast_cancer"}),
    "softmax": ("logistic", {"data": "wine"}),
    "valley-2": ("rosenbrock", {"dim": 2}),
    "valley-4": ("rosenbrock", {"dim": 4}),
}
"""The problems, by our name and constants; seed 0 everywhere."""

LR = {
    "sgd": {"fit": 0.05, "binary": 0.1, "softmax": 0.1, "valley-2": 2e-4, "valley-4": 2e-4},
    "rmsprop": {"fit": 0.01, "binary": 0.01, "softmax": 0.01, "valley-2": 1e-4, "valley-4": 1e-3},
    "adagrad": {"fit": 0.5, "binary": 0.1, "softmax": 0.1, "valley-2": 0.1, "valley-4": 0.1},
    "adam": {"fit": 0.05, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "adadelta": {"fit": 1.0, "binary": 1.0, "softmax": 1.0, "valley-2": 1.0, "valley-4": 1.0},
    "adamax": {"fit": 0.05, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "nadam": {"fit": 0.05, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "radam": {"fit": 0.05, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-4, "valley-4": 2e-4},
    "adabelief": {"fit": 0.01, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "yogi": {"fit": 0.05, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "adan": {"fit": 0.02, "binary": 2e-3, "softmax": 2e-3, "valley-2": 2e-3, "valley-4": 2e-3},
    "lion": {"fit": 5e-3, "binary": 5e-4, "softmax": 5e-4, "valley-2": 1e-3, "valley-4": 1e-3},
    "signsgd": {"fit": 5e-3, "binary": 5e-4, "softmax": 5e-4, "valley-2": 1e-3, "valley-4": 1e-3},
    "rprop": {"fit": 0.01, "binary": 0.01, "softmax": 0.01, "valley-2": 1e-3, "valley-4": 1e-3},
}
"""The learning rate of each optimizer on each problem."""


class Setting(NamedTuple):
    """An optimizer and its options, in our names; ``lr_scale`` multiplies the rate in ``LR``."""

    optimizer: str
    options: dict[str, float | bool]
    lr_scale: float = 1.0


SETTINGS = {
    "sgd": Setting("sgd", {}),
    "sgd momentum": Setting("sgd", {"momentum": 0.9}),
    "sgd dampening": Setting("sgd", {"momentum": 0.9, "dampening": 0.5}),
    "sgd nesterov": Setting("sgd", {"momentum": 0.9, "nesterov": True}),
    "sgd decay": Setting("sgd", {"weight_decay": 0.1}),
    "sgd dampening decay": Setting("sgd", {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.05}),
    "sgd nesterov decay": Setting("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    # on the fit this is the article's own setting
    "rmsprop": Setting("rmsprop", {"beta": 0.9, "eps": 1e-8}),
    "rmsprop slow average": Setting("rmsprop", {"beta": 0.999, "eps": 1e-8}, lr_scale=0.1),
    "rmsprop middling eps": Setting("rmsprop", {"beta": 0.99, "eps": 0.1}),
    "rmsprop large eps": Setting("rmsprop", {"beta": 0.9, "eps": 1.0}),
    "rmsprop momentum": Setting("rmsprop", {"beta": 0.99, "eps": 1.0, "momentum": 0.9}),
    "rmsprop centered": Setting("rmsprop", {"beta": 0.9, "eps": 1.0, "centered": True}),
    "rmsprop decay": Setting("rmsprop", {"beta": 0.9, "eps": 1.0, "weight_decay": 0.1}),
    "rmsprop everything": Setting(
        "rmsprop", {"beta": 0.99, "eps": 1.0, "momentum": 0.5, "centered": True, "weight_decay": 0.05}
    ),
    "adagrad": Setting("adagrad", {"eps": 1e-10}),
    "adagrad lr decay": Setting("adagrad", {"lr_decay": 0.01, "eps": 0.0}),
    "adagrad accumulator": Setting("adagrad", {"initial_accumulator": 0.1, "eps": 0.0}),
    "adagrad large eps": Setting("adagrad", {"eps": 0.1}),
    "adagrad decay": Setting("adagrad", {"weight_decay": 0.1, "eps": 0.0}),
    "adagrad everything": Setting(
        "adagrad", {"lr_decay": 1e-3, "initial_accumulator": 1.0, "eps": 1e-3, "weight_decay": 0.05}
    ),
    "adam": Setting("adam", {}),
    "adam betas": Setting("adam", {"beta1": 0.8, "beta2": 0.9995}),
    "adam no momentum": Setting("adam", {"beta1": 0.0}),
    "adam large eps": Setting("adam", {"eps": 0.1}),
    "adam amsgrad": Setting("adam", {"amsgrad": True}),
    "adam decay": Setting("adam", {"weight_decay": 0.1}),
    "adam decoupled": Setting("adam", {"weight_decay": 0.1, "decoupled": True}),
    "adam amsgrad decay": Setting("adam", {"amsgrad": True, "weight_decay": 0.1}),
    "adam amsgrad decoupled": Setting("adam", {"amsgrad": True, "weight_decay": 0.1, "decoupled": True}),
    "adadelta": Setting("adadelta", {}),
    "adadelta everything": Setting("adadelta", {"rho": 0.95, "eps": 1e-4, "weight_decay": 0.1}, lr_scale=0.5),
    "adamax": Setting("adamax", {}),
    "adamax everything": Setting("adamax", {"beta1": 0.8, "beta2": 0.99, "eps": 0.1, "weight_decay": 0.1}),
    "nadam": Setting("nadam", {}),
    "nadam no schedule": Setting("nadam", {"beta1": 0.8, "beta2": 0.99, "eps": 0.1, "momentum_decay": 1e5}),
    "nadam decay": Setting("nadam", {"momentum_decay": 0.1, "weight_decay": 0.1}),
    "nadam decoupled": Setting("nadam", {"momentum_decay": 0.0, "weight_decay": 0.1, "decoupled": True}),
    "radam": Setting("radam", {}),
    "radam no eps": Setting("radam", {"beta1": 0.8, "beta2": 0.99, "eps": 0.0}, lr_scale=0.1),
    "radam decay": Setting("radam", {"eps": 0.1, "weight_decay": 0.1}),
    "radam decoupled": Setting("radam", {"beta2": 0.5, "weight_decay": 0.1, "decoupled": True}),
    "adabelief": Setting("adabelief", {}),
    "adabelief large eps": Setting("adabelief", {"beta1": 0.8, "beta2": 0.99, "eps": 0.1}),
    "adabelief decay": Setting("adabelief", {"eps_root": 1e-3, "weight_decay": 0.1}),
    "adabelief decoupled": Setting("adabelief", {"eps": 1e-3, "weight_decay": 0.1, "decoupled": True}),
    "yogi": Setting("yogi", {}),
    "yogi everything": Setting(
        "yogi", {"beta1": 0.8, "beta2": 0.99, "eps": 0.1, "initial_accumulator": 1.0, "weight_decay": 0.1}
    ),
    "adan": Setting("adan", {"beta2": 0.5}),
    "adan decay": Setting(
        "adan", {"beta1": 0.9, "beta2": 0.5, "beta3": 0.999, "eps": 0.1, "weight_decay": 0.1}
    ),
    "adan proximal": Setting("adan", {"beta2": 0.5, "weight_decay": 0.1, "proximal": True}),
    "lion": Setting("lion", {}),
    "lion everything": Setting("lion", {"beta1": 0.7, "beta2": 0.9, "weight_decay": 0.1}),
    "signsgd": Setting("signsgd", {}),
    "signum": Setting("signsgd", {"momentum": 0.9}),
    "signum decay": Setting("signsgd", {"momentum": 0.9, "weight_decay": 0.1}),
    "signsgd decoupled": Setting("signsgd", {"weight_decay": 0.1, "decoupled": True}),
    "rprop": Setting("rprop", {}),
    "rprop everything": Setting(
        "rprop", {"eta_minus": 0.4, "eta_plus": 1.3, "step_min": 1e-4, "step_max": 0.1}
    ),
}

ELSEWHERE = {
    **dict.fromkeys(("prodigy", "dadaptation", "schedulefree", "sophia"), "points.npz"),
    **dict.fromkeys(("lars", "lamb", "novograd", "adafactor", "muon", "shampoo", "soap"), "layers.npz"),
    "lookahead": "computed by Optax in test_adapters",
}
"""Optimizers whose trajectories are kept in another file, since they need more than a gradient."""

PEERLESS = {"adabound": "no library of ours has it; its authors' code needs a PyTorch of its day"}
"""Optimizers without a trajectory, and why: their scalar oracles are all that holds them."""

NO_ROOM = "it is not in torch.optim"
NOT_IN_TORCH = {
    setting: NO_ROOM
    for setting, (optimizer, _, _) in SETTINGS.items()
    if optimizer in ("adabelief", "yogi", "adan", "lion", "signsgd")
}
"""What only Optax has, and why."""

SCHEDULE = "it has no schedule of the momentum; with a decay of 1e5 there is none here"
LATE = "each of its steps is the one that the gradient before asked for, and its first goes nowhere"
EPS = "its eps is added after the bias correction; without eps the two are the same"
NOT_IN_OPTAX = {
    "sgd dampening": "its trace has no dampening",
    "sgd dampening decay": "its trace has no dampening",
    "adagrad": "its eps stands inside the root; the settings with eps = 0 are the same in both",
    "adagrad large eps": "its eps stands inside the root",
    "adagrad everything": "its eps stands inside the root",
    "adam amsgrad": "it takes the largest average after the bias correction",
    "adam amsgrad decay": "it takes the largest average after the bias correction",
    "adam amsgrad decoupled": "it takes the largest average after the bias correction",
    "nadam": SCHEDULE,
    "nadam decay": SCHEDULE,
    "nadam decoupled": SCHEDULE,
    "radam": EPS,
    "radam decay": EPS,
    "rprop": LATE,
    "rprop everything": LATE,
}
"""Where Optax has other mathematics than PyTorch, and why; the two agree on all the rest."""

CYCLE = "the constant step ends in a cycle, on the way to which rounding is magnified a billionfold or more"
GROWS = "its steps grow until they bounce, which magnifies rounding"
VALLEYS = ("valley-2", "valley-4")
SENSITIVE = {
    ("rmsprop", "fit"): (100, CYCLE),
    ("rmsprop", "binary"): (10, CYCLE),
    **{(f"adadelta{more}", on): (100, GROWS) for more in ("", " everything") for on in ("fit", *VALLEYS)},
}
"""(setting, problem) -> the last step at which two roundings can be compared, and why.

Moving the start by 1e-15 there moves the parameters after 1,000 steps by more than the
tolerance of the comparison, so that no two programs agree unless they round alike.
"""


def hyperparameters(setting: str, problem: str) -> dict[str, float | bool]:
    """Return all that is not at its default, the learning rate included."""
    optimizer, options, lr_scale = SETTINGS[setting]
    return {"lr": LR[optimizer][problem] * lr_scale, **options}


def table() -> dict[str, dict[str, dict[str, float | bool]]]:
    """Return problem -> setting -> hyperparameters: all that decides the trajectories."""
    return {
        problem: {setting: hyperparameters(setting, problem) for setting in SETTINGS}
        for problem in REFERENCE_PROBLEMS
    }
