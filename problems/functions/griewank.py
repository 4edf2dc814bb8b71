"""Griewank's function: a wide bowl under fine ripples."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("griewank")
@dataclass(frozen=True, kw_only=True)
class Griewank(AnyDimension):
    r"""Griewank's function (Griewank, 1981; Jamil & Yang, 2013).

    .. math:: f(x) = 1 + \frac{1}{4000} \sum_{i=1}^{d} x_i^2 - \prod_{i=1}^{d} \cos\frac{x_i}{\sqrt i}

    The least value is 0, at the origin, and the ripples make very many local minima; the more
    coordinates, the less they matter (Locatelli, 2003). Numbers below 1e-16 are lost beside the 1.
    A seed draws the start from the box [-100, 100] of Jamil and Yang.
    """

    box: ClassVar = (-100.0, 100.0)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        ripples = jnp.cos(x / jnp.sqrt(jnp.arange(1, self.dim + 1, dtype=x.dtype)))
        return (x**2).sum() / 4000 + (1 - ripples.prod())
