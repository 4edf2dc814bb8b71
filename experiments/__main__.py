"""The commands, a line each: python -m experiments, or lanes where the package is installed."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import import_module

COMMANDS = {
    "run": (
        "one setting, or with -m a grid of them",
        "-m optimizer=sgd,adam optimizer.lr=logspace:1e-4:1:25",
    ),
    "tune": (
        "the same number of trials for each optimizer",
        "-m optimizer=sgd,adam problem=mlp 'seed=range(0,10)'",
    ),
    "report": ("tables, figures and comparisons of a study", "study=default"),
    "watch": ("a study while it grows: its best settings so far, its page", "study=default"),
    "check": ("what a study holds, and whether it is sound", "study=default"),
    "judge": ("a claim of your own, decided by a rule", "+claim=adam_is_faster"),
    "merge": ("one study made of several", "study=first,second into=both"),
    "diff": ("two studies beside each other", "study=first,second"),
    "prune": ("what a study can do without, named, then removed", "study=default"),
    "export": ("a study for another tool", "study=default to=csv"),
    "reproduce": ("the article's claims, decided", ""),
    "new": ("the files of an optimizer, problem or claim of your own", "optimizer NAME"),
    "contracts": ("whether an optimizer or problem keeps what all keep", "optimizer=NAME"),
    "benchmark": ("speed and memory against peers", "parts=[engine]"),
}
"""What each command is for, and its most used form."""

FOLDERS = ("benchmark", "contracts")
"""The commands that are folders."""


def main() -> None:
    """Run the command that is named first, or say which there are."""
    typed = sys.argv[1:]
    if not typed or typed[0] in ("-h", "--help", "help"):
        print(listing())
        return
    if typed[0] == "-sc":
        complete(typed)
        return
    if typed[0] not in COMMANDS:
        near = get_close_matches(typed[0], COMMANDS, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        print(
            f"error: the command must be one of {', '.join(COMMANDS)}, got {typed[0]!r}{meant}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    sys.argv = [f"{spelled()} {typed[0]}", *typed[1:]]
    start(typed[0])


def start(name: str) -> None:
    """Do what a command does, with the arguments that are left."""
    module = f"{name}.__main__" if name in FOLDERS else name
    import_module(f"experiments.{module}").main()


def complete(typed: list[str]) -> None:
    """Answer Hydra's own tab completion: the commands, or what the command takes that is on the line."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if typed[-1].startswith("query=") and (len(words) < 3 or words[1] not in COMMANDS):
        print("\n".join(COMMANDS) if typed[-1] == "query=fish" else " ".join(COMMANDS))
        return
    asked = len(words) > 2 and words[1] in COMMANDS
    if asked:
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    sys.argv = [sys.argv[0], *typed]
    start(words[1] if asked else "run")


def listing() -> str:
    """Return the commands with what they are for and how they are used most."""
    lines = [
        f"  {name:<10} {what}\n{'':13}{spelled()} {name} {form}" for name, (what, form) in COMMANDS.items()
    ]
    head = "Optimizers compared: a grid is run, stored once, and becomes tables and figures."
    return "\n".join([head, "", *lines, "", f"{spelled()} COMMAND --help says what a command takes."])


def spelled() -> str:
    """Return how this is called: by its own name, or as a module."""
    name = sys.argv[0].replace("\\", "/").rpartition("/")[2]
    return "python -m experiments" if name in ("__main__.py", "-m") else name.split()[0]


def console() -> None:
    """Run a command as the installed script does, which nothing has prepared for signals."""
    from experiments.command_line.signals import end_when_told
    from experiments.command_line.streams import keep_streams

    keep_streams()
    end_when_told()
    main()


if __name__ == "__main__":
    main()
