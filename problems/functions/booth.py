"""Booth's function: a plain quadratic of two coordinates."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("booth")
@dataclass(frozen=True, kw_only=True)
class Booth(FunctionProblem):
    r"""Booth's function (Jamil & Yang, 2013).

    .. math:: f(x) = (x_1 + 2 x_2 - 7)^2 + (2 x_1 + x_2 - 5)^2

    The least value is 0, at (1, 3); curvatures are 2 and 18. A seed draws the start from the box
    [-10, 10] of Jamil and Yang.
    """

    dim: ClassVar = 2
    box: ClassVar = (-10.0, 10.0)
    optimum: ClassVar = (1.0, 3.0)

    def value(self, x: Any) -> Any:
        return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2
