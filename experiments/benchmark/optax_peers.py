"""Optax under ``jit(vmap(scan))`` on one core, with everything that the engine finds out.

One lane is a scan over the recorded steps, each of which is a loop over the steps between
them. Of the ways that were tried to write this down the fastest is here: the product with
the Hessian as a sum, the lanes last, hit times by one comparison with all targets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmark.case import BLOCK, Case, Prepared
from experiments.benchmark.objectives import Lanes, Objective, lanes_of, objective
from experiments.engine.recorded import recorded_steps
from experiments.engine.trace import TARGETS
from optim import Optimizer
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.rmsprop import RMSprop
from optim.sgd import SGD

jax.config.update("jax_enable_x64", True)

RULES: dict[type[Optimizer], Callable[[Any, Any], Any]] = {
    SGD: lambda rule, lr: optax.sgd(lr),
    RMSprop: lambda rule, lr: optax.rmsprop(lr, decay=rule.beta, eps=rule.eps, eps_in_sqrt=False),
    # Optax adds eps inside the root, where its square does what it does outside
    AdaGrad: lambda rule, lr: optax.adagrad(lr, initial_accumulator_value=0.0, eps=rule.eps**2),
    Adam: lambda rule, lr: optax.adam(lr, b1=rule.beta1, b2=rule.beta2, eps=rule.eps),
}
LANES_LAST = (0, Lanes(1, 1, 0))


def prepare_at_once(case: Case) -> Prepared:
    """Return all lanes of a case in one ``vmap``, compiled."""
    return compiled(case, jax.vmap(one_lane(case), LANES_LAST, -1))


def prepare_blocks(case: Case) -> Prepared:
    """Return the lanes of a case in blocks that stay in the cache, one after another, compiled."""
    block = jax.vmap(one_lane(case), LANES_LAST, -1)

    def blocks(lr: Any, lanes: Lanes) -> Any:
        return jax.lax.map(lambda part: block(*part), jax.tree.map(cut, (lr, lanes)))

    return compiled(case, blocks)


def cut(values: Any) -> Any:
    """Return an array (..., lanes) as (blocks, ..., BLOCK)."""
    return jnp.moveaxis(values.reshape(*values.shape[:-1], -1, BLOCK), -2, 0)


def compiled(case: Case, function: Callable[[Any, Lanes], Any]) -> Prepared:
    """Compile a function of learning rates and lanes for a case."""
    arguments = inputs(case)
    began = time.process_time()
    ready = jax.jit(function).lower(*arguments).compile()
    seconds = time.process_time() - began

    def run() -> int:
        jax.block_until_ready(ready(*arguments))
        return case.lanes * case.steps

    return Prepared(run, seconds)


def inputs(case: Case) -> tuple[Any, Lanes]:
    """Return the learning rates and the lanes of a case."""
    return jnp.asarray(case.lr), lanes_of(jnp, case.make_problem(), case.seeds)


def one_lane(case: Case) -> Callable[[Any, Lanes], Any]:
    """Return the run of one lane: learning rate and lane -> its results and its history."""
    problem, rule = case.make_problem(), case.make_optimizer()
    target = objective(jnp, problem)
    recorded = recorded_steps(case.steps, case.points)
    spans = jnp.asarray(recorded[:-1]), jnp.asarray(np.diff(recorded))

    def run(lr: Any, lane: Lanes) -> Any:
        optimizer = RULES[type(rule)](rule, lr)
        step = one_step(target, optimizer, lane)

        def span(before: Any, first_and_count: tuple[Any, Any]) -> tuple[Any, Any]:
            first, count = first_and_count
            after = jax.lax.fori_loop(0, count, lambda k, carry: step(first + k + 1, carry), before)
            return after, measured(target, lane, after)

        start = beginning(target, optimizer, lane)
        last, history = jax.lax.scan(span, start, spans)
        return {"params": last["params"], "best_loss": last["best_loss"], "hits": last["hits"]} | {
            "diverged_at": last["diverged_at"],
            "history": history,
            "start": measured(target, lane, start),
        }

    return run


def beginning(target: Objective, optimizer: Any, lane: Lanes) -> dict[str, Any]:
    """Return what a lane carries from step to step, before the first."""
    loss, grads = target.loss_and_grad(lane.start, lane)
    targets = jnp.asarray(TARGETS) * (loss - lane.minimum)
    return {
        "params": lane.start,
        "grads": grads,
        "state": optimizer.init(lane.start),
        "loss": loss,
        "best_loss": loss,
        "targets": targets,
        "hits": jnp.where(loss - lane.minimum <= targets, 0, -1),
        "diverged_at": jnp.int64(-1),
    }


def one_step(target: Objective, optimizer: Any, lane: Lanes) -> Callable[[Any, Any], Any]:
    """Return the step: its number and what is carried -> what is carried on."""

    def step(number: Any, carry: dict[str, Any]) -> dict[str, Any]:
        updates, state = optimizer.update(carry["grads"], carry["state"], carry["params"])
        params = optax.apply_updates(carry["params"], updates)
        loss, grads = target.loss_and_grad(params, lane)
        finite = jnp.isfinite(loss) & jnp.isfinite(params).all()
        fell = (carry["diverged_at"] < 0) & ~finite
        diverged_at = jnp.where(fell, number, carry["diverged_at"])
        loss = jnp.where(diverged_at < 0, loss, jnp.nan)
        reached = (loss - lane.minimum <= carry["targets"]) & (carry["hits"] < 0)
        return {
            "params": params,
            "grads": grads,
            "state": state,
            "loss": loss,
            "best_loss": jnp.fmin(carry["best_loss"], loss),
            "targets": carry["targets"],
            "hits": jnp.where(reached, number, carry["hits"]),
            "diverged_at": diverged_at,
        }

    return step


def measured(target: Objective, lane: Lanes, carry: dict[str, Any]) -> dict[str, Any]:
    """Return one row of a lane's history."""
    loss, params, grads = carry["loss"], carry["params"], carry["grads"]
    metric = target.metric(params, loss)
    return {
        "loss": loss,
        "suboptimality": jnp.maximum(loss - lane.minimum, 0),
        "grad_norm": jnp.sqrt((grads**2).sum()),
        "distance": jnp.sqrt(((params - lane.minimiser) ** 2).sum()),
    } | ({} if metric is None else {"metric": metric})
