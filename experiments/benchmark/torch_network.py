"""A network trained by PyTorch, run after run, as one writes it: a module, autograd, an optimizer, a loop."""

from __future__ import annotations

from itertools import cycle, pairwise
from typing import Any

import numpy as np
import torch

from experiments.benchmark.case import Case, Prepared
from experiments.engine.recorded import recorded_steps
from optim.rmsprop import RMSprop
from problems.loss import LossProblem

torch.set_num_threads(1)


def prepare(case: Case) -> Prepared:
    """Return the runs of a case, each with a network of its own; each call does the next one."""
    device = torch.device("cuda" if case.device == "gpu" else "cpu")
    dtype, problem, rule = getattr(torch, case.dtype), case.make_problem(), case.make_optimizer()
    assert isinstance(rule, RMSprop)
    assert isinstance(problem, LossProblem)
    x, y = problem.examples
    inputs, labels = torch.tensor(x, dtype=dtype, device=device), torch.tensor(y, device=device)
    recorded = set(recorded_steps(case.steps, case.points).tolist())
    lanes = cycle(range(case.lanes))
    loss_of = torch.nn.CrossEntropyLoss()

    def run() -> int:
        lane = next(lanes)
        model = network(problem).to(device, dtype)
        optimizer = torch.optim.RMSprop(
            model.parameters(), lr=float(case.lr[lane]), alpha=float(rule.beta), eps=float(rule.eps)
        )
        rows = problem.batches(case.seeds[[lane]], 0, case.steps)
        assert rows is not None
        batches = torch.tensor(rows[:, :, 0].astype(np.int64), device=device)
        losses = []
        for step in range(case.steps):
            batch = batches[step]
            optimizer.zero_grad()
            loss_of(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            if step + 1 in recorded:
                with torch.no_grad():
                    losses.append(loss_of(model(inputs), labels).item())
        return case.steps

    return Prepared(run)


def network(problem: Any) -> torch.nn.Module:
    """Return the network of a problem, freshly drawn."""
    if problem.name == "mlp":
        activation = torch.nn.ReLU if problem.activation == "relu" else torch.nn.Tanh
        widths = [64, *[problem.hidden] * problem.layers]
        hidden = [
            part
            for before, after in pairwise(widths)
            for part in (torch.nn.Linear(before, after), activation())
        ]
        return torch.nn.Sequential(*hidden, torch.nn.Linear(widths[-1], 10))
    channels = problem.channels
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)),
        torch.nn.Conv2d(1, channels, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(channels, 2 * channels, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(2 * channels * 16, 10),
    )
