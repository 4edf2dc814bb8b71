"""Grids of runs of optimizers on problems, and what they tell: tables, figures, verdicts."""

import sys
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.engine.minimize import minimize as minimize
    from experiments.plugins.loading import load_plugins as load_plugins
    from experiments.store import Store as Store

__all__ = ["Store", "load_plugins", "minimize"]

PUBLIC = {
    "minimize": "experiments.engine.minimize",
    "Store": "experiments.store",
    "load_plugins": "experiments.plugins.loading",
}
"""The names that users import from here, and where they are; imported when they are asked for."""


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def is_command() -> bool:
    """Tell whether this process is ``python -m experiments.NAME``: it imports this before all else."""
    words = sys.orig_argv
    named = (after for word, after in pairwise(words) if word == "-m")
    return sys.argv[0] == "-m" and next(named, "").split(".")[0] == "experiments"


if is_command():
    from experiments.command_line.signals import end_when_told
    from experiments.command_line.streams import keep_streams

    keep_streams()
    end_when_told()
