"""Hold optimizers, schedules and problems, of your own or this project's, to the contracts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from experiments.command_line.command import bad_input_ends_here, command, fail
from experiments.wording import counted
from optim import OPTIMIZERS
from optim.schedules import SCHEDULES
from problems import PROBLEMS

if TYPE_CHECKING:
    from experiments.contracts.chosen import Chosen

HELD: Mapping[str, tuple[Mapping[str, type[Any]], tuple[str, ...]]] = {
    "optimizer": (OPTIMIZERS, ("optimizers.py", "optimizer_runs.py")),
    "schedule": (SCHEDULES, ("schedules.py",)),
    "problem": (PROBLEMS, ("problems.py", "problem_runs.py")),
}
"""What there is of each kind, and the files with its contracts."""
FOLDER = Path(__file__).parent
SEVERAL = re.compile(rf"({'|'.join(HELD)})=.*,")


def contracts(config: DictConfig) -> None:
    """Hold the parts that are named to the contracts; one that is broken ends the command with 1."""
    with bad_input_ends_here("contracts"):
        classes = {group: class_of(group, config[group].get("name")) for group in HELD if group in config}
        if not classes:
            raise ValueError("contracts: of what? name it, as optimizer=NAME, schedule=NAME or problem=NAME")
    if find_spec("pytest") is None:
        fail("contracts needs pytest, which is not installed here (pip install pytest)")
    broken = [held(group, cls) for group, cls in classes.items()]
    if any(broken):
        raise SystemExit(1)


def class_of(group: str, name: Any) -> type[Any]:
    """Return the class of a part, else raise ValueError."""
    registry, _ = HELD[group]
    if name not in registry:  # a rule of another library
        raise ValueError(f"{group}={name}: contracts are of this project's rules and of your own")
    return registry[name]


def held(group: str, cls: type[Any]) -> bool:
    """Hold a class to the contracts, say how it kept them, and tell whether one is broken."""
    import pytest

    from experiments.contracts.chosen import Chosen

    part = Chosen({group: [cls]})
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what else is installed is not to take part
    words = ["-q", "--no-header", "-rN", "--tb=short", "-p", "no:cacheprovider"]
    words += ["-c", os.devnull, "--rootdir", str(FOLDER), "-W", "error::RuntimeWarning"]
    code = pytest.main([*words, *(str(FOLDER / file) for file in HELD[group][1])], plugins=[part])
    for line in said(f"{group}={cls.name}", part):
        print(line)
    return code != pytest.ExitCode.OK


def said(name: str, part: Chosen) -> Iterator[str]:
    """Yield the lines that tell which contracts a part keeps, which it breaks, and which are not of it."""
    left, broken = part.not_applied(), part.broken()
    yield from (f"not of {name}: {contract}: {why}" for contract, why in left.items())
    yield from (f"broken: {contract}" for contract in broken)
    count = len(part.ended) - len(left)
    checks = counted(sum(map(len, part.ended.values())), "check")
    kept = (
        f"keeps all of {counted(count, 'contract')}"
        if not broken
        else f"breaks {len(broken)} of {counted(count, 'contract')}"
    )
    yield f"{name} {kept}, {checks}"


def main() -> None:
    """Hold the parts that are named to the contracts."""
    for word in filter(SEVERAL.match, sys.argv[1:]):
        fail(f"{word}: one at a time; run the command once for each")
    start()


start = command("contracts", contracts)

if __name__ == "__main__":
    main()
