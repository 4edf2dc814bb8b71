"""Optimizers, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adabelief import AdaBelief
from optim.adabound import AdaBound
from optim.adadelta import AdaDelta
from optim.adagrad import AdaGrad
from optim.adam import Adam
from optim.adamax import AdaMax
from optim.adan import Adan
from optim.base import OPTIMIZERS, Optimizer, Range, hyper, register
from optim.lion import Lion
from optim.nadam import NAdam
from optim.radam import RAdam
from optim.rmsprop import RMSprop
from optim.rprop import Rprop
from optim.sgd import SGD
from optim.signsgd import SignSGD
from optim.yogi import Yogi

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AdaBelief",
    "AdaBound",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "Adan",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Range",
    "Rprop",
    "SignSGD",
    "Yogi",
    "hyper",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
