"""The rules of Optax under the compiled engine, each lane with its own numbers."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType
from typing import Any, ClassVar

from optim.adapters.base import Adapter, Argument, as_keywords, register, settings_among
from optim.base import Array

RANDOM = ("key", "seed")
GIVEN = 0.5  # stands for a number that is off, to see whether it may be traced


@register("optax")
@dataclass(frozen=True, kw_only=True)
class Optax(Adapter):
    """A rule of ``optax`` or ``optax.contrib``, by its own name (DeepMind et al., 2020).

    Each lane is one run of the rule on the tree of the problem's arrays, in their shapes: ``jax.vmap``
    over the lanes, with the numbers of each. A problem of one flat vector is a tree of one array. So
    what a rule does by array, as LARS, Muon and Adafactor, it does by the arrays of the problem.

    Those are rules that have an argument ``learning_rate``; here it is ``lr`` (0.001 where Optax has no
    default), which a schedule multiplies at each update, also inside the state of rules that keep it.
    ``optimizer.learning_rate`` is another spelling. Whole numbers, switches and words are shared by the
    lanes of a job. Masks, types, functions and trees of numbers keep their defaults.

    Refused are rules that need more than gradients and parameters at an update, as line searches,
    ``polyak_sgd``, ``momo`` and ``sophia``, and those that draw random numbers of their own. The losses
    of ``schedule_free_sgd`` and ``schedule_free_adamw`` are those where ``schedule_free_eval_params`` says.

    Raises:
        ValueError: Optax is not installed, or has no such rule, or the rule needs what it is not given.
    """

    engines: ClassVar[tuple[str, ...]] = ("jax",)
    library: ClassVar[str] = "optax"
    default_rule: ClassVar[str] = "adam"

    @classmethod
    @cache
    def rules(cls) -> Mapping[str, Callable[..., Any]]:
        import optax
        import optax.contrib

        return {
            name: function
            for module in (optax.contrib, optax)
            for name, function in vars(module).items()
            if not name.startswith(("_", "scale_by_")) and is_rule(function)
        }

    @classmethod
    def arguments_of(cls, rule: str) -> dict[str, Argument]:
        function = cls.rules()[rule]
        found, needed = settings_among(function, (), whole_is_shared=True)
        needed += [name for name in RANDOM if name in inspect.signature(function).parameters][:1]
        needed = needed or lacking(function, found)
        if needed:
            raise ValueError(
                f"optimizer.rule={rule} needs {' and '.join(needed)}, which no rule is given here"
            )
        return {name: traced_or_shared(function, found, name) for name in found}

    @property
    def evaluates_elsewhere(self) -> bool:
        return self.rule.startswith("schedule_free")

    def init(self, params: Any) -> Any:
        import jax

        def of_lane(numbers: Any, params: Any) -> Any:
            return self.transformation(numbers).init(params)

        return jax.vmap(of_lane, in_axes=-1, out_axes=-1)(self.by_lane(params), params)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        import jax

        def of_lane(numbers: Any, grads: Any, state: Any, params: Any) -> Any:
            return self.transformation(numbers).update(grads, state, params)

        moved = jax.vmap(of_lane, in_axes=-1, out_axes=-1)
        updates, after = moved(self.by_lane(params), grads, state, params)
        return updates, after

    def evaluated(self, params: Any, state: Any) -> Any:
        import jax
        from optax.contrib import schedule_free_eval_params

        return jax.vmap(schedule_free_eval_params, in_axes=-1, out_axes=-1)(state, params)

    def transformation(self, numbers: Mapping[str, Any]) -> Any:
        """Return Optax's own for these numbers, one each."""
        return quietly(self.function, self.keywords(numbers))

    def by_lane(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """Return the hyperparameters, (lanes,) each."""
        import jax.numpy as jnp

        lanes = next(iter(params.values())).shape[-1:]
        return {name: jnp.broadcast_to(getattr(self, name), lanes) for name in self.hyperparameters()}


def quietly(function: Callable[..., Any], keywords: Mapping[str, Any]) -> Any:
    """Return what a function returns; that a rule is to go some day is not to be said at every trace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(**keywords)


def is_rule(function: Any) -> bool:
    """Tell whether something is a function with a learning rate, as those that give a whole rule."""
    if not inspect.isfunction(inspect.unwrap(getattr(function, "func", function))):
        return False
    return any(name.endswith("learning_rate") for name in inspect.signature(function).parameters)


def lacking(function: Callable[..., Any], arguments: Mapping[str, Argument]) -> list[str]:
    """Return what an update of a rule needs besides gradients, state and parameters, if that is all it lacks.

    Raises:
        ValueError: the rule does not run for another reason.
    """
    try:
        trial(function, arguments, {})
    except TypeError as error:
        told = re.search(r"required keyword-only arguments?: (.*)", f"{error}")
        if told:
            return re.findall(r"'(\w+)'", told[1])
    except ValueError as error:
        told = re.match(r"(\w+) must be provided", f"{error}")
        if told:
            return [told[1]]
        raise ValueError(f"{function.__name__} of Optax: {error}") from None
    return []


def traced_or_shared(function: Callable[..., Any], arguments: Mapping[str, Argument], name: str) -> Argument:
    """Return an argument as one that all lanes share if the rule must know its number to be compiled."""
    import jax

    argument = arguments[name]
    if argument.kinds:
        return argument
    try:
        trial(function, arguments, {name: GIVEN if argument.default is None else argument.default})
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        return replace(argument, kinds=(float,) if argument.default is not None else (float, NoneType))
    return argument


def trial(
    function: Callable[..., Any], arguments: Mapping[str, Argument], traced: Mapping[str, float]
) -> Any:
    """Trace an update of a rule with these numbers unknown, on two small arrays."""
    import jax
    import jax.numpy as jnp

    usual = {name: argument.default for name, argument in arguments.items()}

    def run(numbers: Mapping[str, Any], arrays: Any) -> Any:
        rule = quietly(function, as_keywords(arguments, {**usual, **numbers}))
        return rule.update(arrays, rule.init(arrays), arrays)

    return jax.eval_shape(run, dict(traced), {"matrix": jnp.ones((3, 2)), "vector": jnp.ones(2)})
