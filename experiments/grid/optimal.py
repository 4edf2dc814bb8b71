"""``${optimal:...}``: the optimal settings of a method, worked out from other settings of the same run."""

from __future__ import annotations

from omegaconf import OmegaConf

from experiments import theory

NAME = "optimal"
SETTINGS = (*theory.Settings._fields, "steps")


def optimal(
    method: str, setting: str, low: float, high: float, share: float | None = None
) -> float | bool | int:
    """Return one of a method's optimal settings for curvatures from low to high.

    As ``${optimal:heavy_ball,lr,1,${problem.condition}}``; lr, momentum, nesterov, or with one argument more
    the steps in which it leaves that share of the distance, ``${optimal:heavy_ball,steps,1,100,1e-9}``.

    Raises:
        ValueError: there is no such method or setting, or the numbers cannot be.
    """
    if setting not in SETTINGS:
        raise ValueError(f"{NAME}: setting must be one of {', '.join(SETTINGS)}, got {setting!r}")
    if (setting == "steps") != (share is not None):
        raise ValueError(f"{NAME}: steps, and they alone, take the share of the distance that is to be left")
    if not all(isinstance(number, int | float) for number in (low, high, share or 0)):
        raise ValueError(f"{NAME}: curvatures and share must be numbers, got {low!r}, {high!r}, {share!r}")
    if share is not None:
        return theory.steps_until(method, low, high, share)
    found: float | bool = getattr(theory.optimal(method, low, high), setting)
    return found


def known() -> None:
    """Let configurations use it."""
    OmegaConf.register_new_resolver(NAME, optimal, replace=True)
