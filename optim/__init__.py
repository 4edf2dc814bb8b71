"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.adapters import ADAPTERS
from optim.base import OPTIMIZERS, Optimizer, Range, hyper, register
from optim.lookahead import Lookahead
from optim.rmsprop import RMSprop
from optim.sgd import SGD

__all__ = [
    "ADAPTERS",
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "Lookahead",
    "Optimizer",
    "RMSprop",
    "Range",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
