"""A quadratic with a spectrum of one's choice: the plainest test of conditioning."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from problems.base import (
    Array,
    Choice,
    Flag,
    Instance,
    Numbers,
    Problem,
    Seeds,
    constant,
    plain_widths,
    register,
)
from problems.noise import unit_noise


@register("quadratic_bowl")
@dataclass(frozen=True, kw_only=True)
class QuadraticBowl(Problem):
    r"""The bowl :math:`f(x) = \frac12 x^T H x`, its minimum 0 at the origin.

    The eigenvalues of H run from 1 to ``condition``, evenly in the logarithm or linearly,
    or are 1 but for the last. H is diagonal, or rotated by a random orthogonal matrix
    (Haar distributed; Stewart, 1980) that is the same for every seed: a rule that scales
    each coordinate by itself sees the steep directions in the one case, not in the other.

    A seed draws the start from N(0, 1) in every coordinate, and the noise of the gradients.

    Args:
        dim: number of coordinates, from 2 to 2,000.
        condition: largest over smallest eigenvalue, from 1.
        spectrum: log, linear, or spike (all 1 but one).
        rotated: whether H is rotated.
        grad_noise: standard deviation of the normal noise on each coordinate of the
            gradient at each step; 0 is none.
    """

    engines: ClassVar = ("numpy", "jax")
    """Over the README's first grid, four optimizers on one core: 3.7 s under numpy, 5.8 s under jax."""

    dim: int = constant(10, Numbers(low=2, high=2_000, integer=True))
    condition: float = constant(100.0, Numbers(low=1))
    spectrum: str = constant("log", Choice(("log", "linear", "spike")))
    rotated: bool = constant(False, Flag())
    grad_noise: float = constant(0.0, Numbers(low=0))

    @property
    def widths(self) -> tuple[int, ...]:
        return (64,) if self.rotated else plain_widths(self.dim)

    @property
    def floats_per_lane(self) -> int:
        return 4 * self.dim

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ()

    @property
    def eigenvalues(self) -> Array:
        """The eigenvalues of H, ascending, shape (dim,)."""
        if self.spectrum == "log":
            return np.geomspace(1, self.condition, self.dim)
        if self.spectrum == "linear":
            return np.linspace(1, self.condition, self.dim)
        return np.append(np.ones(self.dim - 1), self.condition)

    def instance(self, seeds: Seeds) -> "Bowls":
        start = np.empty((self.dim, len(seeds)))
        for seed in np.unique(seeds):
            start[:, seeds == seed] = np.random.default_rng(seed).standard_normal((self.dim, 1))
        return Bowls(
            start=start,
            minimum=np.zeros(len(seeds)),
            minimiser=np.zeros_like(start),
            grad_noise=self.grad_noise,
            diagonal=None if self.rotated else self.eigenvalues[:, None],
            hessian=hessian(self) if self.rotated else np.zeros((0, 0)),
        )

    def batches(self, seeds: Seeds, first: int, count: int) -> Array | None:
        if not self.grad_noise:
            return None
        return unit_noise(seeds, first, count, self.dim)


@cache
def hessian(problem: QuadraticBowl) -> Array:
    """Return H, shape (dim, dim)."""
    eigenvalues = problem.eigenvalues
    if not problem.rotated:
        return np.diag(eigenvalues)
    from scipy.stats import ortho_group  # here: it takes longer to load than all the rest

    rotation = ortho_group.rvs(problem.dim, random_state=np.random.default_rng(0))
    return np.asarray(rotation * eigenvalues @ rotation.T)


@dataclass(frozen=True, kw_only=True)
class Bowls(Instance):
    """The same bowl for all lanes, from different starts and with different noise.

    Its Hessian is ``diagonal`` (dim, 1), or where that is None, ``hessian`` (dim, dim).
    """

    grad_noise: float
    diagonal: Array | None
    hessian: Array

    def loss(self, params: Array) -> Array:
        return self.loss_and_grad(params)[0]

    def loss_and_grad(self, params: Array, batch: Array | None = None) -> tuple[Array, Array]:
        grads = self.hessian @ params if self.diagonal is None else self.diagonal * params
        loss = 0.5 * (params * grads).sum(axis=0)
        return loss, grads if batch is None else grads + self.grad_noise * batch
