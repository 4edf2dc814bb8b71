"""Between which curvatures a problem lies, where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from problems.base import Problem
from problems.least_squares import LeastSquares
from problems.linear import LinearProblem
from problems.logistic import LogisticRegression
from problems.quadratic import QuadraticFit, design
from problems.quadratic_bowl import QuadraticBowl

SOLVED_TO = 1e-7
"""A minimiser that a solver found is right to about this share of the distance from the start."""

ROUNDED = 1e-12
"""A distance below this share of the start's is lost in the digits of a minimiser that is not 0."""

REPRESENTED = 1e-140
"""A distance below this share of the start's has a square that is too small for a float."""


@dataclass(frozen=True)
class Curvature:
    """The smallest and the largest eigenvalue of the Hessian, anywhere.

    Attributes:
        low, high: 0 < low <= high.
        quadratic: whether the Hessian is the same everywhere and has these eigenvalues; else they bound it.
        diagonal: whether it is diagonal, so that each coordinate moves by itself.
        floor: the share of the first distance down to which distances are known.
    """

    low: float
    high: float
    quadratic: bool
    diagonal: bool
    floor: float

    @property
    def condition(self) -> float:
        """The largest over the smallest."""
        return self.high / self.low


@lru_cache
def curvature_of(problem: Problem) -> Curvature | str:
    """Return the curvatures of a problem, or in words why there is no bound on them or none on a rate.

    Of logistic regression on X with n rows the Hessian lies between l2 and l2 plus the largest eigenvalue
    of X'X / (4 n) (two classes; Böhning & Lindsay, 1988) or X'X / (2 n) (more; Böhning, 1992). Of the
    robust losses of ``least_squares`` it lies between l2 and that of squares.
    """
    if isinstance(problem, QuadraticBowl):
        if problem.grad_noise:
            return "its gradients are noisy, and a constant learning rate does not converge"
        values = problem.eigenvalues
        return Curvature(float(values[0]), float(values[-1]), True, not problem.rotated, REPRESENTED)
    if isinstance(problem, QuadraticFit):
        rows = design(problem)
        ends = np.linalg.svd(rows, compute_uv=False) ** 2 * (problem.scale / len(rows))
        return Curvature(float(ends[-1]), float(ends[0]), True, False, ROUNDED)
    if isinstance(problem, LinearProblem):
        if problem.batch_size is not None:
            return "its gradients are of minibatches, and a constant learning rate does not converge"
        return of_linear(problem)
    return "its smallest curvature is not known to be above 0"


def of_linear(problem: LinearProblem) -> Curvature | str:
    """Return the curvatures of a regression on data, as far as its second derivatives have a bound."""
    x = problem.split.x_train
    values = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    least = float(values[-1]) if len(values) == x.shape[1] else 0.0
    if isinstance(problem, LogisticRegression):
        most = 0.25 if problem.outputs == 1 else 0.5
        return Curvature(problem.l2, problem.l2 + most * float(values[0]), False, False, SOLVED_TO)
    if not isinstance(problem, LeastSquares):
        return "its smallest curvature is not known to be above 0"
    quadratic = problem.loss == "squared"
    low = problem.l2 + (least if quadratic else 0.0)
    return Curvature(low, problem.l2 + float(values[0]), quadratic, False, SOLVED_TO)
