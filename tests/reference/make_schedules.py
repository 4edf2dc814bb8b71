"""Make ``schedules.npz``: the learning rates of PyTorch's and Optax's schedules, without our code.

Both are given a learning rate of 1. Run it where the extra ``peers`` is installed:
``python tests/reference/make_schedules.py``.
"""

import json
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import torch
from schedule_settings import NOT_IN_TORCH, SETTINGS, Setting, table
from torch.optim import lr_scheduler

FILE = Path(__file__).with_name("schedules.npz")
LIBRARIES = ("torch", "jax", "optax", "numpy")

Scheduler = lr_scheduler.LRScheduler
Pieces = list[tuple[int, Scheduler]]
"""The update from which each of the schedulers is in force."""


def whole(share: float, count: int) -> int:
    """Return a share of so many updates, rounded, at least one."""
    return max(1, round(share * count))


# --- PyTorch: the schedulers of an optimizer over n updates. ---


def torch_constant(rule: Any, n: int) -> Pieces:
    return [(0, lr_scheduler.ConstantLR(rule, factor=1.0, total_iters=0))]


def torch_step(rule: Any, n: int, *, step_size: float, gamma: float) -> Pieces:
    return [(0, lr_scheduler.StepLR(rule, whole(step_size, n), gamma))]


def torch_exponential(rule: Any, n: int, *, gamma: float) -> Pieces:
    return [(0, lr_scheduler.ExponentialLR(rule, gamma ** (1 / n)))]


def torch_polynomial(rule: Any, n: int, *, power: float = 1.0) -> Pieces:
    return [(0, lr_scheduler.PolynomialLR(rule, n, power))]


def torch_cosine(rule: Any, n: int, *, final: float = 0.0) -> Pieces:
    return [(0, lr_scheduler.CosineAnnealingLR(rule, n, eta_min=final))]


def torch_cosine_restarts(
    rule: Any, n: int, *, period: float, mult: float = 1.0, final: float = 0.0
) -> Pieces:
    first = whole(period, n)
    return [(0, lr_scheduler.CosineAnnealingWarmRestarts(rule, first, int(mult), eta_min=final))]


def torch_one_cycle(rule: Any, n: int, *, pct_start: float = 0.3, **h: float) -> Pieces:
    return [(0, lr_scheduler.OneCycleLR(rule, 1.0, n, pct_start=pct_start, cycle_momentum=False, **h))]


def torch_trapezoidal(rule: Any, n: int, *, decay: float, final: float = 0.0) -> Pieces:
    falling = whole(decay, n)
    stable = lr_scheduler.ConstantLR(rule, factor=1.0, total_iters=0)
    return [(0, stable), (n - falling, lr_scheduler.LinearLR(rule, 1.0, final, total_iters=falling))]


TORCH: dict[str, Callable[..., Pieces]] = {
    "constant": torch_constant,
    "step": torch_step,
    "exponential": torch_exponential,
    "polynomial": torch_polynomial,
    "cosine": torch_cosine,
    "cosine_restarts": torch_cosine_restarts,
    "one_cycle": torch_one_cycle,
    "trapezoidal": torch_trapezoidal,
}


def by_torch(setting: Setting) -> np.ndarray:
    """Return the learning rate of each update; a warm-up is PyTorch's ``LinearLR`` before the others."""
    schedule, steps, options = setting
    warm = round(options.get("warmup", 0.0) * steps)
    own = {name: value for name, value in options.items() if name != "warmup"}
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    pieces: Pieces = []
    if warm:
        pieces.append((0, lr_scheduler.LinearLR(rule, 1 / (warm + 1), 1.0, total_iters=warm)))
    pieces += [(warm + begin, scheduler) for begin, scheduler in TORCH[schedule](rule, steps - warm, **own)]
    begins = [begin for begin, _ in pieces]
    pieces = [piece for piece, end in zip(pieces, [*begins[1:], steps], strict=True) if piece[0] < end]
    scheduler = lr_scheduler.SequentialLR(rule, [s for _, s in pieces], [begin for begin, _ in pieces[1:]])
    rates = []
    for _ in range(steps):
        rates.append(rule.param_groups[0]["lr"])
        rule.step()
        scheduler.step()
    return np.array(rates, dtype=float)


# --- Optax: a schedule over n updates. ---


def optax_step(n: int, *, step_size: float, gamma: float) -> optax.Schedule:
    return optax.exponential_decay(1.0, whole(step_size, n), gamma, staircase=True)


def optax_exponential(n: int, *, gamma: float) -> optax.Schedule:
    return optax.exponential_decay(1.0, n, gamma)


def optax_polynomial(n: int, *, power: float = 1.0, final: float = 0.0) -> optax.Schedule:
    return optax.polynomial_schedule(1.0, final, power, n)


def optax_cosine(n: int, *, final: float = 0.0) -> optax.Schedule:
    return optax.cosine_decay_schedule(1.0, n, alpha=final)


def optax_cosine_restarts(n: int, *, period: float, mult: float = 1.0, final: float = 0.0) -> optax.Schedule:
    lengths = [whole(period, n)]
    while sum(lengths) < n:
        lengths.append(lengths[-1] * int(mult))
    cycles = [optax.cosine_decay_schedule(1.0, length, alpha=final) for length in lengths]
    return optax.join_schedules(cycles, np.cumsum(lengths)[:-1].tolist())


def optax_one_cycle(
    n: int, *, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> optax.Schedule:
    """Optax's peak is an update later, and its end after the run: a cycle of one update less is meant."""
    rising = (whole(pct_start, n) - 0.5) / (n - 1)  # of which it takes the whole part
    return optax.cosine_onecycle_schedule(n - 1, 1.0, rising, div_factor, final_div_factor)


def optax_trapezoidal(n: int, *, decay: float, final: float = 0.0) -> optax.Schedule:
    falling = whole(decay, n)
    return optax.linear_schedule(1.0, final, falling, transition_begin=n - falling)


OPTAX: dict[str, Callable[..., optax.Schedule]] = {
    "constant": lambda n: optax.constant_schedule(1.0),
    "step": optax_step,
    "exponential": optax_exponential,
    "polynomial": optax_polynomial,
    "cosine": optax_cosine,
    "cosine_restarts": optax_cosine_restarts,
    "one_cycle": optax_one_cycle,
    "trapezoidal": optax_trapezoidal,
}


def by_optax(setting: Setting) -> np.ndarray:
    """Return the same as ``by_torch``, from Optax."""
    schedule, steps, options = setting
    warm = round(options.get("warmup", 0.0) * steps)
    own = {name: value for name, value in options.items() if name != "warmup"}
    rule = OPTAX[schedule](steps - warm, **own)
    if warm:
        ramp = optax.linear_schedule(1 / (warm + 1), 1.0, warm)
        rule = optax.join_schedules([ramp, rule], [warm])
    return np.array([rule(step) for step in range(steps)], dtype=float)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    warnings.filterwarnings("ignore", "The epoch parameter")  # which SequentialLR itself passes
    arrays = {f"optax {name}": by_optax(setting) for name, setting in SETTINGS.items()}
    arrays |= {
        f"torch {name}": by_torch(setting) for name, setting in SETTINGS.items() if name not in NOT_IN_TORCH
    }
    about = {"versions": {name: version(name) for name in LIBRARIES}, "table": table()}
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE.name}: {len(arrays)} schedules, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
