"""A composed configuration -> what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments import tuning
from experiments.command_line.configuration import check_settings
from experiments.grid import optimal
from experiments.grid.batch import expanded
from experiments.grid.request import Request
from experiments.request.checks import checked_integer
from experiments.request.product import product_of

MOST_JOBS = 100_000
optimal.known()


def request_from(config: DictConfig, axes: Mapping[str, str]) -> Request:
    """Return what these settings and axes, as the user wrote them, ask for.

    Raises:
        ValueError: it cannot be; the message names the key, the value and what is allowed.
        OmegaConfBaseException: an interpolation that leads nowhere, or a value that is missing.
    """
    check_settings(config, "config")
    if config.jobs is not None:
        checked_integer("jobs", config.jobs, 1, MOST_JOBS)
    settings, levels = settings_of(config), expanded(axes)
    product = product_of(settings, levels)
    if not config.tune.trials:
        return Request(settings, axes, product, None)
    tuning.check_choosing(settings["tune"], product.problem.metric_names)
    held_out = {"seed": [settings["seed"]], **levels}
    search = tuning.checked_search(settings["tune"], settings, held_out)
    tuning.check_free(settings, has_own_defaults="contenders" in config)
    return Request(settings, axes, product, search if search.space else None)


def settings_of(config: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items() if key != "hydra"}
