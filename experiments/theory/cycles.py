r"""Where a rule with a constant learning rate comes to rest on a quadratic: in a cycle about the minimum.

Far from the minimum sign-like rules take steps of the learning rate, whatever the gradient. Sign descent
never stops: once within lr of the minimum, a coordinate goes to and fro between x and x - lr, a cycle of
half-width lr/2 whose centre the start decides: x - lr sign(x) + lr sign(x) is x again.

RMSprop divides by the root mean square of the gradient. Near the minimum that falls until the effective
rate :math:`\eta / \sqrt{v}` is the largest one that is stable, which for momentum :math:`\mu` is
:math:`2 (1 + \mu) / \lambda` (Polyak, 1964; Cohen et al., 2022, "Adaptive gradient methods at the edge of
stability"). There :math:`\sqrt{v} = \lambda` rms(x), so that rms(x) = lr / (2 (1 + mu)), whatever the
curvature: without momentum exactly lr/2, with the centre at the minimum. For Adam the largest stable rate
is :math:`2 (1 + \beta_1) / ((1 - \beta_1) \lambda)`, and rms(x) = lr (1 - beta1) / (2 (1 + beta1)).
With momentum the coordinate swings in bursts, and the formula gives their scale and no more.

Each holds for a coordinate by itself, and so where the Hessian is diagonal, and with eps far below the
curvature times lr/2.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple


class Cycle(NamedTuple):
    """The root mean square of a coordinate over a cycle lies between ``least`` and ``most``.

    Attributes:
        least, most: in the units of the parameters.
        exact: whether a cycle lies there; else that is its scale.
    """

    least: float
    most: float
    exact: bool


def cycle_of(optimizer: str, settings: Mapping[str, Any]) -> Cycle | None:
    """Return where a coordinate ends on a quadratic with a diagonal Hessian; None where that is not known.

    ``optimizer`` is the registered name; ``settings`` are its hyperparameters.
    """
    lr = float(settings["lr"])
    if optimizer == "signsgd" and not settings["momentum"]:
        return Cycle(sign_distance(lr, 0.0), sign_distance(lr, lr / 2), exact=True)
    if optimizer == "rmsprop" and not settings["centered"]:
        momentum = float(settings["momentum"])
        return at_the_edge(lr, 2 * (1 + momentum), exact=not momentum)
    if optimizer == "adam" and not settings["amsgrad"]:
        beta1 = float(settings["beta1"])
        return at_the_edge(lr, 2 * (1 + beta1) / (1 - beta1), exact=False)
    return None


def half_width(lr: float) -> float:
    """Return half of what a coordinate goes to and fro by under sign descent: lr/2."""
    return lr / 2


def sign_distance(lr: float, centre: float) -> float:
    """Return the root mean square distance from the minimum of a cycle of sign descent about a centre."""
    return sqrt(half_width(lr) ** 2 + centre**2)


def at_the_edge(lr: float, largest: float, exact: bool) -> Cycle:
    """Return the cycle at which lr over the root mean square gradient is ``largest`` over the curvature."""
    return Cycle(lr / largest, lr / largest, exact)
