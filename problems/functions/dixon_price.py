"""The function of Dixon and Price: a chain in which each coordinate follows the one before."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("dixon_price")
@dataclass(frozen=True, kw_only=True)
class DixonPrice(AnyDimension):
    r"""The function of Dixon and Price (1989; Jamil & Yang, 2013).

    .. math:: f(x) = (x_1 - 1)^2 + \sum_{i=2}^{d} i (2 x_i^2 - x_{i-1})^2

    The least value is 0, at :math:`x_i = 2^{2^{1-i} - 1}`, and at the same point with the last
    coordinate negative; the first is the one that counts as the minimiser. From d = 3 on,
    (1/3, 0, ..., 0), of value 2/3, is a stationary point without a direction of negative curvature,
    which holds runs up. A seed draws the start from the box [-10, 10] of Jamil and Yang.
    """

    box: ClassVar = (-10.0, 10.0)

    @property
    def optimum(self) -> tuple[float, ...]:
        return tuple(2.0 ** (2.0**-i - 1) for i in range(self.dim))

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        numbers = jnp.arange(2, self.dim + 1, dtype=x.dtype)
        return (x[0] - 1) ** 2 + (numbers * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum()
