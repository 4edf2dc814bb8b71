"""What an adapter to another library's rules is, how their arguments become fields, and the registry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, make_dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from types import NoneType
from typing import Any, ClassVar, get_args

from experiments.declared import registration
from optim.base import TreeOptimizer, hyper, option

ADAPTERS: dict[str, type[Adapter]] = {}
"""Every adapter under the name a user types, that of its library."""

LR, LONG_LR, DEFAULT_LR = "lr", "learning_rate", 1e-3
"""What this project and Optax call a learning rate, and its value where the library has no default."""


@dataclass(frozen=True)
class Argument:
    """An argument of a rule that can be a setting.

    Attributes:
        parameter: its name in the library.
        place: which entry it is of an argument that is a tuple; None where it is the whole.
        default: None where it is off until it is given, or must be given.
        kinds: what it may be where all lanes share it; empty where it is a number of each lane.
        is_needed: whether it must be given.
    """

    parameter: str
    place: int | None
    default: Any
    kinds: tuple[type, ...] = ()
    is_needed: bool = False


@dataclass(frozen=True, kw_only=True)
class Adapter(TreeOptimizer):
    """Rules of another library, chosen by their own names: the class of a rule has its arguments as fields.

    Numbers keep their names and defaults, but for the learning rate, which is ``lr`` as everywhere here.
    Entries of a tuple are numbered, ``betas`` being ``beta1`` and ``beta2``. A number whose default is
    None is off until it is given. What is no number, switch, whole number or word is left as it is.

    Args:
        rule: the name of the rule in the library.
        version: of the library, whose code is not this project's: it is a part of what decides a run.

    Raises:
        ValueError: the library is not installed, or has no such rule, or the rule needs what it is not given.
    """

    chooses: ClassVar[str | None] = "rule"
    library: ClassVar[str]
    default_rule: ClassVar[str]
    function: ClassVar[Callable[..., Any]]
    arguments: ClassVar[Mapping[str, Argument]]

    rule: str = option("", str)
    version: str = option("", str)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> type[Adapter]:
        """Return the class of the rule that these values name."""
        if find_spec(cls.library) is None:
            raise ValueError(
                f"optimizer={cls.name} needs {cls.library}, which is not installed here "
                "(pip install -e '.[peers]')"
            )
        family, rule = ADAPTERS[cls.name], values.get("rule", cls.default_rule)
        if rule not in family.rules():
            known = sorted(family.rules())
            near = get_close_matches(f"{rule}", known, n=6, cutoff=0.5) or known
            raise ValueError(
                f"optimizer.rule={rule}: {cls.library} has no such rule; near are {', '.join(near)}"
            )
        return class_of(family, rule, frozenset(name for name in values if values[name] is not None))

    @classmethod
    def rules(cls) -> Mapping[str, Callable[..., Any]]:
        """Return the library's rules by name."""
        raise NotImplementedError

    @classmethod
    def arguments_of(cls, rule: str) -> dict[str, Argument]:
        """Return the arguments of a rule that can be settings, by their names here.

        Raises:
            ValueError: it needs what no setting can give, or what it is not given.
        """
        raise NotImplementedError

    @classmethod
    def full_name(cls) -> str:
        return f"{cls.name}.{cls.__name__.rpartition('.')[2]}"

    @classmethod
    def numbers(cls) -> tuple[str, ...]:
        return tuple(name for name, argument in cls.arguments.items() if not argument.kinds)

    def check(self) -> None:
        for key, only in (
            ("rule", type(self).__name__.rpartition(".")[2]),
            ("version", version(self.library)),
        ):
            if getattr(self, key) != only:
                raise ValueError(f"{type(self).__name__}: {key} must be {only}, got {getattr(self, key)!r}")
        for name, argument in self.arguments.items():
            if argument.is_needed and getattr(self, name) is None:
                raise ValueError(f"{type(self).__name__}: {name} must be given, as it has no default")

    def keywords(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the library's arguments with these numbers in the place of the rule's own."""
        values = {name: numbers.get(name, getattr(self, name)) for name in self.arguments}
        return as_keywords(self.arguments, values)


@cache
def class_of(family: type[Adapter], rule: str, given: frozenset[str]) -> type[Adapter]:
    """Return the class of a rule, of which these settings are given: numbers that are off are no numbers."""
    arguments = family.arguments_of(rule)
    given = given.intersection(arguments)
    made = make_dataclass(
        f"{family.library}.{rule}",
        [
            ("rule", str, option(rule, str)),
            ("version", str, option(version(family.library), str)),
            *((name, Any, field_of(name, argument, name in given)) for name, argument in arguments.items()),
        ],
        bases=(family,),
        namespace={
            "function": staticmethod(family.rules()[rule]),
            "arguments": arguments,
            "rate": LR if LR in arguments and (LR in given or arguments[LR].default is not None) else None,
        },
        frozen=True,
        kw_only=True,
    )
    made.__module__, made.__doc__ = family.__module__, family.__doc__
    return made


def field_of(name: str, argument: Argument, is_given: bool) -> Any:
    """Return the field of an argument."""
    if argument.kinds:
        return option(argument.default, *argument.kinds)
    if argument.default is None and not is_given:
        return option(None, NoneType)
    return hyper(argument.default, low=0, open_low=True) if name == LR else hyper(argument.default)


def as_keywords(arguments: Mapping[str, Argument], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of a library's parameters, the entries of a tuple put together."""
    found: dict[str, Any] = {}
    for name, argument in arguments.items():
        whole = argument.place is None
        found[argument.parameter] = (
            values[name] if whole else (*found.get(argument.parameter, ()), values[name])
        )
    return found


def settings_among(
    function: Callable[..., Any], left_out: tuple[str, ...], whole_is_shared: bool
) -> tuple[dict[str, Argument], list[str]]:
    """Return the arguments of a function that can be settings, by name, and the names of others it needs.

    Args:
        left_out: the names of those that are not to be.
        whole_is_shared: whether one that is a whole number by default is one that all lanes share.
    """
    found: dict[str, Argument] = {}
    needed: list[str] = []
    for parameter in signature_of(function).parameters.values():
        name, kind = parameter.name, parameter.kind
        if name in left_out or kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        own = dict(arguments_in(parameter, whole_is_shared))
        found |= own
        if not own and parameter.default is parameter.empty:
            needed.append(name)
    return found, needed


def arguments_in(parameter: inspect.Parameter, whole_is_shared: bool) -> Iterator[tuple[str, Argument]]:
    """Yield the settings that a parameter is, by name."""
    hints = hints_of(parameter)
    key, name, default = (
        parameter.name,
        LR if parameter.name == LONG_LR else parameter.name,
        parameter.default,
    )
    is_empty = default is parameter.empty
    if name == LR and is_empty:
        yield name, Argument(key, None, DEFAULT_LR)
    elif isinstance(default, bool | str):
        yield name, Argument(key, None, default, (type(default),))
    elif isinstance(default, int) and whole_is_shared:
        yield name, Argument(key, None, default, (int,))
    elif isinstance(default, int | float):
        yield name, Argument(key, None, float(default))
    elif isinstance(default, tuple | list):
        if all(entry is None or isinstance(entry, int | float) for entry in default):
            singular = re.sub(r"(?<!ep)s$", "", name)
            for place, entry in enumerate(default):
                yield f"{singular}{place + 1}", Argument(key, place, None if entry is None else float(entry))
    elif (default is None or is_empty) and float in hints:
        yield name, Argument(key, None, None, (), is_empty)
    elif default is None or is_empty:
        for kind in (int, str):
            if set(hints) - {NoneType} == {kind}:
                yield name, Argument(key, None, None, (kind, NoneType), is_empty)


def hints_of(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """Return the types that an argument may have; of one that may be a tree of numbers, none."""
    kinds = get_args(parameter.annotation) or (parameter.annotation,)
    trees = "Iterable", "Mapping", "ArrayTree"
    return () if any(word in f"{kinds}" for word in trees) else kinds


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, with its types where they can be found out."""
    try:
        return inspect.signature(function, eval_str=True)
    except (NameError, TypeError):
        return inspect.signature(function)


register = registration(ADAPTERS, "adapter")
"""Enter the decorated class in ``ADAPTERS`` under a name."""
