"""Several processes, as on several machines, that write to one study at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command_line import apart, here
from studies import STUDY, same_numbers

from experiments.grid.worker import traced
from experiments.request.product import cell_of
from experiments.store import Store
from experiments.store.audit import audit

SHORT = ("-m", "steps=20", "record.points=5", "optimizer=sgd,adam", "problem=rosenbrock", "jobs=1")
WHOLE = (*SHORT, "seed=range(0,40)")
OVERLAPPING = (*SHORT, "seed=range(20,60)")
LARGER = (*SHORT, "seed=range(0,60)")
RUNS = 120


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study that one process leaves which runs everything alone."""
    folder = tmp_path_factory.mktemp("reference")
    assert here(folder, "run", *LARGER).code == 0
    return folder / STUDY


def test_the_same_and_overlapping_grids_at_once_leave_each_run_once(tmp_path: Path, reference: Path) -> None:
    with ThreadPoolExecutor() as together:
        ended = list(together.map(lambda grid: apart(tmp_path, "run", *grid), [WHOLE, WHOLE, OVERLAPPING]))
    assert [(end.code, end.err.count("\n")) for end in ended] == [(0, 1)] * 3  # the opening line
    store = Store(tmp_path / STUDY)
    assert len(store.runs()) == RUNS
    assert store.runs()["run"].is_unique
    assert not store.history().duplicated(["run", "step"]).any()
    same_numbers(store.folder, reference)
    assert audit(store).faults == ()  # copies are equal
    again = here(tmp_path, "run", *LARGER)
    assert again.out.splitlines()[-1] == "0 runs done, 120 reused; stored in results/default"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    settings = {
        "optimizer": {"name": "sgd"},
        "problem": {"name": "rosenbrock"},
        "seed": 0,
        "steps": 5,
        "record": {"points": 3, "params": False},
    }
    cell = cell_of(settings, {"seed": list(range(100))})
    trace = traced(cell)
    done = threading.Event()

    def write(part: int) -> None:
        for _ in range(10):
            Store(tmp_path).write(cell, trace, {"host": f"{part}"})

    def read() -> list[int]:
        seen = []
        while not done.is_set():
            seen.append((len(Store(tmp_path).runs()), len(Store(tmp_path).history())))
        return [runs for runs, steps in seen if steps == 3 * runs]

    with ThreadPoolExecutor() as together:
        reader = together.submit(read)
        list(together.map(write, range(3)))
        done.set()
        seen = reader.result()
    assert set(seen) <= {0, 100}
    assert seen
    assert audit(Store(tmp_path)).faults == ()
