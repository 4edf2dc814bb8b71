"""What the reference trajectories of ``points.npz`` cover: plain data, read by script and tests."""

STEPS = 60
CURVATURE = (1.0, 3.0, 10.0)
START = (2.0, -1.0, 0.5)
GOAL = (0.3, 0.2, -0.7)
"""The loss is half the sum of CURVATURE times the squared distance of each coordinate to GOAL."""

SETTINGS: dict[str, tuple[str, dict[str, float | bool]]] = {
    "schedulefree sgd": ("schedulefree", {"adam": False, "lr": 0.1, "beta1": 0.8}),
    "schedulefree sgd decay": ("schedulefree", {"adam": False, "lr": 0.1, "weight_decay": 0.1}),
    "schedulefree": ("schedulefree", {"lr": 0.1, "beta2": 0.99}),
    "schedulefree decay": ("schedulefree", {"lr": 0.1, "beta1": 0.7, "weight_decay": 0.1}),
    "prodigy": ("prodigy", {"bias_correction": True}),
    "prodigy decay": ("prodigy", {"bias_correction": True, "d_coef": 2.0, "weight_decay": 0.1}),
    "prodigy safeguard": ("prodigy", {"bias_correction": True, "safeguard_warmup": True, "lr": 0.5}),
    "dadaptation": ("dadaptation", {"bias_correction": True, "decoupled": True}),
    "dadaptation decay": ("dadaptation", {"bias_correction": True, "decoupled": True, "weight_decay": 0.1}),
    "sophia": ("sophia", {"lr": 0.05, "gamma": 0.5, "interval": 4.0}),
    "sophia decay": ("sophia", {"lr": 0.05, "gamma": 1.0, "interval": 1.0, "weight_decay": 0.1}),
}
"""Ours by Optax's functions; those of schedule-free Adam and Sophia are composed of Optax's parts."""

CLIPPED = (0.5, 2.0, 100.0)
"""The norms to which gradients are clipped."""
AVERAGING = 0.9
EMA_LR = 0.05


def table() -> dict[str, object]:
    """Return all that decides the trajectories."""
    return {
        "steps": STEPS,
        "problem": [list(CURVATURE), list(START), list(GOAL)],
        "settings": {name: list(setting) for name, setting in SETTINGS.items()},
        "wrapper": [list(CLIPPED), AVERAGING, EMA_LR],
    }
