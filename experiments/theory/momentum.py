r"""Gradient descent, heavy ball and Nesterov's method on a quadratic whose curvatures lie in [low, high].

In the eigenbasis of the Hessian each coordinate moves by itself. With curvature :math:`\lambda`, learning
rate :math:`\alpha` and momentum :math:`\beta`, two steps follow from the two before by the roots of

.. math::
    z^2 - (1 + \beta - \alpha\lambda) z + \beta &\qquad \text{heavy ball} \\
    z^2 - (1 + \beta) (1 - \alpha\lambda) z + \beta (1 - \alpha\lambda) &\qquad \text{Nesterov}

and the contraction is the largest modulus of a root, over all curvatures (Polyak, 1964, and 1987, section
3.2.1; Lessard, Recht & Packard, 2016, section 2.2). It is largest at one of the two ends. The parameters
are those of ``optim/sgd.py``: momentum without dampening, and ``nesterov``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, inf, log, sqrt
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Settings(NamedTuple):
    """The settings of ``sgd``."""

    lr: float
    momentum: float
    nesterov: bool


def gradient_descent(low: float, high: float) -> Settings:
    """Return the learning rate 2 / (low + high), with which it contracts by (k - 1) / (k + 1).

    Polyak (1987), theorem 1.4.3; Nesterov (2004), theorem 2.1.15.
    """
    return Settings(2 / (low + high), 0.0, nesterov=False)


def heavy_ball(low: float, high: float) -> Settings:
    """Return the settings with which heavy ball contracts by (sqrt(k) - 1) / (sqrt(k) + 1).

    Polyak (1964): lr 4 / (sqrt(high) + sqrt(low))^2, momentum the square of the contraction.
    """
    root = sqrt(high / low)
    return Settings(4 / (sqrt(high) + sqrt(low)) ** 2, ((root - 1) / (root + 1)) ** 2, nesterov=False)


def nesterov(low: float, high: float) -> Settings:
    """Return the settings with which Nesterov's method contracts by 1 - 2 / sqrt(3 k + 1).

    Lessard, Recht & Packard (2016), proposition 1: lr 4 / (3 high + low), momentum (sqrt(3 k + 1) - 2) /
    (sqrt(3 k + 1) + 2). The best of Nesterov's method on quadratics.
    """
    root = sqrt(3 * high / low + 1)
    return look_ahead(4 / (3 * high + low), (root - 2) / (root + 2))


def nesterov_standard(low: float, high: float) -> Settings:
    """Return the settings for any strongly convex function; on a quadratic they contract by 1 - 1 / sqrt(k).

    Nesterov (2004), scheme 2.2.11: lr 1 / high, momentum (sqrt(k) - 1) / (sqrt(k) + 1).
    """
    root = sqrt(high / low)
    return look_ahead(1 / high, (root - 1) / (root + 1))


def look_ahead(lr: float, momentum: float) -> Settings:
    """Return settings of Nesterov's method; without momentum it is gradient descent."""
    return Settings(lr, momentum, nesterov=momentum > 0)


METHODS: Mapping[str, Callable[[float, float], Settings]] = MappingProxyType(
    {
        "gradient_descent": gradient_descent,
        "heavy_ball": heavy_ball,
        "nesterov": nesterov,
        "nesterov_standard": nesterov_standard,
    }
)
"""Each method's optimal settings, given the smallest and the largest curvature."""


def optimal(method: str, low: float, high: float) -> Settings:
    """Return the optimal settings of a method for curvatures in [low, high].

    Raises:
        ValueError: there is no such method, or the curvatures are not 0 < low <= high < infinity.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < low <= high < inf:
        raise ValueError(f"curvatures must be 0 < smallest <= largest, got {low:g} and {high:g}")
    return METHODS[method](low, high)


def contraction(lr: ArrayLike, momentum: ArrayLike, nesterov: ArrayLike, low: float, high: float) -> Any:
    """Return the contraction at these settings, of their common shape; from 1 on they do not converge."""
    lr, momentum, nesterov = np.asarray(lr, float), np.asarray(momentum, float), np.asarray(nesterov, bool)
    ends = [radius(lr, momentum, nesterov, curvature) for curvature in (low, high)]
    return np.maximum(*ends)[()]


def radius(lr: Array, momentum: Array, nesterov: NDArray[np.bool_], curvature: float) -> Array:
    """Return the largest modulus of a root, for one curvature."""
    left = 1 - lr * curvature
    linear = np.where(nesterov, (1 + momentum) * left, left + momentum)
    constant = np.where(nesterov, momentum * left, momentum)
    discriminant = linear**2 - 4 * constant
    real = (np.abs(linear) + np.sqrt(np.maximum(discriminant, 0))) / 2
    return np.where(discriminant < 0, np.sqrt(np.abs(constant)), real)


def decay(method: str, low: float, high: float) -> float:
    """Return minus the logarithm of a method's contraction at its optimal settings: e-folds a step.

    From the formulas, whose digits do not suffer from a contraction close to 1; infinite where one step
    suffices, as for gradient descent with k = 1.
    """
    optimal(method, low, high)  # refuses what cannot be
    k = high / low
    loss = {
        "gradient_descent": 2 / (k + 1),
        "heavy_ball": 2 / (sqrt(k) + 1),
        "nesterov": 2 / sqrt(3 * k + 1),
        "nesterov_standard": 1 / sqrt(k),
    }[method]
    return -float(np.log1p(-loss)) if loss < 1 else inf


def guaranteed(method: str, low: float, high: float) -> float | None:
    """Return the contraction that a method's optimal settings guarantee on every strongly convex function.

    Its curvature lies in [low, high] everywhere. None where nothing is guaranteed from any start: Lessard,
    Recht & Packard (2016), section 4.6, give a function on which heavy ball ends in a cycle. That of
    gradient descent is (k - 1) / (k + 1), as on quadratics (Nesterov, 2004, theorem 2.1.15); that of
    Nesterov's method with the standard settings is the root of 1 - 1 / sqrt(k), since the suboptimality
    falls by 1 - 1 / sqrt(k) (theorem 2.2.3).
    """
    k = high / low
    if method == "gradient_descent":
        return (k - 1) / (k + 1)
    return sqrt(1 - 1 / sqrt(k)) if method == "nesterov_standard" else None


def steps_until(method: str, low: float, high: float, share: float) -> int:
    """Return the steps after which the contraction alone would leave this share of the distance, at least 1.

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be in (0, 1), got {share:g}")
    return max(ceil(-log(share) / decay(method, low, high)), 1)
