"""What every command has in common: Hydra's grammar, and one clear line for bad input."""

from __future__ import annotations

import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.store import CannotWrite, Damaged
from hydra_plugins.lane_sweeper.axes import quoted
from optim import OPTIMIZERS
from problems import PROBLEMS

# The files in conf/hydra/launcher bear the names of the plugins' own schemas and are checked by them.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")

CONF = Path(__file__).parent.parent / "conf"
Task = Callable[[DictConfig], Any]

TYPED: ContextVar[str] = ContextVar("TYPED", default="")
"""The arguments of this command as the user typed them, in words that a shell takes."""


def command(config_name: str, task: Task) -> Callable[[], None]:
    """Return the entry point of a command: ``task`` as a Hydra app with conf/<config_name>.yaml."""

    def main() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out here, not as Hydra prints them
        app = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(task)
        try:
            TYPED.set(shlex.join(sys.argv[1:]))
            sys.argv[1:] = [swept(argument, sys.argv) for argument in sys.argv[1:]]
            with disk_errors_end_here():
                app()
        except (HydraException, OmegaConfBaseException) as error:
            fail(one_line(error, config_name))
        except KeyboardInterrupt:
            fail("interrupted; what is stored stays, and the same command runs what is missing", 130)

    return main


def swept(argument: str, arguments: list[str]) -> str:
    """Return a nested override of a multirun as a sweep, if need be over its one value.

    Hydra applies plain overrides before the sweep has chosen the group; as a sweep, a
    key that only some options have reaches the sweeper, which knows where it applies.
    """
    multirun = {"-m", "--multirun"} & set(arguments) or any(a.startswith("+experiment=") for a in arguments)
    if re.match(r"(optimizer|problem)=", argument):
        check_name(argument)
    if not multirun or not re.match(r"(optimizer|problem)\.\w+=", argument):
        return argument
    [override] = OverridesParser.create().parse_overrides([argument])
    if override.is_sweep_override():
        return argument
    key, _, text = argument.partition("=")
    if override.value() is None:  # choice() does not take it; equal values make one job
        return f"{key}=null,null"
    return f"{key}=choice({text or quoted(text)})"


def check_name(argument: str) -> None:
    """End the command if a group is to be chosen by a number or by null."""
    [override] = OverridesParser.create().parse_overrides([argument])
    if not override.is_sweep_override() and not isinstance(override.value(), str | list):
        fail(unknown_choice(*argument.split("=", 1)))


@contextmanager
def bad_input_ends_here() -> Iterator[None]:
    """End the command with one line when the configuration inside asks for what cannot be."""
    try:
        yield
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        fail(one_line(error, "config"))


@contextmanager
def disk_errors_end_here() -> Iterator[None]:
    """End the command with one line when a file cannot be read or written.

    To be used inside a task as well: Hydra announces what comes out of one in a line of its own.
    """
    try:
        yield
    except Damaged as error:
        fail(f"{error}; python -m experiments.check repair=true with its study sets it aside")
    except CannotWrite as error:
        fail(f"{error}")


def fail(line: str, code: int = 2) -> NoReturn:
    """End the command with this line and this exit code."""
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(code)


def one_line(error: Exception, config_name: str) -> str:
    """Return what is wrong in one line that names the key, the value and what is allowed."""
    text = f"{error}"
    missing = re.search(r"Could not find '(\w+)/([^']*)'", text)
    if missing:
        return unknown_choice(missing[1], missing[2])
    key = re.search(r"To append to your (config|default list) use \+(.+)", text)
    if key:
        return unknown_key(key[2], config_name)
    if "requires --multirun" in text or "Ambiguous value" in text:
        argument = re.search(r"'([^']*=.*?)'", text)
        return f"{argument[1] if argument else text}: several values make a grid; add -m"
    first_line = " ".join(f"{error.__cause__ or error}".split("\n")[0].split())
    return f"{error.override}: {first_line}" if isinstance(error, OverrideParseException) else first_line


def unknown_choice(group: str, value: str) -> str:
    """Return the line for a group that has no such option."""
    options = ", ".join(sorted(file.stem for file in (CONF / group).glob("*.yaml")))
    return f"{group} must be one of {options or '(nothing)'}, got '{value}'"


def unknown_key(override: str, config_name: str) -> str:
    """Return the line for an override (key=value) whose key does not exist, with those that do."""
    override = re.sub(r"=choice\((.*)\)$", r"=\1", override)  # as it was typed, see swept()
    group, _, name = override.partition("=")[0].rpartition(".")
    registries: dict[str, dict[str, type[Any]]] = {"optimizer": OPTIMIZERS, "problem": PROBLEMS}
    config = OmegaConf.load(CONF / f"{config_name}.yaml")
    assert isinstance(config, DictConfig)
    groups = [key for default in config.defaults if isinstance(default, DictConfig) for key in default]
    if group in registries and group in groups:
        having = {label: [f.name for f in fields(cls)] for label, cls in sorted(registries[group].items())}
        owners = [label for label, names in having.items() if name in names]
        if owners:
            return f"{override}: only {', '.join(owners)} has {name}; choose it with {group}={owners[0]}"
        known = "; ".join(f"{label} has {', '.join(names)}" for label, names in having.items())
        return f"{override}: no {group} has {name}; {known}"
    chosen = [*registries, "+experiment"] if "optimizer" in groups else []
    plain = [str(key) for key in config if key not in ("defaults", "hydra", "axes", "progress")]
    return f"{override}: there is no such key; there are {', '.join([*chosen, *plain])}"
