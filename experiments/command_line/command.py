"""What every command has in common: Hydra's grammar, and one clear line for bad input."""

from __future__ import annotations

import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NoReturn

import hydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, ListConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from experiments.command_line.arguments import CONF as CONF
from experiments.command_line.arguments import SEVERAL, declared, ready, unknown_choice, unknown_key
from experiments.command_line.configuration import check_settings
from experiments.command_line.help import help_of, is_asked_for
from experiments.command_line.outside import parts_from_outside
from experiments.store.parquet import CannotWrite, Damaged

# The files in conf/hydra/launcher bear the names of the plugins' own schemas and are checked by them.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")

Task = Callable[[DictConfig], Any]
OURS = ("experiments", "hydra_plugins", "optim", "problems")
QUOTES = "not of Hydra's grammar; a value with special characters needs quotes of its own, as 'key=\"a b\"'"
LONGEST_LINE = 900  # of what is wrong; the middle of a longer one is left out

TYPED: ContextVar[str] = ContextVar("TYPED", default="")
"""The arguments of this command as the user typed them, in words that a shell takes."""


def command(config_name: str, task: Task) -> Callable[[], None]:
    """Return the entry point of a command: ``task`` as a Hydra app with conf/<config_name>.yaml."""

    def main() -> None:
        TYPED.set(shlex.join(sys.argv[1:]))
        with parts_ready(config_name):
            if is_asked_for():
                print(help_of(config_name, purpose(task), called()))
            else:
                started(config_name, task)

    return main


@contextmanager
def parts_ready(config_name: str) -> Iterator[None]:
    """Give a command the parts from outside that it may have, in its arguments by whole paths."""
    with ExitStack() as stack:
        if takes_plugins(config_name):
            with bad_input_ends_here(config_name):
                sys.argv[1:] = stack.enter_context(parts_from_outside(sys.argv[1:]))
        yield


def takes_plugins(config_name: str) -> bool:
    """Tell whether a command has parts from outside."""
    return isinstance(declared(config_name).get("plugins"), ListConfig)


def started(config_name: str, task: Task) -> None:
    """Let Hydra compose the configuration of a command and do what the command is for."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out here, not as Hydra prints them
    checked = partial(checked_task, task, config_name)
    app = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(checked)
    with bad_input_ends_here(config_name):
        sys.argv[1:] = ready(sys.argv[1:], config_name)
    try:
        with disk_errors_end_here():
            app()
    except (HydraException, OmegaConfBaseException) as error:
        fail(one_line(error, config_name))
    except YAMLError as error:
        fail(f"a file of the configuration is no YAML: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        fail("interrupted; what is stored stays, and the same command runs what is missing", 130)
    except Exception as error:
        if not is_hydras_own(error):
            raise
        fail(f"{TYPED.get()}: Hydra does not take this ({type(error).__name__}: {error})")


def purpose(task: Task) -> str:
    """Return what a command does: the first line of its module's documentation, without how it is called."""
    line = (sys.modules[task.__module__].__doc__ or "").strip().split("\n")[0]
    return f"{line.partition(': python -m')[0].rstrip('.')}."


def called() -> str:
    """Return how this command is called: by the name that it was given, or as a module."""
    if " " in sys.argv[0]:  # by way of experiments.__main__
        return sys.argv[0]
    folder, _, name = sys.argv[0].replace("\\", "/").removesuffix(".py").rpartition("/")
    return f"python -m experiments.{folder.rpartition('/')[2] if name == '__main__' else name}"


def checked_task(task: Task, config_name: str, config: DictConfig) -> Any:
    """Do what a command is for, with a configuration that it can rely on."""
    if config.get("batch") is None:  # what a batch holds has been checked
        with bad_input_ends_here(config_name):
            check_settings(config, config_name)
    return task(config)


@contextmanager
def bad_input_ends_here(config_name: str = "config") -> Iterator[None]:
    """End the command with one line when the configuration inside asks for what cannot be."""
    try:
        yield
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        fail(one_line(error, config_name))


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
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    if len(shown) > LONGEST_LINE:
        shown = f"{shown[: LONGEST_LINE // 2]} ... {shown[-LONGEST_LINE // 2 :]}"
    print(f"error: {shown}", file=sys.stderr)
    raise SystemExit(code)


def is_hydras_own(error: Exception) -> bool:
    """Tell whether an error arose in Hydra before it called any code of this project."""
    inside = list(traceback.walk_tb(error.__traceback__))[1:]  # the first is the command itself
    return not any(frame.f_globals["__name__"].split(".")[0] in OURS for frame, _ in inside)


def one_line(error: Exception, config_name: str) -> str:
    """Return what is wrong in one line that names the key, the value and what is allowed."""
    text = f"{error}"
    missing = re.search(r"Could not find '(.+)/([^'/]*)'", text)
    if missing:
        return unknown_choice(missing[1], missing[2])
    key = re.search(r"To append to your (config|default list) use \+(.+)", text)
    if key:
        return unknown_key(key[2], config_name)
    if "requires --multirun" in text or "Ambiguous value" in text:
        argument = re.search(r"'([^']*=.*?)'", text)
        return f"{argument[1] if argument else text}: {SEVERAL}"
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return text
    line = " ".join(f"{error.__cause__ or error}".split("\n")[0].split())
    if isinstance(error, OverrideParseException):
        unread = "LexerNoViableAlt" in line or line.startswith("Error parsing")
        return f"{error.override}: {QUOTES if unread else line}"
    where = error.full_key if isinstance(error, OmegaConfBaseException) else None
    return f"{where}: {line}" if where and where not in line else line
