"""What the interpolations of a configuration read: found out by resolving them, whatever their form."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

WATCHED = "lane_sweeper_axis"  # the resolver that stands for an axis while its readers are sought
HYDRA = "${hydra:"
SAME_FOR_ALL = re.compile(r"\$\{hydra:(runtime\.[\w.]+|job\.name)\}")  # whatever the axes are


def unresolved(config: DictConfig) -> dict[str, Any]:
    """Return a configuration with its interpolations as they are written."""
    found = OmegaConf.to_container(config, resolve=False)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def has_interpolations(config: DictConfig) -> bool:
    """Tell whether anything in a configuration is an interpolation."""
    return "${" in f"{unresolved(config)}"


def asks_hydra(config: DictConfig) -> bool:
    """Tell whether an interpolation asks Hydra for its own configuration."""
    return HYDRA in f"{unresolved(config)}"


def asks_for_overrides(config: DictConfig) -> bool:
    """Tell whether an interpolation may ask Hydra for what was typed, axes included."""
    text = f"{unresolved(config)}"
    return text.count(HYDRA) > len(SAME_FOR_ALL.findall(text))


def axes_read(config: DictConfig, axes: Mapping[str, Any]) -> set[str]:
    """Return the keys of those axes, each given with one of its values, that another setting reads."""
    read: set[str] = set()

    def value_of(key: str) -> Any:
        read.add(key)
        return axes[key]

    watched = deepcopy(config)
    OmegaConf.register_new_resolver(WATCHED, value_of)
    try:
        for key in axes:
            OmegaConf.update(watched, key, f"${{{WATCHED}:{key}}}")
        resolve_all(watched, set(axes))
    finally:
        OmegaConf.clear_resolver(WATCHED)
    return read


def resolve_all(node: DictConfig | ListConfig, but: set[str], above: str = "") -> None:
    """Resolve every interpolation in ``node`` but those of these keys; errors are for others to tell."""
    names: Any = list(node) if isinstance(node, DictConfig) else range(len(node))
    for name in names:
        key = f"{above}{name}"
        if key in but or OmegaConf.is_missing(node, name):
            continue
        with suppress(OmegaConfBaseException):
            reads = OmegaConf.is_interpolation(node, name)
            value = node[name]
            if reads and OmegaConf.is_config(value):
                OmegaConf.to_container(value, resolve=True)
            elif isinstance(value, DictConfig | ListConfig):
                resolve_all(value, but, f"{key}.")


@contextmanager
def hydra_says(whole: DictConfig) -> Iterator[None]:
    """Let interpolations that ask Hydra see this configuration, as in a job that has it."""
    hydra, before = HydraConfig.instance(), HydraConfig.instance().cfg
    with read_write(whole.hydra.runtime), open_dict(whole.hydra.runtime):
        whole.hydra.runtime.output_dir = os.path.abspath(whole.hydra.run.dir)
    hydra.set_config(whole)
    try:
        yield
    finally:
        hydra.cfg = before
