"""Contenders: optimizers with defaults and search spaces of their own, which a grid compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.grid.axes import as_word

NOT_VALUES = ("optimizer", "search")


def contenders_of(config: DictConfig) -> list[tuple[str, ...]]:
    """Return the overrides of each contender in a configuration; one without any if there is none.

    Raises:
        ValueError: the contenders are not a name and a list of optimizers, or two are called the same.
    """
    if "contenders" not in config:
        return [()]
    contenders = OmegaConf.to_container(config, resolve=True)["contenders"]  # type: ignore[index,call-overload]
    listed = (
        contenders.get("optimizers") if isinstance(contenders, Mapping) and "name" in contenders else None
    )
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"contenders must be a name and a list of optimizers, got {contenders!r}")
    found = [overrides_of(contender) for contender in listed]
    called = [
        tuple(contender.get(key) for key in ("optimizer", "inner", "rule", "label")) for contender in listed
    ]
    for name, contender in zip(called, listed, strict=True):
        if called.count(name) > 1:
            raise ValueError(
                f"two contenders are called the same; give each a label, got {contender!r} twice"
            )
    return found


def overrides_of(contender: Any) -> tuple[str, ...]:
    """Return the overrides of a contender: ``optimizer``, its values, and its search space if it has one."""
    if not isinstance(contender, Mapping) or "optimizer" not in contender:
        raise ValueError(f"a contender must be an optimizer and its values, got {contender!r}")
    values = [
        f"optimizer.{key}={as_word(value)}" for key, value in contender.items() if key not in NOT_VALUES
    ]
    space = (
        ["~optimizer.search", f"+optimizer.search={as_words(contender['search'])}"]
        if "search" in contender
        else []
    )
    return (f"optimizer={contender['optimizer']}", *values, *space)


def as_words(value: Any) -> str:
    """Return a value, a list or a mapping, as one types it in an override."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{as_words(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(as_words, value))}]"
    return as_word(value)
