"""``torch.optim`` on one core, with analytic gradients: no time goes into autograd.

Its learning rate is one number for the whole tensor. Run by run each run has its own;
on one tensor the lanes differ by their seed only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import torch

from experiments.benchmark.case import Case, Prepared
from experiments.benchmark.objectives import Lanes, lanes_of, objective
from optim import Optimizer
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.rmsprop import RMSprop
from optim.sgd import SGD

torch.set_num_threads(1)

RULES: dict[type[Optimizer], Callable[[Any, Any, float], Any]] = {
    SGD: lambda rule, params, lr: torch.optim.SGD(params, lr=lr),
    RMSprop: lambda rule, params, lr: torch.optim.RMSprop(params, lr=lr, alpha=rule.beta, eps=rule.eps),
    AdaGrad: lambda rule, params, lr: torch.optim.Adagrad(params, lr=lr, eps=rule.eps),
    Adam: lambda rule, params, lr: torch.optim.Adam(
        params, lr=lr, betas=(rule.beta1, rule.beta2), eps=rule.eps
    ),
}


def prepare_runs(case: Case) -> Prepared:
    """Return the runs of a case, each with an optimizer of its own; each call does the next one."""
    problem, rule = case.make_problem(), case.make_optimizer()
    loss_and_grad = objective(torch, problem).loss_and_grad
    lanes = cycle(range(case.lanes))

    def run() -> int:
        lane = next(lanes)
        many = lanes_of(torch, problem, case.seeds[[lane]])
        alone = Lanes(many.start[:, 0].clone(), many.minimiser[:, 0], many.minimum[0])
        optimizer = RULES[type(rule)](rule, [alone.start], float(case.lr[lane]))
        losses = []
        alone.start.grad = loss_and_grad(alone.start, alone)[1]
        for _ in range(case.steps):
            optimizer.step()
            loss, alone.start.grad = loss_and_grad(alone.start, alone)
            losses.append(loss.item())
        return case.steps

    return Prepared(run)


def prepare_tensor(case: Case) -> Prepared:
    """Return all lanes of a case as one tensor of shape (dim, lanes), with one learning rate."""
    problem, rule = case.make_problem(), case.make_optimizer()
    loss_and_grad = objective(torch, problem).loss_and_grad
    lanes = lanes_of(torch, problem, range(case.lanes))

    def run() -> int:
        params = lanes.start.clone()
        optimizer = RULES[type(rule)](rule, [params], case.middle_lr)
        best_loss, params.grad = loss_and_grad(params, lanes)
        for _ in range(case.steps):
            optimizer.step()
            loss, params.grad = loss_and_grad(params, lanes)
            best_loss = torch.fmin(best_loss, loss)
        return case.lanes * case.steps

    return Prepared(run)
