"""Levy's function: waves whose height grows with the distance."""

from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("levy")
@dataclass(frozen=True, kw_only=True)
class Levy(AnyDimension):
    r"""Levy's function (Levy & Montalvo, 1985; in this form Laguna & Martí, 2005).

    .. math:: f(x) = \sin^2(\pi w_1) + \sum_{i=1}^{d-1} (w_i - 1)^2 (1 + 10 \sin^2(\pi w_i + 1))
                     + (w_d - 1)^2 (1 + \sin^2(2 \pi w_d)), \quad w_i = 1 + \frac{x_i - 1}{4}

    The least value is 0, at all ones. Computed from z = w - 1, of which the same squares of sines
    are taken, it keeps its digits there. A seed draws the start from the usual box [-10, 10].
    """

    box: ClassVar = (-10.0, 10.0)
    optimum: ClassVar = 1.0

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        z = (x - 1) / 4
        first, last = jnp.sin(pi * z[0]) ** 2, z[-1] ** 2 * (1 + jnp.sin(2 * pi * z[-1]) ** 2)
        return first + (z[:-1] ** 2 * (1 + 10 * jnp.sin(pi * z[:-1] + 1) ** 2)).sum() + last
