"""Run one setting, or with -m a grid: config -> lanes -> minimize -> store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments import tuning
from experiments.app import bad_input_ends_here, command, disk_errors_end_here
from experiments.batch import expanded, run_batch
from experiments.configuration import check_settings
from experiments.grid import Launch, Request, run_grid
from experiments.lanes import checked_integer, product_of
from experiments.shards import Batch
from experiments.work import Outcome

MOST_JOBS = 100_000


def run(config: DictConfig) -> Outcome | None:
    """Run one setting, or, as a job of a grid, one batch."""
    if config.batch is not None:
        return run_batch(Batch.from_text(config.batch))
    here = Launch(lambda batches: [run_batch(batch) for batch in batches])
    with disk_errors_end_here():
        run_grid([request_from(config, {})], here)
    return None


def request_from(config: DictConfig, axes: Mapping[str, str]) -> Request:
    """Return what these settings and axes, as the user wrote them, ask for; bad input ends the command."""
    with bad_input_ends_here():
        check_settings(config, "config")
        if config.jobs is not None:
            checked_integer("jobs", config.jobs, 1, MOST_JOBS)
        settings, levels = settings_of(config), expanded(axes)
        product = product_of(settings, levels)
        if not config.tune.trials:
            return Request(settings, axes, product, None)
        tuning.check_choosing(settings["tune"], product.problem.metric_names)
        held_out = {"seed": [settings["seed"]], **levels}
        search = tuning.checked_search(settings["tune"], settings["optimizer"], held_out)
        tuning.check_free(settings["optimizer"])
        return Request(settings, axes, product, search if search.space else None)


def settings_of(config: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items() if key != "hydra"}


main = command("config", run)

if __name__ == "__main__":
    # the sweeper imports this module by its name; run that one, so that there is only one
    from experiments.run import main as only_main

    only_main()
