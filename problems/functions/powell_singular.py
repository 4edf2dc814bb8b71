"""Powell's singular function: no curvature in two directions at its minimum."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("powell_singular")
@dataclass(frozen=True, kw_only=True)
class PowellSingular(FunctionProblem):
    r"""Powell's singular function (Powell, 1962; Moré, Garbow & Hillstrom, 1981, no. 13).

    .. math:: f(x) = (x_1 + 10 x_2)^2 + 5 (x_3 - x_4)^2 + (x_2 - 2 x_3)^4 + 10 (x_1 - x_4)^4

    The least value is 0, at the origin, where the Hessian has rank two. Seed 0 starts at
    (3, -1, 0, 1) as Moré et al. do, the others in the box [-4, 5] (Jamil & Yang, 2013).
    """

    dim: ClassVar = 4
    box: ClassVar = (-4.0, 5.0)
    classic: ClassVar = (3.0, -1.0, 0.0, 1.0)

    def value(self, x: Any) -> Any:
        a, b, c, d = x
        return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4
