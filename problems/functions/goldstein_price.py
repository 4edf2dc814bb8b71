"""The function of Goldstein and Price: a polynomial that spans six decades."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("goldstein_price")
@dataclass(frozen=True, kw_only=True)
class GoldsteinPrice(FunctionProblem):
    r"""The function of Goldstein and Price (1971; Jamil & Yang, 2013).

    .. math:: f(x, y) = (1 + (x + y + 1)^2 (19 - 14 x + 3 x^2 - 14 y + 6 x y + 3 y^2)) \\
              (30 + (2 x - 3 y)^2 (18 - 32 x + 12 x^2 + 48 y - 36 x y + 27 y^2))

    The least value is 3, at (0, -1), and there are three more local minima: 30 at (-0.6, -0.4), 84
    at (1.8, 0.2) and 840 at (1.2, 0.8). A seed draws the start from the box [-2, 2] of both.
    """

    dim: ClassVar = 2
    least: ClassVar = 3.0
    box: ClassVar = (-2.0, 2.0)
    optimum: ClassVar = (0.0, -1.0)

    def value(self, x: Any) -> Any:
        x, y = x
        one = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        other = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        return (1 + (x + y + 1) ** 2 * one) * (30 + (2 * x - 3 * y) ** 2 * other)
