"""What the reference schedules cover: plain data, read by the script and by the tests."""

from typing import NamedTuple


class Setting(NamedTuple):
    """A schedule and its options, in our names, over so many updates."""

    schedule: str
    steps: int
    options: dict[str, float]


SETTINGS = {
    "constant": Setting("constant", 20, {}),
    "constant warm-up": Setting("constant", 97, {"warmup": 0.1}),
    "step": Setting("step", 90, {"step_size": 1 / 3, "gamma": 0.1}),
    "step rounded": Setting("step", 97, {"step_size": 0.15, "gamma": 0.5}),
    "step warm-up": Setting("step", 120, {"step_size": 0.25, "gamma": 0.3, "warmup": 0.2}),
    "exponential": Setting("exponential", 100, {"gamma": 0.01}),
    "exponential warm-up": Setting("exponential", 97, {"gamma": 0.3, "warmup": 0.1}),
    "linear": Setting("polynomial", 100, {}),
    "linear to a share": Setting("polynomial", 100, {"final": 0.1}),
    "polynomial": Setting("polynomial", 97, {"power": 0.9}),
    "polynomial warm-up": Setting("polynomial", 97, {"power": 3.0, "warmup": 0.05}),
    "polynomial to a share": Setting("polynomial", 50, {"power": 2.0, "final": 0.3, "warmup": 0.3}),
    "cosine": Setting("cosine", 100, {}),
    "cosine to a share": Setting("cosine", 97, {"final": 0.1}),
    "cosine warm-up": Setting("cosine", 97, {"final": 0.05, "warmup": 0.1}),
    "restarts": Setting("cosine_restarts", 100, {"period": 0.25}),
    "restarts cut": Setting("cosine_restarts", 97, {"period": 0.4, "final": 0.1}),
    "restarts doubled": Setting("cosine_restarts", 155, {"period": 0.03, "mult": 2.0}),
    "restarts warm-up": Setting("cosine_restarts", 200, {"period": 0.02, "mult": 3.0, "warmup": 0.1}),
    "one cycle": Setting("one_cycle", 100, {}),
    "one cycle steep": Setting(
        "one_cycle", 60, {"pct_start": 0.05, "div_factor": 4.0, "final_div_factor": 10.0}
    ),
    "one cycle late": Setting(
        "one_cycle", 80, {"pct_start": 0.8, "div_factor": 100.0, "final_div_factor": 1.0}
    ),
    "trapezoidal": Setting("trapezoidal", 100, {"decay": 0.2}),
    "trapezoidal warm-up": Setting("trapezoidal", 97, {"warmup": 0.1, "decay": 0.3, "final": 0.05}),
    "triangle": Setting("trapezoidal", 50, {"warmup": 0.5, "decay": 1.0}),
}

NOT_IN_TORCH = {
    "linear to a share": "its PolynomialLR falls to 0",
    "polynomial to a share": "its PolynomialLR falls to 0",
}
"""What PyTorch has no class for, and why."""

NOT_IN_EITHER = ("inverse_sqrt",)
"""The schedules that neither library has."""


def table() -> dict[str, list[object]]:
    """Return all that decides the reference schedules."""
    return {name: [*setting] for name, setting in SETTINGS.items()}
