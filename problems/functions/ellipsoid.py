"""The ellipsoid: a quadratic of one curvature for each coordinate."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Numbers, constant, register
from problems.functions.base import AnyDimension


@register("ellipsoid")
@dataclass(frozen=True, kw_only=True)
class Ellipsoid(AnyDimension):
    r"""The separable ellipsoid (Hansen et al., 2009, f2, without its oscillation).

    .. math:: f(x) = \sum_{i=1}^{d} c^{(i-1)/(d-1)} x_i^2

    The curvatures run from 2 to 2 c, evenly in the logarithm; with ``rotate`` no coordinate shows
    them. The least value is 0, at the origin. A seed draws the start from the box [-5, 5] of Hansen
    et al.

    Args:
        condition: largest over smallest curvature c, from 1.
    """

    condition: float = constant(1e6, Numbers(low=1))

    box: ClassVar = (-5.0, 5.0)

    def value(self, x: Any) -> Any:
        import jax.numpy as jnp

        curvatures = np.geomspace(1, self.condition, self.dim)
        return (jnp.asarray(curvatures, x.dtype) * x**2).sum()
