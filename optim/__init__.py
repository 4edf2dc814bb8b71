"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.adapters import ADAPTERS
from optim.base import OPTIMIZERS, Optimizer, Range, hyper, register
from optim.dadaptation import DAdaptAdam
from optim.lookahead import Lookahead
from optim.prodigy import Prodigy
from optim.rmsprop import RMSprop
from optim.schedulefree import ScheduleFree
from optim.sgd import SGD
from optim.sophia import Sophia

__all__ = [
    "ADAPTERS",
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "DAdaptAdam",
    "Lookahead",
    "Optimizer",
    "Prodigy",
    "RMSprop",
    "Range",
    "ScheduleFree",
    "Sophia",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
