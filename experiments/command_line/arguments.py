"""What was typed: made ready for Hydra, and refused where Hydra would not say what is wrong."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from yaml import YAMLError

from experiments.command_line.help import CONF as CONF
from experiments.grid.axes import SPACED, listed, quoted
from experiments.plugins.layout import there_are
from experiments.plugins.state import PLACES
from experiments.request.settings import LABEL, kinds
from optim import OPTIMIZERS
from optim.base import Optimizer
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper
from problems import PROBLEMS

HYDRAS_OWN = {"hydra/launcher": ("basic",)}
GROUPS = ("optimizer", "schedule", "problem")
FILLED_IN = ("batch",)  # by the sweeper, never by hand
MULTIRUN = ("-m", "--multirun")
SEVERAL = "several values make a grid; add -m"
GRIDS = ("config", "tune")  # the commands in which several values of a key may be written
LONG_RATE = "learning_rate"  # as Optax writes lr
PLAIN_NAME = re.compile(
    r"(?!(true|false|null|nan|inf)$)(\.{0,2}/|~/)?[a-z_][\w./-]*", re.IGNORECASE | re.ASCII
)
"""The names and paths of studies that Hydra reads as they are."""
ONE_VALUE = re.compile(
    r"hydra\b.*|study|results|jobs|dry_run|fail_fast|experiment|suite|contenders|claim"
)  # even in these


def ready(arguments: Sequence[str], config_name: str) -> list[str]:
    """Return the arguments of a command as Hydra is to have them.

    Raises:
        ValueError: an option, or a key or value of an override, that cannot be; in one line.
        HydraException: an override that is not of Hydra's grammar.
    """
    if config_name == "judge":
        check_given_once([argument for argument in arguments if "=" in argument], False, config_name)
        arguments = claim_words(arguments)
    arguments = [re.sub(rf"^(\+*optimizer\.(search\.)?){LONG_RATE}\b", r"\1lr", a) for a in arguments]
    arguments = [as_list(argument, config_name) for argument in arguments]
    overrides = overrides_among(arguments)
    known = (*GROUPS, *map(str, declared(config_name)))
    plain = {override: without_plus(override, known) for override in overrides}
    for override in plain.values():
        check_key(override, config_name)
        check_choice(override)
    check_given_once(overrides, is_grid(arguments), config_name)
    if not is_grid(arguments) and any(plain[override] in open_choices() for override in overrides):
        plain = {a: re.sub(r"^(?=optimizer\.\w+=)", "++", override) for a, override in plain.items()}
    typed = [swept(plain[a], arguments) if a in plain else a for a in arguments]
    return sorted(typed, key=lambda a: a not in MULTIRUN)  # in the middle Hydra does not take it


def open_choices() -> set[str]:
    """Return the choices of an optimizer that has keys which its file does not have."""
    return {f"optimizer={name}" for name, cls in kinds().items() if cls.chooses}


def as_list(argument: str, config_name: str) -> str:
    """Return several studies, study=A,B, as the list that Hydra takes, where a command is about several."""
    key, equals, text = argument.partition("=")
    if key != "study" or not equals or text.startswith(("[", "'", '"')):
        return argument
    if not isinstance(declared(config_name).get("study"), ListConfig):
        return argument
    names = [name if PLAIN_NAME.fullmatch(name) else quoted(name) for name in text.split(",") if name]
    return f"study=[{','.join(names)}]"


CLAIM_PART = re.compile(r"\+*(claim\.(?:runs|rule\.where))\.([\w.]+)=(.*)", re.DOTALL)
"""An override of a key of a claim that may have dots in it, which Hydra sets by their mapping alone."""


def claim_words(arguments: Sequence[str]) -> list[str]:
    """Return what was typed of a claim as Hydra is to have it; what its file lacks may be added.

    Raises:
        ValueError: as ``claim_word``.
    """
    inner = [found for argument in arguments if (found := CLAIM_PART.fullmatch(argument))]
    others = [claim_word(argument) for argument in arguments if not CLAIM_PART.fullmatch(argument)]
    parts: dict[str, list[str]] = {}
    for found in inner:
        parts.setdefault(found[1], []).append(f"{found[2]}:{quoted(found[3])}")
    return [*others, *(f"++{key}={{{','.join(pairs)}}}" for key, pairs in parts.items())]


def claim_word(argument: str) -> str:
    """Return a word that names a claim as Hydra is to have it: a file anywhere becomes an option.

    Raises:
        ValueError: the file cannot be read, or holds no keys and values.
    """
    key, _, text = argument.partition("=")
    if key.lstrip("+").startswith("claim."):
        return f"++{argument.lstrip('+')}"
    if key.lstrip("+") != "claim":
        return argument
    path = Path(text)
    if not (path.suffix in (".yaml", ".yml") or len(path.parts) > 1):
        return f"+claim={text}"
    try:
        content = OmegaConf.load(path)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        said = getattr(error, "strerror", None) or " ".join(f"{error}".split())
        raise ValueError(f"{argument}: the file cannot be read: {said}") from None
    if not isinstance(content, DictConfig) or not LABEL.fullmatch(path.stem):
        needs = "a name of letters, digits, _ or -, and keys with values in it"
        raise ValueError(f"{argument}: the file of a claim must have {needs}")
    ConfigStore.instance().store(group="claim/file", name=path.stem, node=content, package="claim")
    return f"+claim=file/{path.stem}"


def without_plus(override: str, known: Sequence[str]) -> str:
    """Return an override of a known key as one that sets it: only a search space has room for more."""
    key = override.partition("=")[0].lstrip("+")
    is_known = key.partition(".")[0] in known and key.count(".") < 2
    return override.lstrip("+") if is_known else override


def overrides_among(arguments: Sequence[str]) -> list[str]:
    """Return what is no option of Hydra's; ValueError if there is no such option."""
    with redirect_stderr(StringIO()) as said:
        try:
            options = [a for a in arguments if a not in MULTIRUN]
            return list(get_args_parser().parse_args(options).overrides)
        except SystemExit as end:
            if not end.code:  # it was --version
                raise
    raise ValueError(f"{said.getvalue().partition('error: ')[2].strip()}; --hydra-help lists the options")


def is_grid(arguments: Sequence[str]) -> bool:
    """Tell whether these arguments ask for several runs: with -m, by an experiment, a suite or contenders."""
    return any(a in MULTIRUN or a.startswith(("+experiment=", "+suite=", "+contenders=")) for a in arguments)


def check_key(override: str, config_name: str) -> None:
    """Raise ValueError for a key that is to be deleted, or that only the sweeper may set."""
    key, equals, _ = override.partition("=")
    key = key.lstrip("+")
    if not key or not (equals or key.startswith("~")):
        raise ValueError(f"{override or repr(override)}: a setting is written as key=value")
    if key.startswith("~") and not key.startswith(("~hydra.", "~optimizer.search.")):
        raise ValueError(f"{override}: no setting can be taken away; what is not written has its default")
    if re.split(r"[.@]", key)[0] in FILLED_IN:
        raise ValueError(unknown_key(override, config_name))


def check_choice(override: str) -> None:
    """Raise ValueError if a group is to be chosen by what is no name, or several experiments at once."""
    group = re.match(r"\+{0,2}(optimizer|schedule|problem|experiment|suite|contenders|claim)=", override)
    if not group:
        return
    choice = parsed(override)
    for value in listed(choice):
        if not isinstance(value, str):
            raise ValueError(unknown_choice(group[1], "null" if value is None else f"{value}"))
    if group[1] in ("experiment", "suite", "contenders", "claim") and choice.is_sweep_override():
        raise ValueError(f"{override}: one {group[1]} at a time; run the command once for each")


def check_given_once(overrides: Sequence[str], grid: bool, config_name: str = "config") -> None:
    """Raise ValueError for a key with several overrides, of which Hydra would take the last."""
    given: dict[str, list[str]] = {}
    for override in overrides:
        given.setdefault(override.partition("=")[0].lstrip("+"), []).append(as_typed(override))
    for key, several in given.items():
        if len(several) > 1:
            times = "twice" if len(several) == 2 else f"{len(several)} times"
            values = list(dict.fromkeys(override.partition("=")[2] for override in several))
            instead = instead_of(key, values, grid, config_name)
            raise ValueError(f"{' '.join(several)}: {key} is given {times}; {instead}")


def instead_of(key: str, values: Sequence[str], grid: bool, config_name: str) -> str:
    """Return in words how to write these values of one key, each of which was given on its own."""
    if len(values) == 1:
        return "write it once"
    joined = ",".join(values)
    if all(re.fullmatch(r"\[.*\]", value) for value in values):
        joined = f"[{','.join(value[1:-1].strip() for value in values)}]"
        return f"write {shlex.quote(f'{key}={joined}')}"
    if key.startswith("~") or config_name not in GRIDS or ONE_VALUE.fullmatch(key):
        return "write one of them"
    if not is_list_of_values(f"{key}={joined}", len(values)):
        return "write all values in one, separated by commas"
    return f"write {shlex.quote(f'{key}={joined}')}{'' if grid else ' and add -m'}"


def is_list_of_values(override: str, least: int) -> bool:
    """Tell whether an override is a plain list of at least so many values."""
    try:
        values = listed(parsed(override))
    except HydraException:
        return False
    return len(values) >= least and not any(isinstance(value, Glob) for value in values)


def parsed(override: str) -> Override:
    [found] = OverridesParser.create().parse_overrides([override])
    return found


def swept(argument: str, arguments: Sequence[str]) -> str:
    """Return a nested override of a grid as a sweep, if need be over its one value.

    Hydra applies plain overrides before the sweep has chosen the group; as a sweep, a
    key that only some options have reaches the sweeper, which knows where it applies.

    Raises:
        ValueError: a spaced axis where there is no grid.
    """
    key, _, text = argument.partition("=")
    grid = is_grid(arguments)
    if not grid and re.fullmatch(r"\+{0,2}(seed|(optimizer|schedule)\.\w+)", key) and SPACED.search(text):
        raise ValueError(f"{argument}: {SEVERAL}")
    if not grid or not re.fullmatch(r"(optimizer|schedule|problem)\.\w+", key) or "=" not in argument:
        return argument
    override = parsed(argument)
    if override.is_sweep_override():
        return argument
    if override.value() is None:  # choice() does not take it; equal values make one job
        return f"{key}=null,null"
    return f"{key}=choice({text or quoted(text)})"


def as_typed(override: str) -> str:
    """Return an override of a grid as it was typed, see ``swept``."""
    return re.sub(r"=choice\((.*)\)$", r"=\1", override)


def unknown_choice(group: str, value: str) -> str:
    """Return the line for a group that has no such option."""
    there = there_are(group, PLACES) | set(HYDRAS_OWN.get(group, ()))
    return f"{group} must be one of {', '.join(sorted(there)) or '(nothing)'}, got '{value}'"


def unknown_key(override: str, config_name: str) -> str:
    """Return the line for an override (key=value) whose key does not exist, with those that do."""
    override = as_typed(override)
    group, _, name = override.partition("=")[0].rpartition(".")
    registries: dict[str, dict[str, type[Any]]] = {
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "problem": PROBLEMS,
    }
    config = declared(config_name)
    groups = [key for default in config.defaults if isinstance(default, DictConfig) for key in default]
    if group in registries and group in groups:
        having = {label: [f.name for f in fields(cls)] for label, cls in sorted(registries[group].items())}
        owners = [label for label, names in having.items() if name in names]
        if owners:
            have = "has" if len(owners) == 1 else "have"
            return f"{override}: only {', '.join(owners)} {have} {name}; choose it with {group}={owners[0]}"
        around = [f.name for f in fields(Wrapper)] if group == "optimizer" else []
        known = sorted({*around, *(key for names in having.values() for key in names)})
        near = get_close_matches(name, known)
        words = f"near it are {', '.join(near)}" if near else f"there are {', '.join(known)}"
        return f"{override}: no {group} has {name}; {words}"
    chosen = [*registries, "+experiment", "+suite", "+contenders"] if "optimizer" in groups else []
    chosen += ["+claim"] if config_name == "judge" else []
    plain = [str(key) for key in config if key not in ("defaults", "hydra", *GROUPS, *FILLED_IN)]
    return f"{override}: there is no such key; there are {', '.join([*chosen, *plain])}"


def unknown_field(override: str, rule: type[Optimizer]) -> str:
    """Return the line for an override whose key an optimizer does not have."""
    known = ", ".join(spec.name for part in (rule, Wrapper) for spec in fields(part))
    return (
        f"{override}: {rule.__name__} has no {override.partition('=')[0].rpartition('.')[2]}; it has {known}"
    )


@cache
def declared(config_name: str) -> DictConfig:
    """Return what the file of a command and those that it builds on declare."""
    config = OmegaConf.load(CONF / f"{config_name}.yaml")
    bases = [name for name in config.defaults if isinstance(name, str) and name != "_self_"]
    whole = OmegaConf.merge(config, *map(declared, bases))
    assert isinstance(whole, DictConfig)
    return whole
