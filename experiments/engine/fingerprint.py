"""The code that decides a run's numbers, as a hash that comments do not change."""

import hashlib
from functools import cache

from experiments.engine.backend import LOOPS
from experiments.engine.sources import closure, normal_source
from optim import OPTIMIZERS
from optim.schedules import SCHEDULES
from problems import PROBLEMS

RECORDED = "experiments.engine.recorded"


@cache
def code_fingerprint(optimizer: str, problem: str, engine: str, schedule: str = "constant") -> str:
    """Return a hash of the engine's loop, the optimizer, the problem, the schedule and all they import.

    It is taken over the syntax tree without the strings that only document: comments, layout,
    documentation and the version of Python may change without making a stored run out of date.
    """
    parts = OPTIMIZERS[optimizer], PROBLEMS[problem], SCHEDULES[schedule]
    roots = LOOPS[engine], RECORDED, *(part.__module__ for part in parts)
    text = "\n".join(f"# {name}\n{normal_source(name)}" for name in sorted(closure(roots)))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
