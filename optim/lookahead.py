"""Lookahead: slow weights that follow the steps of any other rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, make_dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from optim.adam import Adam
from optim.base import OPTIMIZERS, Array, Hyper, LayerOptimizer, Optimizer, hyper, option, register

DEFAULT = Adam.name


class State(NamedTuple):
    """``slow`` of the shape of the parameters, ``since`` (lanes,), and the state of the inner rule."""

    slow: Array
    since: Array
    inner: Any


@dataclass(frozen=True, kw_only=True)
class Lookahead(Optimizer):
    r"""Lookahead (Zhang, Lucas, Hinton & Ba, 2019, algorithm 1) around any other rule.

    .. math::
        \theta_{t,0} &= \phi_{t-1}, \qquad
        \theta_{t,i} = \theta_{t,i-1} + A(g(\theta_{t,i-1})), \quad i = 1 \ldots k \\
        \phi_t &= \phi_{t-1} + \alpha (\theta_{t,k} - \phi_{t-1})

    The inner rule :math:`A` moves the fast weights :math:`\theta`, at which gradients are taken.
    Every :math:`k` steps the slow weights :math:`\phi` go a part of the way to them, and the fast
    ones begin anew from there; the state of the inner rule stays as it is. Losses are those at the
    slow weights, between two synchronisations too.

    The hyperparameters of the inner rule are its own keys, with its own defaults; ``around(inner)``
    is the class that has them.

    Args:
        inner: the name of the rule, any but one that has its losses taken elsewhere itself.
        sync_interval: :math:`k`, in [1, inf); one that is no whole number is kept on average.
        slow_rate: :math:`\alpha`, in (0, 1].

    PyTorch has none. Optax's ``lookahead`` calls them ``sync_period`` and ``slow_step_size`` (no
    defaults; the paper's are 5 and 0.5) and can forget the inner state at each synchronisation.

    Raises:
        ValueError: there is no such rule, or a value is out of its range.

    >>> import numpy as np
    >>> rule = around("sgd")(lr=0.1, sync_interval=2, slow_rate=0.5)
    >>> params = np.array([[1.0]])
    >>> state = rule.init(params)
    >>> for _ in range(2):
    ...     updates, state = rule.update(np.array([[1.0]]), state, params)
    ...     params = params + updates
    >>> print(params, rule.evaluated(params, state))
    [[0.9]] [[0.9]]
    """

    name: ClassVar[str] = "lookahead"
    chooses: ClassVar[str | None] = "inner"
    around: ClassVar[type[Optimizer]]
    """The class of the inner rule."""

    inner: str = option(DEFAULT, str)
    sync_interval: Hyper = hyper(5.0, low=1)
    slow_rate: Hyper = hyper(0.5, low=0, high=1, open_low=True)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> type[Optimizer]:
        return around(values.get("inner", DEFAULT))

    @classmethod
    def full_name(cls) -> str:
        return f"{cls.name}.{cls.around.name}"

    @classmethod
    def modules(cls, choice: str) -> tuple[str, ...]:
        return __name__, *OPTIMIZERS[choice].modules("")

    def check(self) -> None:
        if self.inner != self.around.name:
            raise ValueError(f"{type(self).__name__}: inner must be {self.around.name}, got {self.inner!r}")
        self.rule.check()

    @property
    def rule(self) -> Optimizer:
        """The inner rule; nothing is checked, as its numbers may be traced."""
        rule = object.__new__(self.around)
        for spec in fields(self.around):
            object.__setattr__(rule, spec.name, getattr(self, spec.name))
        return rule

    @property
    def evaluates_elsewhere(self) -> bool:
        return True

    def init(self, params: Array) -> State:
        return State(
            slow=params, since=np.zeros(params.shape[-1], params.dtype), inner=self.rule.init(params)
        )

    def update(
        self, grads: Array, state: State, params: Array, hessian: Array | None = None
    ) -> tuple[Array, State]:
        xp = array_namespace(params)
        more = (hessian,) if self.needs_hessian else ()
        updates, inner = self.rule.update(grads, state.inner, params, *more)
        since = state.since + 1
        is_due = since >= self.sync_interval
        slow = xp.where(is_due, state.slow + self.slow_rate * (params + updates - state.slow), state.slow)
        return (
            xp.where(is_due, slow - params, updates),
            State(slow, xp.where(is_due, since - self.sync_interval, since), inner),
        )

    def evaluated(self, params: Array, state: State) -> Array:
        return state.slow

    def wants_hessian(self, state: State) -> NDArray[np.bool_]:
        return self.rule.wants_hessian(state.inner)

    def gradient_evaluations(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.rule.gradient_evaluations(steps)


@cache
def around(inner: str) -> type[Lookahead]:
    """Return Lookahead around the rule of that name, with its hyperparameters.

    Raises:
        ValueError: there is no such rule, or it cannot be the inner one.
    """
    rule = OPTIMIZERS.get(inner)
    if rule is None:
        raise ValueError(f"optimizer.inner must be one of {', '.join(possible())}, got {inner!r}")
    own = {spec.name for spec in fields(Lookahead)}
    if issubclass(rule, Lookahead) or not is_evaluated_at_params(rule):
        raise ValueError(f"optimizer.inner={inner}: its own losses are not those at its parameters")
    if shared := own & {spec.name for spec in fields(rule)}:
        raise ValueError(f"optimizer.inner={inner}: {', '.join(sorted(shared))} would be of both")
    kept = ("engines", "rate", "needs_hessian", "needs_matrices", "couples")
    made = make_dataclass(
        f"Lookahead[{inner}]",
        [("inner", str, option(inner, str)), *((f.name, f.type, f) for f in fields(rule))],
        bases=(Lookahead, LayerOptimizer) if issubclass(rule, LayerOptimizer) else (Lookahead,),
        namespace={"around": rule, **{name: getattr(rule, name) for name in kept if hasattr(rule, name)}},
        frozen=True,
        kw_only=True,
    )
    made.__module__, made.__doc__ = __name__, Lookahead.__doc__
    return made


def possible() -> list[str]:
    """Return the names of the rules that it can be around."""
    return sorted(
        name
        for name, rule in OPTIMIZERS.items()
        if not issubclass(rule, Lookahead) and is_evaluated_at_params(rule)
    )


def is_evaluated_at_params(rule: type[Optimizer]) -> bool:
    """Tell whether the losses of a rule are those where its gradients are taken."""
    return rule.evaluates_elsewhere is Optimizer.evaluates_elsewhere


register(Lookahead.name)(around(DEFAULT))
