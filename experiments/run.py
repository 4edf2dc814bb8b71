"""Run one setting, or with -m a grid of them, and store every run once."""

from __future__ import annotations

from omegaconf import DictConfig

from experiments.command_line.closing import tell
from experiments.command_line.command import TYPED, bad_input_ends_here, command, disk_errors_end_here
from experiments.grid.batch import run_batch
from experiments.grid.composed import request_from
from experiments.grid.running import Launch, run_grid
from experiments.grid.shards import Batch
from experiments.grid.worker import Outcome


def run(config: DictConfig) -> Outcome | None:
    """Run one setting, or, as a job of a grid, one batch."""
    if config.batch is not None:
        return run_batch(Batch.from_text(config.batch))
    here = Launch(lambda batches: [run_batch(batch) for batch in batches])
    with bad_input_ends_here():
        request = request_from(config, {})
    with disk_errors_end_here():
        tell(run_grid([request], here, TYPED.get()))
    return None


main = command("config", run)

if __name__ == "__main__":
    # what worker processes are handed belongs to this module by its name; run that one
    from experiments.run import main as only_main

    only_main()
