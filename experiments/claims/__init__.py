"""The claims, each in a file of its own; every file in this folder is registered.

``rules/`` decides those without code, which a file of conf/claim states.
"""

from importlib import import_module
from pkgutil import iter_modules

from experiments.claims.base import CLAIMS, PICTURES, Claim, Evidence, Finding, Verdict

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CLAIMS", "PICTURES", "Claim", "Evidence", "Finding", "Verdict"]
