"""Which runs are stored is told by the bounds in the files' footers, and never wrongly."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import here
from hypothesis import given, settings
from hypothesis import strategies as st
from studies import STUDY

from experiments.engine.backend import BACKEND
from experiments.engine.minimize import minimize
from experiments.grid import batch
from experiments.request.cell import Cell
from experiments.request.product import cell_of
from experiments.store import Store
from experiments.store import store as store_module
from experiments.store.catalogue import Bounds, Catalogue, bounds_in, bounds_of, settings_of

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


def by_code(code: str) -> Callable[[Mapping[str, str]], bool]:
    """Return what tells whether a file is of that code."""
    return lambda told: told["code"] == code


def test_bounds_in_a_footer_are_those_of_the_runs(tmp_path: Path) -> None:
    some = cell(seed=[7, 3], lr=[0.5, 0.01, 0.02])
    names = settings_of(some.optimizer, some.problem)
    rates = {key for key in some.runs if f"{key}".startswith("schedule")}
    assert set(some.runs) == {"run", "optimizer", "problem", *BACKEND, *rates, *names}
    found, expected = (
        bounds_in(write(Store(tmp_path), some), names, by_code(some.code)),
        bounds_of(some.runs, names),
    )
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
    found, expected = (
        bounds_in(write(Store(tmp_path), some), names, by_code(some.code)),
        bounds_of(some.runs, names),
    )
    np.testing.assert_array_equal(found, expected)
    at = names.index("problem.batch_size")
    assert found.low[at] == (-np.inf if batch_size is None else 32)


def test_a_file_without_a_column_may_hold_any_run(tmp_path: Path) -> None:
    some = cell(seed=[0])
    file, names = write(Store(tmp_path), some), settings_of(some.optimizer, some.problem)
    pq.write_table(pq.read_table(file).drop_columns(["steps"]), file)
    found = bounds_in(file, names, by_code(some.code))
    assert (found.low[names.index("steps")], found.high[names.index("steps")]) == (-np.inf, np.inf)
    assert Store(tmp_path).has(some).all()  # by its id; the check says what is wrong


def test_files_of_other_code_meet_nothing(tmp_path: Path) -> None:
    some = cell(seed=[0])
    file, names = write(Store(tmp_path), some), settings_of(some.optimizer, some.problem)
    for is_current, expected in (
        (by_code(some.code), [file.name]),
        (by_code("newer"), []),
        (None, [file.name]),
    ):
        catalogue = Catalogue(names)
        catalogue.add(file.name, bounds_in(file, names, is_current))
        assert catalogue.meeting(bounds_of(some.runs, names)) == expected


@pytest.mark.parametrize(
    ("low", "high", "meets"), [(0, 1, False), (0, 2, True), (3, 3, True), (4.5, 9, False)]
)
def test_intervals_meet_where_they_share_a_point(low: float, high: float, meets: bool) -> None:
    catalogue = Catalogue(["x", "y"])
    asked = Bounds(np.array([low, 0.5]), np.array([high, 0.5]))
    assert catalogue.meeting(asked) == []
    catalogue.add("a", Bounds(np.array([2.0, 0.0]), np.array([4.0, 1.0])))
    assert catalogue.meeting(asked) == (["a"] if meets else [])
    assert catalogue.meeting(Bounds(np.array([low, 1.5]), np.array([high, 2.5]))) == []


def test_a_catalogue_grows_and_shrinks() -> None:
    catalogue = Catalogue(["x"])
    for i in range(300):
        catalogue.add(f"{i}", Bounds(np.array([i]), np.array([i + 1])))
        if i == 200:
            catalogue.drop({f"{j}" for j in range(0, 200, 2)})
    assert catalogue.meeting(Bounds(np.array([99.5]), np.array([101]))) == ["99", "101"]
    assert catalogue.meeting(Bounds(np.array([299.5]), np.array([np.inf]))) == ["299"]
    catalogue.drop(set(catalogue.names))
    assert catalogue.meeting(Bounds(np.array([0]), np.array([300]))) == []
    catalogue.add("again", Bounds(np.array([0]), np.array([0])))
    assert catalogue.meeting(Bounds(np.array([0]), np.array([300]))) == ["again"]


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


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are looked at, each time that they are."""
    found: list[Path] = []
    names_in = store_module.names_in

    def noted(folder: Path) -> list[str]:
        found.append(folder)
        return names_in(folder)

    monkeypatch.setattr(store_module, "names_in", noted)
    return found


def test_many_cells_are_looked_for_at_once(tmp_path: Path, looks: list[Path]) -> None:
    store = Store(tmp_path)
    write(Store(tmp_path), cell(seed=[0]))
    with store.looking_once():
        assert store.has(cell(seed=[0])).all()
        write(Store(tmp_path), cell(seed=[1]))  # by another process: at worst it is run once more
        for seed in (2, 3):
            assert not store.has(cell(seed=[seed])).any()
            write(store, cell(seed=[seed]))  # by this one: never
            assert store.has(cell(seed=[seed])).all()
    assert len(looks) == 1
    assert store.has(cell(seed=range(5))).tolist() == [True] * 4 + [False]
    assert len(looks) == 2


def test_nothing_that_was_set_aside_is_remembered_between_looks(tmp_path: Path) -> None:
    some = cell(seed=[0])
    file = write(Store(tmp_path), some)
    content = bytearray(file.read_bytes())
    content[len(content) // 4] ^= 1
    file.write_bytes(content)
    store = Store(tmp_path)
    with store.looking_once():
        assert not store.has(some).any()
        assert write(store, some) == file
        assert store.has(some).all()
        assert [found.name for found in store.files_meeting(some.optimizer, some.problem, some.runs)] == [
            file.name
        ]


CELLS = ("-m", "problem=quadratic_bowl", "steps=3", "record.points=2", "jobs=1")


@pytest.mark.parametrize("command", ["run", "tune", "run dry_run=true"])
def test_a_grid_looks_at_its_folder_as_often_whatever_its_cells(
    tmp_path: Path, looks: list[Path], command: str
) -> None:
    name, *more = command.split()
    more += ["tune.trials=2", "tune.budgets=[1]"] if name == "tune" else []
    counts = []
    for conditions in ("2,3", "4,5,6,7,8,9", "4,5,6,7,8,9"):  # new, new, and all stored
        looks.clear()
        assert here(tmp_path, name, *CELLS, f"problem.condition={conditions}", *more).code == 0
        counts.append(len([folder for folder in looks if folder.name == "runs"]))
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_footer_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    read: list[Path] = []
    for name in ("footer_of", "bounds_in"):
        function = getattr(store_module, name)

        def noted(file: Path, *rest: Any, function: Any = function) -> Any:
            read.append(file)
            return function(file, *rest)

        monkeypatch.setattr(store_module, name, noted)
    grid = (*CELLS, "problem.condition=2,3,4", "seed=0,1")
    assert here(tmp_path, "run", *grid).code == 0
    read.clear()
    batch.store_at.cache_clear()
    assert here(tmp_path, command, *(grid if command == "run" else ["study=default"])).code == 0
    stores = 2 if command == "run" else 1  # the worker's and that of the closing table
    found = Counter(path.name for path in read if path.parent.name == "runs")
    assert found == dict.fromkeys(store_module.names_in(tmp_path / STUDY / "runs"), stores)


def test_every_id_lies_in_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.store import audit

    monkeypatch.setattr(audit, "MOST_IDS", 1000)
    ends = list(audit.slices(16_500))
    assert len(ends) == 17
    assert (ends[0][0], ends[-1][1]) == (b"00000000", b"g")
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))
    ids = cell(seed=range(200)).runs["run"].to_numpy().astype(audit.ID)
    held = sum(((ids >= low) & (ids < high)).astype(int) for low, high in ends)
    assert (held == 1).all()
    assert list(audit.slices(0)) == []
