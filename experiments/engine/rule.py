"""What the loops apply at each step: an optimizer with its wrapper, on a problem's arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from experiments.engine.records import Form, taken_apart
from optim.base import Hyper, LayerOptimizer, Optimizer, TreeOptimizer
from optim.method import Method
from optim.wrapper import Wrapper, is_on
from problems.base import Array, Layout, Problem


class State(NamedTuple):
    """The optimizer's state, of each array if it works array by array; the average, None if there is none."""

    optimizer: Any
    average: Array | None


@dataclass(frozen=True)
class Rule:
    """An optimizer on its way through the steps of a run.

    Attributes:
        layout: the shapes of the problem's arrays, in the order of the flat parameters.
    """

    optimizer: Optimizer
    wrapper: Wrapper
    layout: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def evaluates_elsewhere(self) -> bool:
        """Whether losses are those of another point than where gradients are taken."""
        return self.optimizer.evaluates_elsewhere or is_on(self.wrapper.averaging)

    def init(self, params: Array) -> State:
        """Return the state before the first step."""
        average = params if is_on(self.wrapper.averaging) else None
        if isinstance(self.optimizer, LayerOptimizer):
            return State({n: self.optimizer.init(a) for n, a in self.arrays(params).items()}, average)
        return State(self.optimizer.init(self.seen(params)), average)

    def update(
        self,
        grads: Array,
        state: State,
        params: Array,
        factor: Hyper | None,
        hessian: Array | None = None,
    ) -> tuple[Array, State]:
        """Return the updates, at a rate that is multiplied by the factor if there is one, and the state."""
        optimizer = self.optimizer if factor is None else self.optimizer.at_rate(factor)
        updates, inner = self.of_optimizer(optimizer, self.wrapper.clipped(grads), state, params, hessian)
        if is_on(self.wrapper.decoupled_decay):
            assert optimizer.rate is not None
            updates = self.wrapper.shrunk(updates, getattr(optimizer, optimizer.rate), params)
        if state.average is None:
            return updates, State(inner, None)
        moved = self.point_of(params + updates, inner)
        return updates, State(inner, self.wrapper.averaged(state.average, moved))

    def of_optimizer(
        self, optimizer: Optimizer, grads: Array, state: State, params: Array, hessian: Array | None
    ) -> tuple[Array, Any]:
        """Return the optimizer's own updates and next state."""
        if optimizer.needs_hessian:
            return optimizer.update(grads, state.optimizer, params, hessian)  # type: ignore[call-arg]
        if isinstance(optimizer, TreeOptimizer):
            moves, after = optimizer.update(self.seen(grads), state.optimizer, self.seen(params))
            return self.joined(moves), after
        if not isinstance(optimizer, LayerOptimizer):
            return optimizer.update(grads, state.optimizer, params)
        slopes, places = self.arrays(grads), self.arrays(params)
        found = {n: optimizer.update(slopes[n], state.optimizer[n], places[n]) for n, _ in self.layout}
        return self.flat([found[name][0] for name, _ in self.layout]), {n: found[n][1] for n in found}

    def evaluated(self, params: Array, state: State) -> Array:
        """Return the point whose loss counts, given where the next gradient is taken."""
        return self.point_of(params, state.optimizer) if state.average is None else state.average

    def point_of(self, params: Array, inner: Any) -> Array:
        """Return the point that the optimizer's own state says the loss counts at."""
        optimizer = self.optimizer
        if not optimizer.evaluates_elsewhere:
            return params
        if isinstance(optimizer, LayerOptimizer):
            places = self.arrays(params)
            return self.flat([optimizer.evaluated(places[n], inner[n]) for n, _ in self.layout])
        point = optimizer.evaluated(self.seen(params), inner)
        return self.joined(point) if isinstance(optimizer, TreeOptimizer) else point

    def joined(self, arrays: Any) -> Array:
        """Return arrays by name as numbers (dim, lanes)."""
        return self.flat([arrays[name] for name, _ in self.layout])

    def seen(self, flat: Array) -> Any:
        """Return parameters or gradients as a rule that sees all of them takes them."""
        return self.arrays(flat) if isinstance(self.optimizer, TreeOptimizer) else flat

    def arrays(self, flat: Array) -> dict[str, Array]:
        """Return numbers (dim, lanes) as arrays by name, the lanes last."""
        xp, found, first = array_namespace(flat), {}, 0
        for name, shape in self.layout:
            found[name] = xp.reshape(flat[first : first + prod(shape)], (*shape, flat.shape[-1]))
            first += prod(shape)
        return found

    def flat(self, arrays: list[Array]) -> Array:
        """Return arrays, in the order of the layout, as numbers (dim, lanes)."""
        xp = array_namespace(arrays[0])
        joined: Array = xp.concat([xp.reshape(array, (-1, array.shape[-1])) for array in arrays])
        return joined


def rule_of(method: Method, problem: Problem, dim: int) -> Rule:
    """Return a method on a problem with so many parameters; all lanes of it have the same parts on."""
    layout: Layout = problem.layout or {"params": (dim,)}
    return Rule(method.optimizer, method.wrapper, tuple(layout.items()))


class NotTogether(ValueError):
    """An optimizer that cannot be run on a problem.

    Attributes:
        why: what holds of the optimizer, in words that name no problem.
    """

    def __init__(self, why: str, of_problem: str) -> None:
        super().__init__(f"{why}; {of_problem}")
        self.why = why


def check_arrays(optimizer: Optimizer, problem: Problem) -> None:
    """Raise NotTogether if a rule works on matrices and the problem has none."""
    if isinstance(optimizer, LayerOptimizer) and optimizer.needs_matrices:
        layout = problem.layout or {}
        if not any(len(shape) > 1 for shape in layout.values()):
            made = f"vectors, {', '.join(layout)}" if layout else "one flat vector"
            raise NotTogether(
                f"optimizer={optimizer.name} works on matrices",
                f"problem={problem.name} has none: its parameters are {made}",
            )


@dataclass(frozen=True)
class RuleForm:
    """What a compiled program hangs on of a rule.

    Attributes:
        optimizer, wrapper: their forms; a part of the wrapper that is off is a part of its form.
        layout: the rule's.
    """

    optimizer: Form
    wrapper: Form
    layout: tuple[tuple[str, tuple[int, ...]], ...]

    def filled(self, numbers: Any) -> Rule:
        """Return the rule with these numbers, by part, which may be traced."""
        return Rule(
            self.optimizer.filled(numbers["optimizer"]), self.wrapper.filled(numbers["wrapper"]), self.layout
        )

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of its parts."""
        return self.optimizer, self.wrapper


def rule_apart(rule: Rule, lanes: int) -> tuple[RuleForm, dict[str, dict[str, Array]]]:
    """Return a rule as its form and its numbers, an array (lanes,) each."""
    optimizer, numbers = taken_apart(rule.optimizer)
    on = {
        spec.name: value for spec in fields(rule.wrapper) if is_on(value := getattr(rule.wrapper, spec.name))
    }
    off = tuple((spec.name, 0.0) for spec in fields(rule.wrapper) if spec.name not in on)
    form = RuleForm(optimizer, Form(Wrapper, off), rule.layout)
    parts = {"optimizer": numbers, "wrapper": on}
    return form, {
        part: {name: np.broadcast_to(value, lanes) for name, value in values.items()}
        for part, values in parts.items()
    }
