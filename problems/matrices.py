"""Matrices made by rule: orthogonal ones, and ones of given singular values."""

from functools import lru_cache

import numpy as np

from problems.base import Array


def orthogonal(rng: np.random.Generator, size: int) -> Array:
    """Return a random orthogonal matrix, Haar distributed (Mezzadri, 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


@lru_cache(maxsize=16)
def of_singular_values(values: tuple[float, ...], size: int) -> Array:
    """Return a square matrix with these singular values, and 0 for the rest, always the same one."""
    rng = np.random.default_rng(0)
    left, right = (orthogonal(rng, size)[:, : len(values)] for _ in range(2))
    return np.asarray(left * values @ right.T)
