"""What a command says of itself: what it does, the keys that it takes, what there is to choose, examples."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.plugins.layout import CLASSES, LISTS, there_are
from experiments.plugins.layout import CONF as CONF
from experiments.plugins.state import PLACES

ENDS = "hydra"  # the part of a configuration that is Hydra's own
NOT_TYPED = {"batch"}
GRID = (*CLASSES, "experiment", "suite", "contenders")
CHOSEN = {"config": GRID, "tune": GRID, "contracts": CLASSES, "judge": ("claim",)}
"""The groups of which a command lists what there is."""

EXAMPLES = {
    "config": (
        "optimizer=adam problem=rosenbrock optimizer.lr=0.01 steps=2000",
        "-m optimizer=sgd,adam problem=quadratic,logistic optimizer.lr=logspace:1e-4:1:25 'seed=range(0,20)'",
        "-m +experiment=faster",
    ),
    "tune": (
        "-m optimizer=sgd,rmsprop problem=mlp 'seed=range(0,10)' study=tuned",
        "-m 'optimizer=glob(*)' problem=logistic tune.trials=100 tune.method=sobol 'seed=range(0,10)'",
        "-m optimizer=adam problem=rosenbrock problem.dim=2,10 tune.extend=3 'seed=range(0,10)'",
    ),
    "report": ("study=tuned", "study=tuned measure=accuracy", "study=tuned factor=1.5 latex=true"),
    "watch": ("study=tuned", "study=tuned page=true every=30", "study=tuned until_quiet=600"),
    "check": ("study=tuned", "study=tuned repair=true", "study=tuned results=/elsewhere/results"),
    "judge": (
        "+claim=adam_is_faster",
        "claim=path/to/claim.yaml claim.rule.factor=1.5",
        "+claim=cosine_ends_lower judge.until_decided=true judge.most_runs=2000",
    ),
    "merge": (
        "study=first,second into=both",
        "study=laptop,../server/results/laptop into=both",
        "study=second into=first",
    ),
    "diff": (
        "study=first,second",
        "study=first,../server/results/first tolerance=1e-9 measure=loss",
        "study=first",
    ),
    "prune": (
        "study=first",
        "study=first what=[outdated,failed] dry_run=false",
        "study=first what=[histories] dry_run=false",
    ),
    "export": (
        "study=first to=csv",
        "study=first to=duckdb into=elsewhere",
        "study=first to=coco measure=loss",
    ),
    "reproduce": ("", "claims=[fit,faster]", "results=/elsewhere/results"),
    "new": ("optimizer mine", "problem valley plugins=my_parts", "schedule steps plugins=../shared"),
    "contracts": (
        "optimizer=mine plugins=my_parts",
        "schedule=cosine problem=rosenbrock",
        "optimizer=sgd,adam",
    ),
    "benchmark": ("", "parts=[engine] optimizers=[adam] repeats=5", "parts=[grids] runs=100000"),
}
"""Three of each command, by its configuration."""


def help_of(config_name: str, what: str, called: str) -> str:
    """Return the help of a command.

    Args:
        config_name: of its configuration in conf/.
        what: what it does, in a line.
        called: how it is called.
    """
    files = [config_name, "config"] if config_name == "tune" else [config_name]
    keys = dict(pair for name in reversed(files) for pair in keys_of(CONF / f"{name}.yaml"))
    lines = [what, "", "Keys, with their defaults:", *(f"  {key:<28} {said}" for key, said in keys.items())]
    if config_name in CHOSEN:
        lines += ["", *(line for group in CHOSEN[config_name] for line in choices(group))]
    if CHOSEN.get(config_name) == GRID:
        lines.append(
            "  Their own keys: optimizer.KEY, schedule.KEY, problem.KEY; with -m each takes several, a,b,c."
        )
    lines += ["", "Examples:", *(f"  {called} {words}".rstrip() for words in EXAMPLES[config_name])]
    lines += ["", "--hydra-help: what Hydra takes beside, as launchers and output folders."]
    return "\n".join(lines)


def keys_of(file: Path) -> Iterator[tuple[str, str]]:
    """Yield each key that a configuration file declares, with its default and what is said of it there."""
    parents: list[tuple[int, str]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"( *)(\w+):(?: +([^#]*[^# ]))?(?: *# (.*))?", line)
        if not found:
            continue
        depth, key = len(found[1]), found[2]
        parents = [parent for parent in parents if parent[0] < depth]
        if (parents[0][1] if parents else key) == ENDS:
            return
        name = ".".join([*(parent for _, parent in parents), key])
        if found[3] is None and key != "defaults" and name not in NOT_TYPED:
            parents.append((depth, key))
        elif key != "defaults" and name not in NOT_TYPED:
            yield name, f"{found[3]}{f'  # {found[4]}' if found[4] else ''}"


def choices(group: str) -> Iterator[str]:
    """Yield the line of what there is of a group."""
    key = f"+{group}" if group in LISTS else group
    yield f"  {key}=" + ", ".join(sorted(there_are(group, PLACES)))


def is_asked_for() -> bool:
    """Tell whether this command was asked for its help."""
    return any(word in ("-h", "--help") for word in sys.argv[1:])
