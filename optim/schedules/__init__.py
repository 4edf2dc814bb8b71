"""Learning-rate schedules, each in a file of its own; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.schedules.base import SCHEDULES, Schedule, register

__all__ = ["SCHEDULES", "Schedule", "register"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
