"""Rastrigin's function: a bowl with a grid of wells."""

from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("rastrigin")
@dataclass(frozen=True, kw_only=True)
class Rastrigin(AnyDimension):
    r"""Rastrigin's function (Rastrigin, 1974; Mühlenbein, Schomisch & Born, 1991).

    .. math:: f(x) = 10 d + \sum_{i=1}^{d} x_i^2 - 10 \cos(2 \pi x_i)
                   = \sum_{i=1}^{d} x_i^2 + 20 \sin^2(\pi x_i)

    The second form is computed: it keeps its digits near the least value, 0, at the origin. There
    is a local minimum near every point of whole coordinates. A seed draws the start from the usual
    box [-5.12, 5.12].
    """

    box: ClassVar = (-5.12, 5.12)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        return (x**2 + 20 * jnp.sin(pi * x) ** 2).sum()
