"""Commands that are told to end, at any moment, and commands that nobody listens to any more."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import apart, environment, finished, here

from experiments.store import Store

PATIENCE = 60.0
SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
LAUNCHERS = {
    "processes": ("hydra.launcher.workers=2",),
    "basic": ("hydra/launcher=basic",),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
}
LONG = (  # some minutes
    "-m",
    "optimizer=sgd,rmsprop,adagrad,adam",
    "problem=quadratic,rosenbrock",
    "seed=range(0,2000)",
    "optimizer.lr=logspace:1e-4:1:25",
    "steps=2000",
    "jobs=8",
)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="processes are watched in /proc"
)


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is true, while the process runs or after it."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"waited in vain: {process.communicate()}")
        time.sleep(0.005)


def is_deaf(pid: int) -> bool:
    """Tell whether a process blocks SIGINT: a command does so from its first import on."""
    return has_mask(pid, "SigBlk", signal.SIGINT)


def has_mask(pid: int, mask: str, number: signal.Signals) -> bool:
    """Tell whether a signal is in a mask of a process, SigBlk or SigIgn."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [signals] = [line.split()[1] for line in status.splitlines() if line.startswith(mask)]
    return bool(int(signals, 16) >> (number - 1) & 1)


def alive(session: int) -> list[str]:
    """Return the commands of the processes of a session that are not dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            words = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just ended
            continue
        if int(its_session) == session and state != "Z":
            found.append(words)
    return found


def at_the_first_import(folder: Path, process: subprocess.Popen[str]) -> None:
    until(lambda: is_deaf(process.pid), process)


def as_workers_begin_to_import(folder: Path, process: subprocess.Popen[str]) -> None:
    until(lambda: any("forkserver" in words or "loky" in words for words in alive(process.pid)), process)


def when_runs_are_stored(folder: Path, process: subprocess.Popen[str]) -> None:
    until(lambda: any((folder / "results" / "default" / "runs").glob("*.parquet")), process)


def ends_at_once(
    process: subprocess.Popen[str], number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    """Send a signal and assert that the command ends with one line and its exit code, and leaves nobody."""
    began = time.monotonic()
    send(process.pid, number)
    ended = finished(process)
    assert time.monotonic() - began < 10
    lines = [line for line in ended.err.splitlines() if not is_news(line)]
    said = f"error: {SAID[number]}; what is stored stays, and the same command runs what is missing"
    assert (lines, ended.code) == ([said], 128 + number)
    until(lambda: not alive(process.pid), process)


def is_news(line: str) -> bool:
    """Tell whether a line says what is run and how far it has come."""
    return " cells, study " in line or " runs/s, " in line


MOMENTS = {
    "processes": (at_the_first_import, as_workers_begin_to_import, when_runs_are_stored),
    "basic": (at_the_first_import, when_runs_are_stored),
    "joblib": (as_workers_begin_to_import, when_runs_are_stored),
}


@pytest.mark.parametrize(
    ("launcher", "moment"), [(name, moment) for name, moments in MOMENTS.items() for moment in moments]
)
def test_an_interrupt_of_all_processes_is_one_line(
    tmp_path: Path, launcher: str, moment: Callable[[Path, subprocess.Popen[str]], None]
) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    process = begun(tmp_path, "experiments.run", *LONG, *LAUNCHERS[launcher])
    moment(tmp_path, process)
    ends_at_once(process, signal.SIGINT, os.killpg)  # as a terminal does


@pytest.mark.parametrize("number", SAID)
def test_a_compiled_loop_of_hours_ends_with_one_line(tmp_path: Path, number: signal.Signals) -> None:
    programs = tmp_path / "programs"
    arguments = ("problem=quadratic", "engine=jax", "steps=100000000", "record.points=3")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LANES_CACHE", str(programs))
        process = begun(tmp_path, "experiments.run", *arguments)
    until(lambda: any(programs.glob("*.program")), process)  # from there on it runs
    ends_at_once(process, number, os.kill)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "group"])
def test_a_command_that_is_terminated_takes_its_workers_along(
    tmp_path: Path, number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    process = begun(tmp_path, "experiments.run", *LONG, *LAUNCHERS["processes"])
    when_runs_are_stored(tmp_path, process)
    ends_at_once(process, number, send)


def test_what_was_stored_is_sound_and_the_same_command_carries_on(tmp_path: Path) -> None:
    grid = (
        "-m",
        "optimizer=sgd,adam",
        "problem=quadratic,rosenbrock",
        "seed=range(0,2000)",
        "steps=300",
        "jobs=8",
        "hydra.launcher.workers=2",
    )
    process = begun(tmp_path, "experiments.run", *grid)
    when_runs_are_stored(tmp_path, process)
    ends_at_once(process, signal.SIGTERM, os.kill)
    stored = Store(tmp_path / "results" / "default").count()
    assert 0 < stored < 8000
    assert here(tmp_path, "check", "study=default").code == 0
    ended = here(tmp_path, "run", *grid)
    assert f"{8000 - stored:,} runs done, {stored:,} reused" in ended.out


def test_experiments_that_a_command_runs_end_with_it(tmp_path: Path) -> None:
    process = begun(tmp_path, "experiments.reproduce", "claims=[faster]")
    until(lambda: any("+experiment=faster" in words for words in alive(process.pid)), process)
    ends_at_once(process, signal.SIGINT, os.killpg)


def test_a_command_that_nohup_started_heeds_no_hang_up(tmp_path: Path) -> None:
    script = f"trap '' HUP INT; exec {shlex.quote(sys.executable)} -m experiments.run steps=20000 seed=0"
    process = subprocess.Popen(
        ["sh", "-c", script],
        cwd=tmp_path,
        env=os.environ | environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: has_mask(process.pid, "SigIgn", signal.SIGHUP), process)
    os.killpg(process.pid, signal.SIGHUP)
    os.killpg(process.pid, signal.SIGINT)
    assert finished(process).code == 0


def test_to_import_the_library_changes_no_handler() -> None:
    script = (
        "import signal, sys; before = [signal.getsignal(n) for n in (2, 15)], sys.stdout\n"
        "import experiments.store, experiments.run\n"
        "assert ([signal.getsignal(n) for n in (2, 15)], sys.stdout) == before\n"
        "assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])"
    )
    subprocess.run([sys.executable, "-c", script], env=os.environ | environment(), check=True)


@pytest.mark.skipif(not os.environ.get("TEST_SIGNALS"), reason="takes minutes; TEST_SIGNALS=1 runs it")
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_interrupt_at_every_tenth_of_a_second_is_one_line(tmp_path: Path, launcher: str) -> None:
    for tenth in range(1, 61):
        folder = tmp_path / f"{tenth}"
        folder.mkdir()
        process = begun(folder, "experiments.run", *LONG, *LAUNCHERS[launcher])
        at_the_first_import(folder, process)
        time.sleep(tenth / 10)
        ends_at_once(process, signal.SIGINT, os.killpg)


# --- Nobody listens ---

SMALL = ("-m", "optimizer=sgd,adam", "problem=quadratic,rosenbrock", "seed=0,1", "steps=10")


def unheard(folder: Path, name: str, *arguments: str, closed: str = "1") -> tuple[int, str]:
    """Run a command whose output, error or both nobody reads; return its exit code and what it said."""
    reader, writer = os.pipe()
    os.close(reader)
    ends = {
        "1": {"stdout": writer, "stderr": subprocess.PIPE},
        "2": {"stdout": subprocess.PIPE, "stderr": writer},
    }
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", f"experiments.{name}", *arguments],
        cwd=folder,
        env=os.environ | environment(),
        text=True,
        **ends.get(closed, {"stdout": writer, "stderr": writer}),
    )
    os.close(writer)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, f"{out or ''}{err or ''}"


@pytest.mark.parametrize("closed", ["1", "2", "12"])
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_grid_that_nobody_reads_of_is_stored(tmp_path: Path, closed: str, launcher: str) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    code, said = unheard(tmp_path, "run", *SMALL, "jobs=4", *LAUNCHERS[launcher], closed=closed)
    assert code == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert len(Store(tmp_path / "results" / "default").runs()) == 8


def test_the_exit_code_says_that_what_was_asked_for_cannot_be(tmp_path: Path) -> None:
    assert unheard(tmp_path, "run", "optimizer.lr=-1", closed="12")[0] == 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    assert here(folder, "run", *SMALL).code == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("check", "study=default"),
        ("report", "study=default"),
        ("tune", "-m", "optimizer=sgd", "seed=0", "steps=5", "tune.trials=2", "study=tuned"),
        ("run", "--help"),
        ("run", "--cfg", "job"),
        ("run", "-m", "dry_run=true", "seed=0,1"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_no_command_minds_a_reader_that_goes_away(study: Path, words: tuple[str, ...]) -> None:
    code, said = unheard(study, *words)
    assert code == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_streams_that_are_closed_from_the_start_take_nothing_of_the_study(tmp_path: Path) -> None:
    """Else the first file that is opened would be standard output, and be written to."""
    command = shlex.join([sys.executable, "-W", "error", "-m", "experiments.run", *SMALL])
    ended = subprocess.run(
        ["sh", "-c", f"{command} <&- >&- 2>&-"], cwd=tmp_path, env=os.environ | environment(), check=False
    )
    assert ended.returncode == 0
    assert apart(tmp_path, "check", "study=default").code == 0
