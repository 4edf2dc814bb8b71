"""Problems, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from problems.base import PROBLEMS, Choice, Flag, Instance, Numbers, Problem, constant, register
from problems.logistic import LogisticRegression
from problems.mlp import MLP
from problems.quadratic import QuadraticFit
from problems.quadratic_bowl import QuadraticBowl
from problems.rosenbrock import Rosenbrock

__all__ = [
    "MLP",
    "PROBLEMS",
    "Choice",
    "Flag",
    "Instance",
    "LogisticRegression",
    "Numbers",
    "Problem",
    "QuadraticBowl",
    "QuadraticFit",
    "Rosenbrock",
    "constant",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
