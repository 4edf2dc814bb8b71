"""The sphere: the plainest function of any dimension."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("sphere")
@dataclass(frozen=True, kw_only=True)
class Sphere(AnyDimension):
    r"""The sphere function (De Jong, 1975, F1; Hansen et al., 2009, f1).

    .. math:: f(x) = \sum_{i=1}^{d} x_i^2

    The least value is 0, at the origin. A seed draws the start from the box [-5, 5] of Hansen et al.
    """

    box: ClassVar = (-5.0, 5.0)

    def value(self, x: Any) -> Any:
        return (x**2).sum()
