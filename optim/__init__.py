"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adabelief import AdaBelief
from optim.adabound import AdaBound
from optim.adadelta import AdaDelta
from optim.adafactor import Adafactor
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.adamax import AdaMax
from optim.adan import Adan
from optim.adapters import ADAPTERS
from optim.base import OPTIMIZERS, LayerOptimizer, Optimizer, Range, hyper, register
from optim.dadaptation import DAdaptAdam
from optim.lamb import LAMB
from optim.lars import LARS
from optim.lion import Lion
from optim.lookahead import Lookahead
from optim.muon import Muon
from optim.nadam import NAdam
from optim.novograd import NovoGrad
from optim.prodigy import Prodigy
from optim.radam import RAdam
from optim.rmsprop import RMSprop
from optim.rprop import Rprop
from optim.schedulefree import ScheduleFree
from optim.sgd import SGD
from optim.shampoo import Shampoo
from optim.signsgd import SignSGD
from optim.soap import SOAP
from optim.sophia import Sophia
from optim.yogi import Yogi

__all__ = [
    "ADAPTERS",
    "LAMB",
    "LARS",
    "OPTIMIZERS",
    "SGD",
    "SOAP",
    "AdaBelief",
    "AdaBound",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adafactor",
    "Adam",
    "Adan",
    "DAdaptAdam",
    "LayerOptimizer",
    "Lion",
    "Lookahead",
    "Muon",
    "NAdam",
    "NovoGrad",
    "Optimizer",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "Range",
    "Rprop",
    "ScheduleFree",
    "Shampoo",
    "SignSGD",
    "Sophia",
    "Yogi",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
