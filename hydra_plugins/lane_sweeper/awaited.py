"""Submitit's launcher waits for one job after another, and no longer once one has died: here for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.utils import JobReturn, JobStatus


class Awaited:
    """A job of Submitit that returns its exception where Submitit's own raises it."""

    def __init__(self, job: Any) -> None:
        self.job = job

    def results(self) -> list[JobReturn]:
        """Wait for the end of the job and return how it ended, in a list as Submitit does."""
        try:
            returned: list[JobReturn] = self.job.results()
        except Exception as error:
            returned = [JobReturn(status=JobStatus.FAILED, _return_value=error)]
        return returned


@contextmanager
def every_job_awaited() -> Iterator[None]:
    """Let the jobs that are handed to Submitit inside be ``Awaited``."""
    from submitit.core.core import Executor

    executor: Any = Executor
    submit = executor.map_array

    def map_array(self: Any, *arguments: Any) -> list[Awaited]:
        return [Awaited(job) for job in submit(self, *arguments)]

    executor.map_array = map_array
    try:
        yield
    finally:
        executor.map_array = submit
