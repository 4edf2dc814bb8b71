"""Himmelblau's function: four minima of the same depth."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("himmelblau")
@dataclass(frozen=True, kw_only=True)
class Himmelblau(FunctionProblem):
    r"""Himmelblau's function (Himmelblau, 1972; Jamil & Yang, 2013).

    .. math:: f(x) = (x_1^2 + x_2 - 11)^2 + (x_1 + x_2^2 - 7)^2

    The least value 0 is reached at four points: (3, 2), which is the one that counts as the minimiser,
    and near (-2.805, 3.131), (-3.779, -3.283) and (3.584, -1.848).

    A seed draws the start from the box [-5, 5] of Jamil and Yang.
    """

    dim: ClassVar = 2
    box: ClassVar = (-5.0, 5.0)
    optimum: ClassVar = (3.0, 2.0)

    def value(self, x: Any) -> Any:
        return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
