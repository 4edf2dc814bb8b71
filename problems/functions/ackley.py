"""Ackley's function: a hole with a pointed bottom in a rippled plain."""

from dataclasses import dataclass
from math import e, pi
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("ackley")
@dataclass(frozen=True, kw_only=True)
class Ackley(AnyDimension):
    r"""Ackley's function (Ackley, 1987; in any dimension, Bäck & Schwefel, 1993).

    .. math:: f(x) = 20 + e - 20 \exp\Big(-\tfrac15 \sqrt{\tfrac1d \sum_i x_i^2}\Big)
                     - \exp\Big(\tfrac1d \sum_i \cos(2 \pi x_i)\Big)

    The least value is 0, at the origin, where the function comes to a point, as a norm does: near it
    the length of the gradient is 4 / √d, and at the origin itself the gradient that is returned is 0,
    one of the subgradients. Both exponentials are computed less one, which keeps the digits there.
    A seed draws the start from the usual box [-32.768, 32.768].
    """

    box: ClassVar = (-32.768, 32.768)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        square = (x**2).mean()
        is_origin = square == 0
        # twice: the slope of a root at 0 is infinite, and what is not chosen has a slope as well
        radius = jnp.where(is_origin, 0.0, jnp.sqrt(jnp.where(is_origin, 1.0, square)))
        waves = (jnp.sin(pi * x) ** 2).mean()
        return -20 * jnp.expm1(-radius / 5) - e * jnp.expm1(-2 * waves)
