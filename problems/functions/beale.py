"""Beale's function: a flat valley that narrows towards a line."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("beale")
@dataclass(frozen=True, kw_only=True)
class Beale(FunctionProblem):
    r"""Beale's function (Beale, 1958; Moré, Garbow & Hillstrom, 1981, no. 5).

    .. math:: f(x) = (1.5 - x_1 + x_1 x_2)^2 + (2.25 - x_1 + x_1 x_2^2)^2 + (2.625 - x_1 + x_1 x_2^3)^2

    The least value is 0, at (3, 0.5). Seed 0 starts at (1, 1) as Moré et al. do, the others in the
    box [-4.5, 4.5] (Jamil & Yang, 2013).
    """

    dim: ClassVar = 2
    box: ClassVar = (-4.5, 4.5)
    classic: ClassVar = (1.0, 1.0)
    optimum: ClassVar = (3.0, 0.5)

    def value(self, x: Any) -> Any:
        x, y = x
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
