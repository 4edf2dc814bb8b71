"""The article's loop: one run at a time, one-dimensional NumPy arrays, one pass a step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

from experiments.benchmark.case import Case, Prepared
from experiments.benchmark.objectives import Lanes, lanes_of, objective
from optim import Optimizer
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.rmsprop import RMSprop
from optim.sgd import SGD
from problems import Problem
from problems.base import Array
from problems.quadratic import QuadraticFit

Rule = Callable[[Array, Array], Array]
"""Parameters and their gradient -> the next parameters."""


def prepare(case: Case) -> Prepared:
    """Return the runs of a case; each call does the next one."""
    problem, optimizer = case.make_problem(), case.make_optimizer()
    lanes = cycle(range(case.lanes))

    def run() -> int:
        lane = next(lanes)
        one_run(problem, optimizer.take([lane]), int(case.seeds[lane]), case.steps)
        return case.steps

    return Prepared(run)


def one_run(problem: Problem, optimizer: Optimizer, seed: int, steps: int) -> tuple[Array, list[float]]:
    """Run one setting with one seed; return the parameters and the loss after each step."""
    if isinstance(problem, QuadraticFit) and isinstance(optimizer, RMSprop):
        return fit_parabola(problem, optimizer, seed, steps)
    start, minimiser, minimum = lanes_of(np, problem, [seed])
    lane = Lanes(start[:, 0], minimiser[:, 0], minimum[0])
    rule = RULES[type(optimizer)](optimizer, lane.start)
    return descend(objective(np, problem).loss_and_grad, rule, lane, steps)


def fit_parabola(
    problem: QuadraticFit, optimizer: RMSprop, seed: int, epochs: int
) -> tuple[Array, list[float]]:
    """The article's own program, to the letter; its losses are mean squared errors.

    In this order of operations NumPy gives the article's figures to the last digit, also
    the smallest loss on the way, which any other rounding changes.
    """
    lr, beta, eps = optimizer.lr, optimizer.beta, optimizer.eps
    rng, m = np.random.RandomState(seed), problem.points
    x = np.linspace(problem.low, problem.high, m)
    y = problem.a * x**2 + problem.b * x + problem.c + rng.normal(0, problem.noise, m)
    theta, square_avg, losses = rng.randn(3), np.zeros(3), []
    for _ in range(epochs):
        error = theta[0] * x**2 + theta[1] * x + theta[2] - y
        grad = np.array([1 / m * np.sum(error * x**2), 1 / m * np.sum(error * x), 1 / m * np.sum(error)])
        square_avg = beta * square_avg + (1 - beta) * grad**2
        theta = theta - lr / (np.sqrt(square_avg) + eps) * grad
        losses.append(float(np.mean((theta[0] * x**2 + theta[1] * x + theta[2] - y) ** 2)))
    return theta, losses


def descend(
    loss_and_grad: Callable[[Array, Lanes], tuple[Any, Array]], rule: Rule, lane: Lanes, steps: int
) -> tuple[Array, list[float]]:
    """The same loop for any objective and rule."""
    theta, losses = lane.start, []
    grad = loss_and_grad(theta, lane)[1]
    for _ in range(steps):
        theta = rule(theta, grad)
        loss, grad = loss_and_grad(theta, lane)
        losses.append(float(loss))
    return theta, losses


def rmsprop(optimizer: RMSprop, start: Array) -> Rule:
    lr, beta, eps = optimizer.lr, optimizer.beta, optimizer.eps
    square_avg = np.zeros_like(start)

    def rule(theta: Array, grad: Array) -> Array:
        nonlocal square_avg
        square_avg = beta * square_avg + (1 - beta) * grad**2
        return theta - lr / (np.sqrt(square_avg) + eps) * grad

    return rule


def sgd(optimizer: SGD, start: Array) -> Rule:
    lr = optimizer.lr
    return lambda theta, grad: theta - lr * grad


def adagrad(optimizer: AdaGrad, start: Array) -> Rule:
    lr, eps = optimizer.lr, optimizer.eps
    square_sum = np.zeros_like(start)

    def rule(theta: Array, grad: Array) -> Array:
        nonlocal square_sum
        square_sum = square_sum + grad**2
        return theta - lr / (np.sqrt(square_sum) + eps) * grad

    return rule


def adam(optimizer: Adam, start: Array) -> Rule:
    lr, beta1, beta2, eps = optimizer.lr, optimizer.beta1, optimizer.beta2, optimizer.eps
    grad_avg, square_avg, step = np.zeros_like(start), np.zeros_like(start), 0

    def rule(theta: Array, grad: Array) -> Array:
        nonlocal grad_avg, square_avg, step
        step += 1
        grad_avg = beta1 * grad_avg + (1 - beta1) * grad
        square_avg = beta2 * square_avg + (1 - beta2) * grad**2
        corrected = grad_avg / (1 - beta1**step)
        return theta - lr * corrected / (np.sqrt(square_avg / (1 - beta2**step)) + eps)

    return rule


RULES: dict[type[Optimizer], Callable[[Any, Array], Rule]] = {
    SGD: sgd,
    RMSprop: rmsprop,
    AdaGrad: adagrad,
    Adam: adam,
}
