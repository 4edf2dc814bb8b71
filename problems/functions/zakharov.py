"""Zakharov's function: a bowl with one direction that is far steeper."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("zakharov")
@dataclass(frozen=True, kw_only=True)
class Zakharov(AnyDimension):
    r"""Zakharov's function (Jamil & Yang, 2013).

    .. math:: f(x) = \sum_{i=1}^{d} x_i^2 + s^2 + s^4, \quad s = \sum_{i=1}^{d} \tfrac12 i x_i

    It is convex; its least value is 0, at the origin. A seed draws the start from the box [-5, 10]
    of Jamil and Yang.
    """

    box: ClassVar = (-5.0, 10.0)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        s = (jnp.arange(1, self.dim + 1, dtype=x.dtype) * x).sum() / 2
        return (x**2).sum() + s**2 + s**4
