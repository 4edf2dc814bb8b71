"""minimize(): problem, optimizer and seeds -> a trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

import numpy as np

from experiments.engine.backend import LOOPS, Backend, backend_of
from experiments.engine.blocks import block_slices
from experiments.engine.recorded import recorded_steps
from experiments.engine.rule import check_arrays
from experiments.engine.trace import Trace, join, select
from optim.base import Optimizer
from optim.method import Method
from optim.schedules.base import Schedule
from optim.schedules.constant import Constant
from optim.wrapper import Wrapper
from problems.base import Problem, Seeds


def minimize(
    problem: Problem,
    optimizer: Optimizer,
    seeds: Seeds,
    *,
    steps: int,
    points: int = 100,
    params: bool = False,
    schedule: Schedule | None = None,
    wrapper: Wrapper | None = None,
    engine: str = "auto",
    dtype: str = "float64",
    device: str = "cpu",
) -> Trace:
    """Run one lane for each entry of ``seeds`` and return what happened.

    A lane's numbers are the same bits alone or in any company, under each engine; those of
    two engines differ by rounding.

    Args:
        optimizer: its hyperparameters are numbers or arrays of shape (lanes,).
        seeds: (lanes,), from 0.
        steps: how many, from 1.
        points: how many of the steps 0 ... ``steps`` are recorded, from 2.
        params: whether to record the path of the parameters and their effective rates.
        schedule: of the learning rate; by default it stays.
        wrapper: clipping, decoupled weight decay and averaging; by default none.
        engine: numpy; jax, which compiles the same formulas; or auto, what the problem prefers.
        dtype: float64 or float32, in which all is computed; the trace is float64.
        device: cpu, or gpu under jax.

    Raises:
        ValueError: a count is too small, hyperparameters and seeds differ in length, or the
            problem or the machine does not have what is asked for.
    """
    seeds = np.atleast_1d(np.asarray(seeds, dtype=np.int64))
    method = Method(optimizer, schedule or Constant(), wrapper or Wrapper())
    check_request(method, seeds, steps, points)
    check_arrays(optimizer, problem)
    backend = backend_of(problem, engine, dtype, device, type(optimizer))
    recorded = recorded_steps(steps, points)
    run_block = loop_of(backend)
    groups = method.alike(len(seeds))
    with np.errstate(all="ignore"):
        blocks = [
            run_block(problem, method.take(group[lanes]), seeds[group[lanes]], recorded, params, backend)
            for group in groups
            for lanes in block_slices(problem, backend, len(group))
        ]
    return join(blocks) if len(groups) == 1 else select(join(blocks), np.argsort(np.concatenate(groups)))


def loop_of(backend: Backend) -> Callable[..., Trace]:
    """Return what runs a block; JAX is imported here, if it is asked for."""
    run_block: Callable[..., Trace] = import_module(LOOPS[backend.engine]).run_block
    if backend.engine == "numpy":
        return run_block
    return partial(run_block, call=import_module("experiments.engine.programs").call)


def check_request(method: Method, seeds: Seeds, steps: int, points: int) -> None:
    """Raise ValueError when there is nothing to run or lengths differ."""
    if not len(seeds):
        raise ValueError("seed must be at least one, got none")
    for key, value, least in (
        ("steps", steps, 1),
        ("record.points", points, 2),
        ("seed", seeds.min(), 0),
    ):
        if value < least:
            raise ValueError(f"{key} must be an integer in [{least}, inf), got {value}")
    for part in (method.optimizer, method.schedule, method.wrapper):
        for key in part.hyperparameters():
            length = np.shape(getattr(part, key))
            if length not in ((), seeds.shape):
                raise ValueError(
                    f"{type(part).__name__}: {key} has shape {length}, but seeds have {seeds.shape}"
                )
