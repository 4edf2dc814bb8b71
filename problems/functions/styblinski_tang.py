"""The function of Styblinski and Tang: two wells in each coordinate."""

from dataclasses import dataclass
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import AnyDimension


@register("styblinski_tang")
@dataclass(frozen=True, kw_only=True)
class StyblinskiTang(AnyDimension):
    r"""The function of Styblinski and Tang (1990; Jamil & Yang, 2013).

    .. math:: f(x) = \frac12 \sum_{i=1}^{d} x_i^4 - 16 x_i^2 + 5 x_i

    Each coordinate has a deep well at -2.9035 and a shallow one at 2.7468, so there are 2^d local
    minima. The least value is -39.1662 d, with all coordinates in the deep well. A seed draws the
    start from the box [-5, 5] of Jamil and Yang.
    """

    box: ClassVar = (-5.0, 5.0)
    optimum: ClassVar = -2.903534027771177

    @property
    def least(self) -> float:  # type: ignore[override]  # a constant of other problems
        x = self.optimum
        return self.dim * (x**4 - 16 * x**2 + 5 * x) / 2

    def value(self, x: Any) -> Any:
        return (x**4 - 16 * x**2 + 5 * x).sum() / 2
