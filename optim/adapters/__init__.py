"""Rules of other libraries under this project's contract; every file in this folder is registered."""

from importlib import import_module
from pkgutil import iter_modules

from optim.adapters.base import ADAPTERS, Adapter

__all__ = ["ADAPTERS", "Adapter"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
