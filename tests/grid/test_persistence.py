"""Batches whose worker died, under launchers that give up or tell of it: once more, and no longer."""

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from experiments.grid.batch import marker
from experiments.grid.persistence import End, Persistence
from experiments.grid.pool import WorkerDied
from experiments.grid.shards import Batch, Shard
from experiments.grid.worker import Outcome

RUNS = 10  # of a batch


class UncompletedJobError(RuntimeError):
    """What Submitit raises for a job that was killed."""


class FailedJobError(UncompletedJobError):
    """What Submitit raises for a job that raised."""


def batches(count: int, folder: Path, fail_fast: bool = False) -> list[Batch]:
    return [
        Batch(f"{folder}", "", "", "grid", fail_fast, (Shard({}, {}, {}, RUNS * i, RUNS * (i + 1)),))
        for i in range(count)
    ]


def number(batch: Batch) -> int:
    return batch.shards[0].first // RUNS


class Launcher:
    """A launcher that runs batches in order, and loses workers.

    Args:
        deaths: how often each batch kills its worker.
        tells: whether a death is told of as the end of its batch; else it ends all.
    """

    def __init__(self, deaths: dict[int, int], tells: bool = False) -> None:
        self.deaths = dict(deaths)
        self.tells = tells
        self.stored: list[int] = []
        self.launches: list[list[int]] = []

    def launch(self, given: Sequence[Batch]) -> list[Any]:
        self.launches.append([number(batch) for batch in given])
        return [self.end(number(batch)) for batch in given]

    def end(self, batch: int) -> Any:
        if self.deaths.get(batch, 0):
            self.deaths[batch] -= 1
            if self.tells:
                return UncompletedJobError(f"{batch}")
            raise BrokenProcessPool("killed")
        if batch in self.stored:
            return Outcome(reused=RUNS)
        self.stored.append(batch)
        return Outcome(ran=RUNS)

    def run(self, given: Sequence[Batch]) -> list[End]:
        return Persistence(self.launch, lambda: RUNS * len(self.stored)).run(given)


ALL = Outcome(ran=RUNS)


@pytest.mark.parametrize("tells", [False, True], ids=["gives up", "tells"])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_death_costs_nothing_and_no_run_is_run_or_counted_twice(
    count: int, tells: bool, tmp_path: Path
) -> None:
    for killer in range(count):
        launcher = Launcher({killer: 1}, tells)
        assert launcher.run(batches(count, tmp_path)) == [ALL] * count
        assert sorted(launcher.stored) == list(range(count))


@pytest.mark.parametrize("tells", [False, True], ids=["gives up", "tells"])
@pytest.mark.parametrize("killers", [{0}, {4}, {1, 2}, {0, 3, 4}, {0, 1, 2, 3, 4}])
def test_what_kills_every_time_is_given_up_and_no_other(
    killers: set[int], tells: bool, tmp_path: Path
) -> None:
    launcher = Launcher(dict.fromkeys(killers, 100), tells)
    ends = launcher.run(batches(5, tmp_path))
    assert {i for i, end in enumerate(ends) if isinstance(end, WorkerDied)} == killers
    assert [end for end in ends if not isinstance(end, WorkerDied)] == [ALL] * (5 - len(killers))


@pytest.mark.parametrize("tells", [False, True], ids=["gives up", "tells"])
def test_a_job_alone_is_launched_twice(tells: bool, tmp_path: Path) -> None:
    launcher = Launcher({0: 100}, tells)
    [end] = launcher.run(batches(1, tmp_path))
    assert isinstance(end, WorkerDied)
    assert launcher.launches == [[0], [0]]


def test_a_job_that_is_known_to_have_died_is_launched_again_without_the_others(tmp_path: Path) -> None:
    launcher = Launcher({1: 1, 3: 1}, tells=True)
    assert launcher.run(batches(4, tmp_path)) == [ALL] * 4
    assert launcher.launches == [[0, 1, 2, 3], [1, 3]]


def test_what_was_stored_before_counts_as_reused_also_after_a_death(tmp_path: Path) -> None:
    launcher = Launcher({2: 1})
    launcher.stored = [0, 3]
    ends = [end for end in launcher.run(batches(4, tmp_path)) if isinstance(end, Outcome)]
    assert (sum(end.ran for end in ends), sum(end.reused for end in ends)) == (2 * RUNS, 2 * RUNS)


@pytest.mark.parametrize("error", [RuntimeError("no such partition"), FailedJobError("it raised")], ids=repr)
def test_what_is_no_death_is_not_launched_again(error: Exception, tmp_path: Path) -> None:
    calls = []

    def launch(given: Sequence[Batch]) -> list[Any]:
        calls.append(given)
        raise error

    assert Persistence(launch, lambda: 0).run(batches(3, tmp_path)) == [error] * 3
    assert len(calls) == 1


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_job_that_is_given_up_stops_a_grid_that_is_to_stop_at_a_failure(
    fail_fast: bool, tmp_path: Path
) -> None:
    given = batches(2, tmp_path, fail_fast)
    Launcher({0: 100}).run(given)
    assert marker(given[0]).exists() == fail_fast


# --- Submitit ---


class Job:
    """A job of Submitit that returns, or raises what Submitit raises for one that was killed."""

    def __init__(self, end: Callable[[], list[str]]) -> None:
        self.results = end


def test_every_job_of_submitit_is_awaited_though_one_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("submitit.core.core")
    utils = pytest.importorskip("submitit.core.utils")
    from hydra_plugins.lane_sweeper.awaited import every_job_awaited

    death = utils.UncompletedJobError("killed")

    def killed() -> list[str]:
        raise death

    monkeypatch.setattr(core.Executor, "map_array", lambda self, ends: [Job(end) for end in ends])
    submit = core.Executor.map_array
    with every_job_awaited():
        first, second = core.Executor.map_array(None, [killed, lambda: ["returned"]])
        assert first.results()[0]._return_value is death
        assert second.results() == ["returned"]
    assert core.Executor.map_array is submit
