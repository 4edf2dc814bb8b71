"""Problems, each in a file of its own; every file in this folder, and in those below, is registered."""

from importlib import import_module
from pkgutil import walk_packages

from problems.base import PROBLEMS, Choice, Flag, Instance, Numbers, Problem, constant, register
from problems.logistic import LogisticRegression
from problems.loss import LossProblem
from problems.networks.mlp import MLP
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
    "LossProblem",
    "Numbers",
    "Problem",
    "QuadraticBowl",
    "QuadraticFit",
    "Rosenbrock",
    "constant",
    "register",
]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
