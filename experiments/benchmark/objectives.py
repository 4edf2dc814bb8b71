"""The objectives once more, as plain formulas for any array library.

They take one run, parameters of shape (dim,), or many, (dim, lanes): loss and gradient
come out as () and (dim,), or as (lanes,) and (dim, lanes). ``xp`` is NumPy, torch, or
jax.numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from problems import Problem
from problems.logistic import LogisticRegression
from problems.quadratic import QuadraticFit, design
from problems.rosenbrock import Rosenbrock


class Lanes(NamedTuple):
    """What differs between lanes: ``start`` and ``minimiser`` (dim, lanes), ``minimum`` (lanes,)."""

    start: Any
    minimiser: Any
    minimum: Any


@dataclass(frozen=True)
class Objective:
    """What a contestant needs to know of a problem.

    Attributes:
        loss_and_grad: parameters and their lanes -> loss and gradient.
        metric: parameters and their loss -> the problem's metric.
    """

    loss_and_grad: Callable[[Any, Lanes], tuple[Any, Any]]
    metric: Callable[[Any, Any], Any]


def objective(xp: Any, problem: Problem) -> Objective:
    """Return the objective of a problem at its defaults, its data as arrays of ``xp``."""
    return OBJECTIVES[type(problem)](xp, problem)


def lanes_of(xp: Any, problem: Problem, seeds: Any) -> Lanes:
    """Return what the seeds decide, as arrays of ``xp``."""
    instance = problem.instance(np.asarray(seeds))
    return Lanes(xp.asarray(instance.start), xp.asarray(instance.minimiser), xp.asarray(instance.minimum))


def quadratic(xp: Any, problem: QuadraticFit) -> Objective:
    columns = [xp.asarray(column) for column in design(problem).T @ design(problem) / problem.points]

    def loss_and_grad(params: Any, lanes: Lanes) -> tuple[Any, Any]:
        error = params - lanes.minimiser
        # the product with the Hessian as a sum over its columns: compilers fuse that
        tall = [column.reshape(-1, *[1] * (error.ndim - 1)) for column in columns]
        grads = tall[0] * error[0] + tall[1] * error[1] + tall[2] * error[2]
        return lanes.minimum + 0.5 * (error * grads).sum(0), grads

    return Objective(loss_and_grad, lambda params, loss: 2 * loss)


def logistic(xp: Any, problem: LogisticRegression) -> Objective:
    split = problem.split
    signed = xp.asarray((2.0 * split.y_train - 1)[:, None] * split.x_train)
    tested = xp.asarray((2.0 * split.y_test - 1)[:, None] * split.x_test)
    count, l2 = len(split.y_train), problem.l2

    def loss_and_grad(params: Any, lanes: Lanes) -> tuple[Any, Any]:
        margin = signed @ params
        size = xp.abs(margin)
        small = xp.exp(-size)
        slope = xp.where(margin > 0, small, 1.0) / (1 + small)
        log_loss = (xp.log1p(small) + (size - margin) / 2).sum(0) / count
        return log_loss + l2 / 2 * (params * params).sum(0), l2 * params - signed.T @ slope / count

    return Objective(loss_and_grad, lambda params, loss: (tested @ params > 0).sum(0) / len(split.y_test))


def rosenbrock(xp: Any, problem: Rosenbrock) -> Objective:
    def loss_and_grad(params: Any, lanes: Lanes) -> tuple[Any, Any]:
        x, gap = params[:-1], params[1:] - params[:-1] ** 2
        rest, none = 1 - x, 0 * params[:1]
        inner = xp.concatenate([-400 * x * gap - 2 * rest, none])
        return (100 * gap**2 + rest**2).sum(0), inner + xp.concatenate([none, 200 * gap])

    return Objective(loss_and_grad, lambda params, loss: None)


OBJECTIVES: dict[type[Problem], Callable[[Any, Any], Objective]] = {
    QuadraticFit: quadratic,
    LogisticRegression: logistic,
    Rosenbrock: rosenbrock,
}
