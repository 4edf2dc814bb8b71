"""A deep linear network: linear in what it computes, not in its weights."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from problems.base import Array, Layout, Numbers, constant, register
from problems.loss import Arrays, LossProblem
from problems.matrices import of_singular_values


@register("deep_linear")
@dataclass(frozen=True, kw_only=True)
class DeepLinear(LossProblem):
    r"""A network of linear layers fitted to a linear teacher on whitened inputs (Saxe et al., 2014).

    .. math:: f(W_1, \dots, W_D) = \frac12 \| W_D \cdots W_1 - T \|_F^2

    That is half the mean squared error over inputs whose covariance is the identity, which
    depends on them no further. The teacher T has random singular vectors, the same for every
    seed, and singular values evenly in the logarithm from 1 down to 1 / ``condition``; each of
    them is learnt in its own time, after a plateau that is the longer, the smaller the start
    and the deeper the network. The least loss is 0; from two layers on it is reached by many
    weights, so no minimiser is given, and the origin is a saddle (Kawaguchi, 2016).

    A seed draws the weights, from N(0, scale² / width); 1 is the scale that keeps the size of
    what passes through (LeCun et al., 1998).

    Args:
        depth: layers, from 1 to 100.
        width: inputs, units of each layer, and outputs, from 1 to 300.
        condition: largest over smallest singular value of the teacher, from 1.
        scale: scale of the weights at the start, from 1e-6 to 10.

    Raises:
        ValueError: the network is larger than memory allows.
    """

    depth: int = constant(3, Numbers(low=1, high=100, integer=True))
    width: int = constant(10, Numbers(low=1, high=300, integer=True))
    condition: float = constant(10.0, Numbers(low=1))
    scale: float = constant(0.5, Numbers(low=1e-6, high=10))

    def check(self) -> None:
        self.check_size(f"depth={self.depth} and width={self.width} make")

    @property
    def teacher(self) -> Array:
        """The matrix T, (width, width)."""
        return of_singular_values(tuple(np.geomspace(1, 1 / self.condition, self.width)), self.width)

    @property
    def layout(self) -> Layout:
        return {f"layer{i}": (self.width, self.width) for i in range(self.depth)}

    def draw(self, rng: np.random.Generator) -> Arrays:
        spread = self.scale / np.sqrt(self.width)
        return {name: spread * rng.standard_normal(shape) for name, shape in self.layout.items()}

    def loss(self, params: Arrays, batch: None) -> Any:
        import jax.numpy as jnp

        product = reduce(lambda below, layer: layer @ below, params.values())
        return 0.5 * ((product - jnp.asarray(self.teacher, product.dtype)) ** 2).sum()
