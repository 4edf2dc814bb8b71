"""What a sweep asks for: its requests, one a cell, checked before anything runs."""

from __future__ import annotations

import itertools
import logging
import math
import re
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache, lru_cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.command_line.arguments import (
    as_typed,
    check_given_once,
    unknown_field,
    unknown_key,
)
from experiments.command_line.configuration import check_one_study
from experiments.engine.rule import NotTogether
from experiments.grid.axes import Job, split, values
from experiments.grid.composed import request_from
from experiments.grid.contenders import contenders_of
from experiments.grid.interpolation import (
    asks_for_overrides,
    asks_hydra,
    axes_read,
    has_interpolations,
    hydra_says,
    unresolved,
)
from experiments.grid.request import Request
from experiments.grid.suite import instances_of
from experiments.request.settings import class_of, kinds
from experiments.wording import counted
from optim import ADAPTERS
from optim.base import Optimizer
from optim.method import NoLearningRate
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper

log = logging.getLogger(__name__)
MANY = 1000  # jobs; to plan more takes tens of seconds and longer
LISTS = ("suite", "contenders")
"""The keys that list what a grid is run over."""
MOST_KEPT = 1024  # configurations as Hydra composes them, a fifth of a megabyte each


class Planner:
    """Turns the overrides of a sweep into requests.

    ``config`` is the configuration without the sweeps, as Hydra composes it for a multirun;
    ``expect`` is told how many runs there will be as soon as that is known.
    """

    def __init__(
        self, config: DictConfig, loader: ConfigLoader, expect: Callable[[int], None] = lambda runs: None
    ) -> None:
        self.config = config
        self.loader = loader
        self.expect = expect
        self.parser = OverridesParser.create(config_loader=loader)
        self.parse = cache(self.parser.parse_override)
        self.groups = frozenset(loader.list_groups(""))
        self.first = cache(lambda key, text: values(key, text)[0])
        self.whole = lru_cache(MOST_KEPT)(self.composed_by_hydra)
        self.own = lru_cache(MOST_KEPT)(lambda overrides: without_hydra(self.whole(overrides)))
        self.latest = lru_cache(1)(self.composed)  # it is asked for several times in a row
        self.rule = lru_cache(MOST_KEPT)(self.rule_of)

    def plan(self, arguments: Sequence[str]) -> list[Request]:
        """Return the requests of these overrides.

        Raises:
            ValueError: of settings, keys or values that cannot be; in one line.
            HydraException, OmegaConfBaseException: as Hydra finds what cannot be.
        """
        self.settle_time()
        jobs, said = self.jobs(arguments)
        check_one_study(self.config_of(job) for job in jobs)
        requests, apart = self.requests(jobs)
        for line in (*said, *apart):
            log.info(line)
        return requests

    def requests(self, jobs: Sequence[Job]) -> tuple[list[Request], list[str]]:
        """Return the requests of these jobs, and a line for each optimizer that some problems cannot have.

        Raises:
            NotTogether, NoLearningRate: that holds of all of them.
        """
        requests: list[Request] = []
        apart: dict[str, list[str]] = {}
        for job in jobs:
            config = self.config_of(job)
            try:
                requests.append(request_from(config, job.axes))
            except (NotTogether, NoLearningRate) as error:
                apart.setdefault(error.why, []).append(str(config.problem.name))
                if sum(map(len, apart.values())) == len(jobs):
                    raise
        return requests, [
            f"{why}; left out on {', '.join(dict.fromkeys(problems))}, {counted(len(problems), 'cell')}"
            for why, problems in apart.items()
        ]

    def settle_time(self) -> None:
        """Let the name of the study be made of the time once: what Hydra composes later gets it from here."""
        for key in ("study", "results"):
            with suppress(OmegaConfBaseException):
                OmegaConf.select(self.config, key)

    def jobs(self, arguments: Sequence[str]) -> tuple[list[Job], list[str]]:
        """Return the jobs, and a line for each key that is left out, in all of them or in some."""
        overrides, left_out = self.overrides(arguments)
        between: frozenset[str] = frozenset()
        try:
            jobs, dropped = self.split(overrides, between)
            if len(jobs) > MANY:
                log.info(f"planning {counted(len(jobs), 'cell')}")
            while read := {key for job in jobs for key in self.read(job)}:
                between |= read  # what another key interpolates must vary between jobs
                jobs, dropped = self.split(overrides, between)
        except KeyError as error:
            override, chosen = error.args
            rule = self.rule(tuple(chosen))
            if override.startswith("optimizer.") and rule is not None and rule.chooses:
                raise ValueError(unknown_field(as_typed(override), rule)) from None
            raise ValueError(unknown_key(override, "config")) from None
        counts = {text: len(values(*text)) for text in {axis for job in jobs for axis in job.axes.items()}}
        self.expect(sum(math.prod(counts[axis] for axis in job.axes.items()) for job in jobs))
        return jobs, [*left_out, *dropped]

    def split(self, overrides: Sequence[Override], between: Set[str]) -> tuple[list[Job], list[str]]:
        """Return what ``axes.split`` does; the sweeps of these keys do not stay inside a job."""
        lists = {"optimizer": contenders_of(self.config), "problem": instances_of(self.config)}
        for group, name in zip(("problem", "optimizer"), LISTS, strict=True):
            given = [key for o in overrides if (key := bare_key(o)) == group or key.startswith(f"{group}.")]
            if name in self.config and given:
                raise ValueError(f"{given[0]} cannot be given beside +{name}, which lists the {group}s")
        chosen = [(*first, *second) for first, second in itertools.product(*lists.values())]
        in_lists = tuple(f"{name}." for name in LISTS)  # what changes a list has changed it already
        overrides = [o for o in overrides if not bare_key(o).startswith(in_lists)]

        def is_axis(chosen: Sequence[str], key: str) -> bool:
            return key not in between and self.is_number(chosen, key)

        return split(overrides, is_axis, self.has_key, choosing(), chosen)

    def overrides(self, arguments: Sequence[str]) -> tuple[list[Override], list[str]]:
        """Return the sweep of an experiment and what was typed, and a line for each key that both give."""
        brought = self.config.hydra.sweeper.params
        if not isinstance(brought, DictConfig | None):
            raise ValueError(f"hydra.sweeper.params must be keys and their sweeps, got {brought!r}")
        params = [f"{key}={text}" for key, text in unresolved(brought).items()] if brought else []
        for given in (params, arguments):
            check_given_once(given, grid=True)
        own = {bare_key(o): o for o in self.parser.parse_overrides(params)}
        typed = {bare_key(o): without_adapters(o) for o in self.parser.parse_overrides(list(arguments))}
        kept = [override for key, override in own.items() if key not in typed]
        both = [(own[key], typed[key]) for key in own if key in typed]
        return [*kept, *typed.values()], [line for line in itertools.starmap(overruled, both) if line]

    def read(self, job: Job) -> set[str]:
        """Return those axes of a job that an interpolation anywhere in its configuration reads."""
        if not job.axes:
            return set()
        config = self.compose(job.overrides)
        if not has_interpolations(config):
            return set()
        if asks_for_overrides(config):
            return set(job.axes)
        return axes_read(config, {key: self.first(key, text) for key, text in job.axes.items()})

    def has_key(self, chosen: Sequence[str], key: str) -> bool:
        """Tell whether a job with these choices has the key."""
        config = self.compose(chosen)
        found: object = OmegaConf.select(
            config, key, default="missing", throw_on_resolution_failure=False, throw_on_missing=False
        )
        if found != "missing":
            return True
        rule = self.rule(tuple(chosen)) if key.startswith("optimizer.") else None
        return rule is not None and key.removeprefix("optimizer.") in {spec.name for spec in fields(rule)}

    def is_number(self, chosen: Sequence[str], key: str) -> bool:
        """Tell whether a key can vary between the lanes of a job with these choices."""
        group, _, name = key.partition(".")
        if group == "schedule":
            return any(name in kind.hyperparameters() for kind in SCHEDULES.values())
        rule = self.rule(tuple(chosen)) if group == "optimizer" and name else None
        return key == "seed" or (rule is not None and name in {*rule.numbers(), *Wrapper.hyperparameters()})

    def rule_of(self, chosen: tuple[str, ...]) -> type[Optimizer] | None:
        """Return the class of the optimizer of a job with these choices; None if they name none.

        Raises:
            ValueError: what they choose does not exist, or is not installed.
        """
        found = OmegaConf.select(self.compose(chosen), "optimizer", throw_on_resolution_failure=False)
        if not isinstance(found, DictConfig):
            return None
        own = {}
        for key in ("name", *(key.removeprefix("optimizer.") for key in choosing())):
            with suppress(OmegaConfBaseException):
                own[key] = found.get(key)
        return (
            class_of({k: v for k, v in own.items() if v is not None}) if own.get("name") in kinds() else None
        )

    def config_of(self, job: Job) -> DictConfig:
        """Return the configuration of a job, in which what Hydra alone can answer is resolved."""
        config = self.compose(job.overrides)
        if not asks_hydra(config):
            return config
        told = job.overrides if asks_for_overrides(config) else self.choices(job.overrides)
        settled = deepcopy(config)
        with hydra_says(self.whole(told)):
            OmegaConf.resolve(settled)
        return settled

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the config of a job with these overrides, without Hydra's own part, not to be changed."""
        return self.latest(tuple(overrides))

    def composed(self, overrides: tuple[str, ...]) -> DictConfig:
        """Return a config made of these overrides.

        Hydra takes a tenth of a second to compose one. It does so once for each choice of
        options; all else is then set in a copy by that part of Hydra that sets it.
        """
        choices = self.choices(overrides)
        config = deepcopy(self.own(choices))
        others = [self.parse(text) for text in overrides if text not in choices]
        try:
            ConfigLoaderImpl._apply_overrides_to_config(others, config)
        except (HydraException, OmegaConfBaseException):  # it does not fit; Hydra says why
            return self.own(overrides)
        return config

    def choices(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """Return those overrides that choose an option of a group: what else is composed hangs on them."""
        keys = {text: self.parse(text).key_or_group for text in overrides}
        return tuple(text for text, key in keys.items() if "/" in key or key in self.groups)

    def composed_by_hydra(self, overrides: tuple[str, ...]) -> DictConfig:
        """Return what Hydra composes of these overrides, its own part included."""
        choices = self.choices(overrides)
        if choices != overrides and is_open(self.own(choices)):
            overrides = tuple(re.sub(r"^(?=optimizer\.)", "++", text) for text in overrides)
        return self.loader.load_sweep_config(self.config, list(overrides))


def choosing() -> tuple[str, ...]:
    """Return the keys on whose values it depends which others an optimizer has."""
    return tuple(sorted({f"optimizer.{cls.chooses}" for cls in kinds().values() if cls.chooses}))


def without_hydra(whole: DictConfig) -> DictConfig:
    """Return a copy of a configuration without Hydra's own part, and of the lists of a grid their names."""
    own = OmegaConf.masked_copy(whole, [str(key) for key in whole if key not in ("hydra", *LISTS)])
    for key in [key for key in LISTS if key in whole]:  # it is copied for every cell, and they are long
        own[key] = {"name": OmegaConf.select(whole, f"{key}.name")}
    OmegaConf.copy_cache(from_config=whole, to_config=own)
    OmegaConf.set_struct(own, True)  # a key that is not there cannot be set
    if is_open(own):
        OmegaConf.set_struct(own.optimizer, False)
    return own


def is_open(config: DictConfig) -> bool:
    """Tell whether a configuration's optimizer has keys that its file does not have."""
    found = config.get("optimizer")
    cls = kinds().get(found.get("name")) if isinstance(found, DictConfig) else None
    return cls is not None and cls.chooses is not None


def overruled(own: Override, typed: Override) -> str:
    """Return the line for a key that an experiment sweeps otherwise than it was typed: that holds."""
    left, held = str(own.input_line), as_typed(str(typed.input_line))
    same = left.lstrip("+") == held.lstrip("+")
    return "" if same else f"{held} was typed; the experiment's {left} is left out"


def bare_key(override: Override) -> str:
    """Return the key of an override, however it is to be set."""
    key = override.get_key_element()
    return key if override.is_delete() else key.lstrip("+")


def without_adapters(override: Override) -> Override:
    """Return an override of which a glob over optimizers means this project's own."""
    value: object = override.value()
    if override.key_or_group != "optimizer" or not isinstance(value, Glob):
        return override
    own: Any = replace(value, exclude=[*value.exclude, *ADAPTERS])
    return replace(override, _value=own)
