"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adafactor import Adafactor
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.adapters import ADAPTERS
from optim.base import OPTIMIZERS, LayerOptimizer, Optimizer, Range, hyper, register
from optim.dadaptation import DAdaptAdam
from optim.lamb import LAMB
from optim.lars import LARS
from optim.lookahead import Lookahead
from optim.muon import Muon
from optim.novograd import NovoGrad
from optim.prodigy import Prodigy
from optim.rmsprop import RMSprop
from optim.schedulefree import ScheduleFree
from optim.sgd import SGD
from optim.shampoo import Shampoo
from optim.soap import SOAP
from optim.sophia import Sophia

__all__ = [
    "ADAPTERS",
    "LAMB",
    "LARS",
    "OPTIMIZERS",
    "SGD",
    "SOAP",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "DAdaptAdam",
    "LayerOptimizer",
    "Lookahead",
    "Muon",
    "NovoGrad",
    "Optimizer",
    "Prodigy",
    "RMSprop",
    "Range",
    "ScheduleFree",
    "Shampoo",
    "Sophia",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
