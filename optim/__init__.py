"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adafactor import Adafactor
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.base import OPTIMIZERS, LayerOptimizer, Optimizer, Range, hyper, register
from optim.lamb import LAMB
from optim.lars import LARS
from optim.muon import Muon
from optim.novograd import NovoGrad
from optim.rmsprop import RMSprop
from optim.sgd import SGD
from optim.shampoo import Shampoo
from optim.soap import SOAP

__all__ = [
    "LAMB",
    "LARS",
    "OPTIMIZERS",
    "SGD",
    "SOAP",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "LayerOptimizer",
    "Muon",
    "NovoGrad",
    "Optimizer",
    "RMSprop",
    "Range",
    "Shampoo",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
