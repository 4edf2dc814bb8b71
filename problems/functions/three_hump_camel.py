"""The camel with three humps: three wells, the deepest in the middle."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("three_hump_camel")
@dataclass(frozen=True, kw_only=True)
class ThreeHumpCamel(FunctionProblem):
    r"""The camel function with three humps (Dixon & Szegö, 1975; Jamil & Yang, 2013).

    .. math:: f(x) = 2 x_1^2 - 1.05 x_1^4 + \tfrac16 x_1^6 + x_1 x_2 + x_2^2

    The least value is 0, at the origin; the other two local minima are 0.2986 deep, near
    (1.748, -0.874) and (-1.748, 0.874). A seed draws the start from the box [-5, 5] of Jamil and
    Yang.
    """

    dim: ClassVar = 2
    box: ClassVar = (-5.0, 5.0)

    def value(self, x: Any) -> Any:
        x, y = x
        return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2
