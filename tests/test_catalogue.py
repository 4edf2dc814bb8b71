"""Which runs are stored is told by the bounds in the files' footers, and never wrongly."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import store as store_module
from experiments.catalogue import Bounds, bounds_in, bounds_of, meeting, settings_of
from experiments.lanes import Cell, cell_of
from experiments.loop import minimize
from experiments.store import Store

SETTINGS: dict[str, Any] = {
    "optimizer": {"name": "rmsprop"},
    "problem": {"name": "rosenbrock"},
    "seed": 0,
    "steps": 2,
    "record": {"points": 2, "params": False},
}
SEEDS = st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True)
RATES = st.lists(st.sampled_from([0.01, 0.02, 0.05, 0.1]), min_size=1, max_size=3, unique=True)
GRIDS = st.builds(
    lambda seeds, rates, steps, beta: cell_of(
        SETTINGS | {"steps": steps, "optimizer": {"name": "rmsprop", "beta": beta}},
        {"seed": seeds, "optimizer.lr": rates},
    ),
    SEEDS,
    RATES,
    st.sampled_from([2, 3]),
    st.sampled_from([0, 0.9]),
)


def cell(**axes: Any) -> Cell:
    return cell_of(SETTINGS, {{"lr": "optimizer.lr"}.get(key, key): values for key, values in axes.items()})


def write(store: Store, some: Cell) -> Path:
    """Store the runs of a cell and return their runs file."""
    before = set((store.folder / "runs").glob("*"))
    store.write(some, minimize(some.problem, some.optimizer, some.seeds, steps=some.steps, points=2), {})
    [file] = set((store.folder / "runs").glob("*")) - before
    return file


@settings(max_examples=30, deadline=None)
@given(st.lists(GRIDS, min_size=1, max_size=4, unique_by=lambda grid: tuple(grid.runs["run"])), GRIDS)
def test_a_run_is_found_in_whatever_files_and_only_if_it_is_there(
    tmp_path_factory: pytest.TempPathFactory, written: list[Cell], asked: Cell
) -> None:
    store = Store(tmp_path_factory.mktemp("study"))
    there: set[str] = set()
    for some in written:
        write(store, some)
        there |= set(some.runs["run"])
        assert store.has(asked).tolist() == [run in there for run in asked.runs["run"]]


def test_only_the_files_that_can_hold_a_run_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write(Store(tmp_path), cell(seed=[first, first + 1], lr=[0.01, 0.1])) for first in (0, 2, 4, 6)]
    read: list[str] = []

    def noted(file: Path) -> Any:
        read.append(file.name)
        return ids_in(file)

    ids_in = store_module.ids_in
    monkeypatch.setattr(store_module, "ids_in", noted)
    store = Store(tmp_path)
    assert store.has(cell(seed=[3, 4], lr=[0.01])).all()
    assert sorted(read) == sorted([files[1].name, files[2].name])
    assert not store.has(cell(seed=[3], lr=[0.2])).any()  # between no bounds
    assert not store.has(cell(seed=[8])).any()
    assert store.has(cell(seed=[3], lr=[0.1])).all()
    assert len(read) == 2  # once


def test_the_ids_of_a_bounded_number_of_files_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_FILES", 2)
    for seed in range(5):
        write(Store(tmp_path), cell(seed=[seed]))
    store = Store(tmp_path)
    assert store.has(cell(seed=range(6))).tolist() == [True] * 5 + [False]
    assert store.ids_in.cache_info().currsize == 2


def test_bounds_in_a_footer_are_those_of_the_runs(tmp_path: Path) -> None:
    some = cell(seed=[7, 3], lr=[0.5, 0.01, 0.02])
    names = settings_of(some.optimizer, some.problem)
    assert set(some.runs) == {"run", "optimizer", "problem", *names}
    found, expected = bounds_in(write(Store(tmp_path), some), names, some.code), bounds_of(some.runs, names)
    ends = dict(zip(names, zip(*expected, strict=True), strict=True))
    assert ends["optimizer.lr"] == (0.01, 0.5)
    assert ends["seed"] == (3, 7)
    assert ends["problem.dim"] == (2, 2)
    assert ends["optimizer.centered"] == (-np.inf, np.inf)  # not a number
    for each in zip(found, expected, strict=True):
        np.testing.assert_array_equal(*each)


@pytest.mark.parametrize("batch_size", [None, 32])
def test_what_is_missing_has_no_bounds(tmp_path: Path, batch_size: int | None) -> None:
    problem = {"name": "logistic", "data": "wine", "batch_size": batch_size}
    some = cell_of(SETTINGS | {"problem": problem}, {"seed": [0, 1]})
    names = settings_of(some.optimizer, some.problem)
    found, expected = bounds_in(write(Store(tmp_path), some), names, some.code), bounds_of(some.runs, names)
    np.testing.assert_array_equal(found, expected)
    at = names.index("problem.batch_size")
    assert found.low[at] == (-np.inf if batch_size is None else 32)


def test_a_file_without_a_column_may_hold_any_run(tmp_path: Path) -> None:
    some = cell(seed=[0])
    file, names = write(Store(tmp_path), some), settings_of(some.optimizer, some.problem)
    pq.write_table(pq.read_table(file).drop_columns(["steps"]), file)
    found = bounds_in(file, names, some.code)
    assert (found.low[names.index("steps")], found.high[names.index("steps")]) == (-np.inf, np.inf)
    assert Store(tmp_path).has(some).all()  # by its id; the check says what is wrong


def test_files_of_other_code_meet_nothing(tmp_path: Path) -> None:
    some = cell(seed=[0])
    file, names = write(Store(tmp_path), some), settings_of(some.optimizer, some.problem)
    for code, expected in ((some.code, [file.name]), ("newer", []), (None, [file.name])):
        assert meeting({file.name: bounds_in(file, names, code)}, bounds_of(some.runs, names)) == expected


@pytest.mark.parametrize(
    ("low", "high", "meets"), [(0, 1, False), (0, 2, True), (3, 3, True), (4.5, 9, False)]
)
def test_intervals_meet_where_they_share_a_point(low: float, high: float, meets: bool) -> None:
    files = {"a": Bounds(np.array([2.0, 0.0]), np.array([4.0, 1.0]))}
    asked = Bounds(np.array([low, 0.5]), np.array([high, 0.5]))
    assert meeting(files, asked) == (["a"] if meets else [])
    elsewhere = Bounds(np.array([low, 1.5]), np.array([high, 2.5]))
    assert meeting(files, elsewhere) == []
    assert meeting({}, asked) == []


def test_damage_is_met_where_its_runs_are_asked_for(tmp_path: Path) -> None:
    files = [write(Store(tmp_path), cell(seed=[seed])) for seed in (0, 1)]
    for file in files:
        content = bytearray(file.read_bytes())
        content[len(content) // 4] ^= 1
        file.write_bytes(content)
    store = Store(tmp_path)
    assert not store.has(cell(seed=[0])).any()
    assert [file.exists() for file in files] == [False, True]
    write(store, cell(seed=[0]))
    assert store.has(cell(seed=[0])).all()  # nothing that was set aside is remembered


def test_every_id_lies_in_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments import audit

    monkeypatch.setattr(audit, "MOST_IDS", 1000)
    ends = list(audit.slices(16_500))
    assert len(ends) == 17
    assert (ends[0][0], ends[-1][1]) == (b"00000000", b"g")
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))
    ids = cell(seed=range(200)).runs["run"].to_numpy().astype(audit.ID)
    held = sum(((ids >= low) & (ids < high)).astype(int) for low, high in ends)
    assert (held == 1).all()
    assert list(audit.slices(0)) == []
