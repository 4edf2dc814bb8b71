"""The code that decides a run's numbers, as a hash that comments do not change."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache

from experiments.engine.backend import LOOPS
from experiments.engine.sources import called, closure, normal_source
from optim import ADAPTERS, OPTIMIZERS
from optim.schedules import SCHEDULES
from problems import PROBLEMS

RECORDED = "experiments.engine.recorded"


@cache
def code_fingerprint(optimizer: str, problem: str, engine: str, schedule: str = "constant") -> str:
    """Return a hash of the engine's loop, the optimizer, the problem, the schedule and all they import.

    An optimizer of which something is chosen is told by its full name. The code of another library is no
    part of this: its version is one of the settings.

    It is taken over the syntax tree without the strings that only document: comments, layout,
    documentation and the version of Python may change without making a stored run out of date.
    """
    name, _, choice = optimizer.partition(".")
    rule = {**OPTIMIZERS, **ADAPTERS}[name]
    parts = PROBLEMS[problem], SCHEDULES[schedule]
    roots = LOOPS[engine], RECORDED, *rule.modules(choice), *(part.__module__ for part in parts)
    text = "\n".join(f"# {name}\n{source}" for name, source in sorted(named(closure(roots))))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def not_here(optimizer: str, problem: str, schedule: str) -> list[str]:
    """Return those of the parts of a run, as one types them, that there are none of under their names."""
    name, _, choice = optimizer.partition(".")
    rule = {**OPTIMIZERS, **ADAPTERS}.get(name)
    found = [] if rule else [f"optimizer={name}"]
    if rule and choice:
        try:
            rule.modules(choice)
        except KeyError:
            found.append(f"optimizer.{rule.chooses}={choice}")
    found += [] if problem in PROBLEMS else [f"problem={problem}"]
    return found + ([] if schedule in SCHEDULES else [f"schedule={schedule}"])


def named(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what each module is called here, with its source."""
    return ((called(name), normal_source(name)) for name in modules)
