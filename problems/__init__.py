"""Problems, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from problems.base import PROBLEMS, Choice, Flag, Instance, Numbers, Problem, constant, register

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["PROBLEMS", "Choice", "Flag", "Instance", "Numbers", "Problem", "constant", "register"]
