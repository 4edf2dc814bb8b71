"""The same grid under every launcher and both engines leaves the same study, to the last bit."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import Ended, apart, files, finished, here, start
from studies import STUDY, rows_on_disk, same_numbers

from experiments.store import Store
from experiments.store.audit import audit

GRID = (
    "-m",
    *("steps=20", "record.points=5", "optimizer=sgd", "problem=rosenbrock,quadratic", "engine=numpy,jax"),
    "seed=range(0,60)",
)
LAST = "240 runs done, 0 reused; stored in results/default"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study that one process leaves which runs one job after another."""
    folder = tmp_path_factory.mktemp("reference")
    ended = here(folder, "run", *GRID, "hydra/launcher=basic")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, LAST)
    return folder / STUDY


def launched(folder: Path, launcher: str, *arguments: str) -> Ended:
    """Run the grid in three jobs."""
    return apart(folder, "run", *GRID, "jobs=3", f"hydra/launcher={launcher}", *arguments)


def is_the_same(folder: Path, reference: Path, ended: Ended) -> None:
    assert (ended.code, ended.out.splitlines()[-1]) == (0, LAST)
    assert "Traceback" not in ended.err
    assert len(files(folder / STUDY / "runs")) > 2  # cells, of which one is cut
    assert audit(Store(folder / STUDY)).faults == ()
    same_numbers(folder / STUDY, reference)


def test_processes(tmp_path: Path, reference: Path) -> None:
    is_the_same(tmp_path, reference, launched(tmp_path, "processes", "hydra.launcher.workers=2"))


def test_joblib(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "joblib", "hydra.launcher.n_jobs=2"))


def test_submitit_on_this_machine(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "submitit_local"))


@pytest.mark.skipif(
    not os.environ.get("TEST_SLURM"), reason="TEST_SLURM=1 submits to the Slurm that is there"
)
def test_slurm(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "submitit_slurm"))


# --- Ray: the command starts a cluster on this machine and stops it ---


def test_ray(tmp_path: Path, reference: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    is_the_same(tmp_path, reference, launched(tmp_path, "ray", "+hydra.launcher.ray.init.num_cpus=2"))


def test_the_death_of_a_worker_of_ray_costs_nothing(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    grid = ("-m", "steps=1000", "record.points=5", "problem=rosenbrock", "seed=range(0,20000)", "jobs=4")
    (tmp_path / "alone").mkdir()
    assert here(tmp_path / "alone", "run", *grid, "hydra/launcher=basic").code == 0
    process = start(tmp_path, "run", *grid, "hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2")
    killed = first_worker_of_ray(process)
    os.kill(killed, signal.SIGKILL)
    ended = finished(process)
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert rows_on_disk(tmp_path / STUDY) == 20000
    same_numbers(tmp_path / STUDY, tmp_path / "alone" / STUDY)


def first_worker_of_ray(process: subprocess.Popen[str]) -> int:
    """Return the first process that runs a job of a grid, as soon as it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for name in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if name.read_bytes().startswith(b"ray::_run_job") and process.pid in ancestors(name.parent):
                    return int(name.parent.name)
        time.sleep(0.01)
    process.kill()
    return pytest.fail(f"no job was run: {finished(process)}")


def ancestors(entry: Path) -> Iterator[int]:
    """Yield the parent of a process of /proc, its parent and so on."""
    while entry.name != "0":
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        entry = entry.with_name(parent)
        yield int(parent)
