"""McCormick's function: a wave across a sloping valley, held in its box."""

from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar

from problems.base import register
from problems.functions.base import FunctionProblem


@register("mccormick")
@dataclass(frozen=True, kw_only=True)
class McCormick(FunctionProblem):
    r"""McCormick's function (Jamil & Yang, 2013), with walls.

    .. math:: f(x, y) = \sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1 + 10 \, \|r\|^2

    Without the last term it falls for ever along x = y, so that "the" minimum is that of the box
    [-1.5, 4] x [-3, 3]. Here r is how far (x, y) lies outside of this box in each coordinate: inside
    nothing changes, and no point outside is as low. The least value is :math:`-\sqrt3 / 2 - \pi / 3`,
    at :math:`(\frac12 - \frac\pi3, -\frac12 - \frac\pi3)`. A seed draws the start from the box.
    """

    dim: ClassVar = 2
    least: ClassVar = -(3**0.5) / 2 - pi / 3
    box: ClassVar = ((-1.5, -3.0), (4.0, 3.0))
    optimum: ClassVar = (0.5 - pi / 3, -0.5 - pi / 3)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        low, high = (jnp.asarray(self.point(end), x.dtype) for end in self.box)
        outside = jnp.maximum(x - high, 0) + jnp.maximum(low - x, 0)
        x, y = x
        return jnp.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1 + 10 * (outside**2).sum()
