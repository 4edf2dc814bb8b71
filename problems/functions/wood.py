"""Wood's function: two of Rosenbrock's valleys, coupled."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("wood")
@dataclass(frozen=True, kw_only=True)
class Wood(FunctionProblem):
    r"""Wood's function (Colville, 1968; Moré, Garbow & Hillstrom, 1981, no. 14).

    .. math:: f(x) = 100 (x_2 - x_1^2)^2 + (1 - x_1)^2 + 90 (x_4 - x_3^2)^2 + (1 - x_3)^2
                     + 10 (x_2 + x_4 - 2)^2 + \tfrac{1}{10} (x_2 - x_4)^2

    The least value is 0, at all ones; a saddle near (-1, 1, -1, 1) holds runs up. Seed 0 starts at
    (-3, -1, -3, -1) as Moré et al. do, the others in the box [-10, 10] (Jamil & Yang, 2013).
    """

    dim: ClassVar = 4
    box: ClassVar = (-10.0, 10.0)
    classic: ClassVar = (-3.0, -1.0, -3.0, -1.0)
    optimum: ClassVar = 1.0

    def value(self, x: Any) -> Any:
        a, b, c, d = x
        valleys = 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
        return valleys + 10 * (b + d - 2) ** 2 + (b - d) ** 2 / 10
