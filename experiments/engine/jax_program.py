"""The loop over steps as JAX compiles it: the same formulas, a program for each form of problem and rule.

Steps, hyperparameters, rates of a schedule, data and seeds are its arguments; it computes a fixed
number of lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from experiments.engine.records import Form
from experiments.engine.rule import Rule, RuleForm
from experiments.engine.trace import measured
from problems.base import Instance

ON_CPU = {
    "xla_cpu_multi_thread_eigen": False,
    "xla_cpu_enable_fast_min_max": False,  # the fast ones lose NaN
}
ON_GPU = {"xla_gpu_deterministic_ops": True}
SIGNS = "threefry2x32"  # what draws the signs, whatever the process has as its default
AS_ONE_CALL = {"xla_cpu_small_call": "true", "inlineable": "false"}
"""Tells XLA to compile a loop into one function: otherwise each of its operations is a call of its own."""


class Carry(NamedTuple):
    """What a group of lanes carries from step to step.

    Attributes:
        params, grads: (dim, lanes); those of a lane that diverged stay the last that were finite.
        point: (dim, lanes), where the loss counts; None where that is at ``params``.
        hessian: (dim, lanes), the estimate of the diagonal that the next update sees; None without one.
        state: the rule's.
        loss: (lanes,), the last that is known on all data; NaN once a lane has diverged.
        best_loss: (lanes,), the least loss.
        targets: (targets, lanes), what the suboptimality is to fall to.
        hits: (targets, lanes), the step at which it did, -1 for never.
        diverged_at: (lanes,), -1 for never.
        updates, before: (dim, lanes), the last step and the gradient that led to it; None
            unless the path is recorded.
    """

    params: Any
    grads: Any
    point: Any
    hessian: Any
    state: Any
    loss: Any
    best_loss: Any
    targets: Any
    hits: Any
    diverged_at: Any
    updates: Any
    before: Any

    @property
    def evaluated(self) -> Any:
        """Where the loss counts."""
        return self.params if self.point is None else self.point


class Stretch(NamedTuple):
    """Steps that one call takes.

    Attributes:
        first: the step before.
        drawn: the step that the first of the batches, and of the schedule's factors, belongs to.
        ends: (rows,), the steps at which it pauses; the same again where there are fewer.
        recorded: (rows,), whether a row is recorded there.
        count: how many pauses there are.
    """

    first: Any
    drawn: Any
    ends: Any
    recorded: Any
    count: Any


@dataclass(frozen=True)
class Program:
    """All that a compiled program hangs on, but for the shapes of its arguments.

    Attributes:
        instance, rule: the forms of both.
        stochastic: whether there are batches.
        with_path: whether parameters and rates are recorded.
        rows: how many rows it may record in one call.
        in_one_call: whether a group's loop is compiled into one function.
    """

    instance: Form
    rule: RuleForm
    stochastic: bool
    with_path: bool
    rows: int
    in_one_call: bool

    def parts(self, group: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[Instance, Rule]:
        """Return instance and rule of a group of lanes, their numbers being traced."""
        instance = self.instance.filled({**shared, **group["instance"]})
        return instance, self.rule.filled(group["rule"])

    def advance(self, stretch: Stretch, shared: Any, group: Any) -> tuple[Carry, dict[str, Any], Any]:
        """Return what a group carries after a stretch, its rows, and which lanes have stalled."""
        instance, rule = self.parts(group, shared)

        def step(number: Any, carry: Carry) -> Carry:
            batch, factor = (
                None if drawn is None else drawn[number - stretch.drawn]
                for drawn in (group["batches"], group["factors"])
            )
            return self.stepped(instance, rule, number, batch, factor, carry, group.get("seeds"))

        def pause(row: Any, before: Any) -> Any:
            carry, at, rows = before
            any_alive = jnp.any(carry.diverged_at < 0)
            end = jnp.where(any_alive, stretch.ends[row], at)
            carry = jax.lax.fori_loop(at + 1, end + 1, step, carry)
            if self.stochastic or rule.evaluates_elsewhere:
                carry, rows = jax.lax.cond(
                    stretch.recorded[row] & any_alive,
                    lambda: self.recorded(instance, end, row, carry, rows, rule.evaluates_elsewhere),
                    lambda: (carry, rows),
                )
            else:
                values = measured(instance, carry.loss, carry.grads, carry.params)
                rows = written(rows, row, self.row(values, carry, end))
            return begun(carry, instance.minimum, group["fractions"], end), end, rows

        rows = self.empty_rows(instance, group["carry"])
        carry, _, rows = jax.lax.fori_loop(0, stretch.count, pause, (group["carry"], stretch.first, rows))
        return carry, rows, (carry.diverged_at < 0) & overflowed(carry.state, carry.loss.shape)

    def stepped(
        self, instance: Any, rule: Rule, number: Any, batch: Any, factor: Any, carry: Carry, seeds: Any
    ) -> Carry:
        """Return what is carried on after one step."""
        updates, state = rule.update(carry.grads, carry.state, carry.params, factor, carry.hessian)
        is_step = number > 0  # step 0 is the start: it moves nothing
        moved = jnp.where(is_step, carry.params + updates, carry.params)
        state = jax.tree.map(lambda new, old: jnp.where(is_step, new, old), state, carry.state)
        seen, grads = instance.loss_and_grad(moved, batch)
        after = carry._replace(params=moved, grads=grads, state=state)
        if self.with_path:
            after = after._replace(updates=updates, before=carry.grads)
        if rule.evaluates_elsewhere:
            after = after._replace(point=rule.evaluated(moved, state))
        if rule.optimizer.needs_hessian:
            wanted = rule.optimizer.wants_hessian(state.optimizer)
            after = after._replace(hessian=hessian_diagonal(instance, moved, batch, seeds, number, wanted))
        alive = carry.diverged_at < 0
        finite = jnp.isfinite(seen) & jnp.isfinite(moved).all(axis=0)
        knows_loss = instance.loss_is_exact or not self.stochastic
        loss = instance.loss(after.point) if rule.evaluates_elsewhere and knows_loss else seen
        if rule.evaluates_elsewhere:
            finite &= jnp.isfinite(loss) & jnp.isfinite(after.point).all(axis=0)
        after = fallen(after, carry, alive & ~finite, number)
        if not knows_loss:
            return after
        return noted(after, jnp.where(alive & finite, loss, jnp.nan), instance.minimum, number)

    def recorded(
        self, instance: Any, step: Any, row: Any, carry: Carry, rows: Any, elsewhere: bool
    ) -> tuple[Carry, dict[str, Any]]:
        """Return what is carried on, and the rows, where loss and gradient on all data are looked at."""
        loss, grads = instance.loss_and_grad(carry.evaluated)
        if elsewhere and (instance.loss_is_exact or not self.stochastic):
            loss = carry.loss  # by the formula of the steps that are not recorded
        alive = carry.diverged_at < 0
        after = fallen(carry, carry, alive & ~jnp.isfinite(loss), step)
        after = noted(after, jnp.where(after.diverged_at < 0, loss, jnp.nan), instance.minimum, step)
        values = measured(instance, after.loss, grads, carry.evaluated)
        return after, written(rows, row, self.row(values, carry, step))

    def row(self, values: Mapping[str, Any], carry: Carry, step: Any) -> dict[str, Any]:
        """Return what is recorded of a step."""
        if not self.with_path:
            return dict(values)
        rate = jnp.where(step > 0, -carry.updates / carry.before, jnp.nan)
        return {**values, "path": carry.evaluated, "rate": rate}

    def empty_rows(self, instance: Any, carry: Carry) -> dict[str, Any]:
        """Return room for the rows of one call."""
        shapes = jax.eval_shape(
            lambda: self.row(measured(instance, carry.loss, carry.grads, carry.params), carry, 0)
        )
        return {name: jnp.zeros((self.rows, *s.shape), s.dtype) for name, s in shapes.items()}

    def called(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns, compiled into one call if that is wanted."""
        if not self.in_one_call:
            return function(*arguments)

        def inside(*arguments: Any) -> Any:
            with set_xla_metadata(**dict.fromkeys(AS_ONE_CALL)):  # of this call, not of those in it
                return function(*arguments)

        with set_xla_metadata(**AS_ONE_CALL):
            return jax.jit(inside)(*arguments)


def fallen(after: Carry, before: Carry, lanes: Any, step: Any) -> Carry:
    """Return ``after`` with these lanes diverged at this step, and what has diverged where it was."""
    diverged_at = jnp.where(lanes, step.astype(jnp.int32), before.diverged_at)
    kept = {
        name: jnp.where(diverged_at < 0, getattr(after, name), getattr(before, name))
        for name in ("params", "point")
        if getattr(after, name) is not None
    }
    return after._replace(diverged_at=diverged_at, **kept)


def hessian_diagonal(instance: Any, params: Any, batch: Any, seeds: Any, step: Any, wanted: Any) -> Any:
    """Return Hutchinson's estimate of the Hessian's diagonal, (dim, lanes); zeros if no lane wants it.

    The signs are drawn by each lane's seed and the step. The product with the Hessian is the
    derivative of the gradient that the step sees.
    """

    def estimate() -> Any:
        keys = jax.vmap(lambda seed: jax.random.fold_in(jax.random.key(seed, impl=SIGNS), step))(seeds)
        bits = jax.vmap(lambda key: jax.random.bits(key, params.shape[:1], jnp.uint32))(keys).T
        signs = jnp.where(bits % 2 == 0, 1, -1).astype(params.dtype)  # the same in either type
        return signs * jax.jvp(lambda at: instance.loss_and_grad(at, batch)[1], (params,), (signs,))[1]

    return jax.lax.cond(jnp.any(wanted), estimate, lambda: jnp.zeros_like(params))


def begun(carry: Carry, minimum: Any, fractions: Any, step: Any) -> Carry:
    """Return what is carried with the targets set, if this is the start, as fractions of what is there."""
    first = carry.loss - minimum
    targets = jnp.where(step == 0, fractions * first, carry.targets)
    reached = (step == 0) & (first <= targets)
    return carry._replace(targets=targets, hits=jnp.where(reached, 0, carry.hits))


def noted(carry: Carry, loss: Any, minimum: Any, step: Any) -> Carry:
    """Return what is carried with a loss on all data noted: the best one, and the targets reached."""
    reached = (loss - minimum <= carry.targets) & (carry.hits < 0)
    return carry._replace(
        loss=loss,
        best_loss=jnp.fmin(carry.best_loss, loss),
        hits=jnp.where(reached, step.astype(jnp.int32), carry.hits),
    )


def overflowed(state: Any, lanes: tuple[int, ...]) -> Any:
    """Tell for each lane whether a number in the optimizer's state is infinite or NaN."""
    found = jnp.zeros(lanes, bool)
    for numbers in jax.tree.leaves(state):
        if jnp.issubdtype(numbers.dtype, jnp.floating):
            by_lane = numbers.shape[-1:] == lanes
            bad = ~jnp.isfinite(numbers)
            found |= bad.any(axis=tuple(range(bad.ndim - 1))) if by_lane else bad.any()
    return found


def written(room: Any, number: Any, values: Any) -> Any:
    """Return room, a tree of arrays (rows, ...), with values in one row."""
    return jax.tree.map(
        lambda r, v: jax.lax.dynamic_update_index_in_dim(r, v.astype(r.dtype), number, 0), room, values
    )


def advanced(program: Program, stretch: Stretch, shared: Any, group: Any) -> Any:
    """Return what a group carries after a stretch, its rows, and which of its lanes have stalled."""
    return program.called(program.advance, stretch, shared, group)


JITTED = {
    device: jax.jit(advanced, static_argnums=0, compiler_options=options)
    for device, options in (("cpu", ON_CPU), ("gpu", ON_GPU))
}


def jitted(program: Program, device: str, *arguments: Any) -> Any:
    """Return what a program returns, compiled as JAX does it by itself."""
    return JITTED[device](program, *arguments)
