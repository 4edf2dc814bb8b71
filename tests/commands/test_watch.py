"""A study that is watched while it grows: what is told of it, and its page."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, Ended, files, finished, here, start
from drawn import without_rendering
from omegaconf import OmegaConf
from passing import MIDNIGHT, Passing
from rich.console import Console
from studies import DAMAGE, rewritten, unchanged

from experiments import watch
from experiments.command_line.growth import Told
from experiments.figures.parts import Part, Text
from experiments.grid.failures import FAILURES, Failure, write_failures
from experiments.store import Store
from experiments.tables import MEASURES
from experiments.watch import asked_for, follow
from experiments.watching import reading
from experiments.wording import counted

GRID = (
    *("-m", "optimizer=sgd,adam", "problem=quadratic,rosenbrock", "optimizer.lr=0.01,0.1"),
    *("seed=0,1,2", "steps=10", "record.points=4", "engine=numpy", "jobs=1", "study=whole"),
)
EACH = 6  # runs of a piece
STUDY = Path("results/grown")
PATIENCE = 60.0  # seconds
DEFAULTS = OmegaConf.load(ROOT / "conf" / "watch.yaml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which four pieces of a study were made, and one of which all runs diverged."""
    folder = tmp_path_factory.mktemp("whole")
    assert here(folder, "run", *GRID).code == 0
    lost = ("run", "-m", "optimizer=sgd", "optimizer.lr=1e9", "steps=60", "seed=0,1", "study=lost")
    assert here(folder, *lost).code == 0
    return folder


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, but their files are left empty."""
    without_rendering(monkeypatch)


class Growing:
    """A study that gets the pieces of another, one after another, as a run would write them."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self.source = whole / "results" / "whole"
        self.folder = folder / STUDY
        self.names = sorted(file.name for file in (self.source / "runs").iterdir())

    def piece(self, number: int, at: float = 0.0) -> Path:
        """Write a piece, and return its runs file; ``at`` is the time of it."""
        for kind in ("history", "runs"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            to = self.folder / kind / self.names[number]
            shutil.copyfile(self.source / kind / to.name, to.with_suffix(".tmp"))
            os.utime(to.with_suffix(".tmp"), (MIDNIGHT + at, MIDNIGHT + at))
            os.replace(to.with_suffix(".tmp"), to)
        return to


@pytest.fixture
def growing(whole: Path, tmp_path: Path) -> Growing:
    return Growing(whole, tmp_path)


def watched(
    folder: Path, events: Sequence[Callable[[], object]] = (), terminal: bool = False, **keys: Any
) -> Ended:
    """Watch the study as the command does, its time passing by itself; at each sleep the next event."""
    config = OmegaConf.merge(DEFAULTS, {"study": STUDY.name, "until_quiet": 20, **keys})
    out, err, code = StringIO(), StringIO(), 0
    console = Console(file=out, width=200, height=60, force_terminal=terminal, color_system=None)
    with chdir(folder), redirect_stderr(err):
        try:
            follow(asked_for(config), Passing(events).clock, console)
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def lines(ended: Ended) -> list[str]:
    """Return the lines that were printed at looks, without their times."""
    assert (ended.code, ended.err) == (0, "")
    return [line[9:] for line in ended.out.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]


def nothing() -> None:
    """Let nothing happen."""


# --- What is told ---


def test_a_study_that_grows_has_a_line_for_each_growth_and_all_at_the_end(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = reading.read, list[Path]()
    monkeypatch.setattr(watch, "read", lambda folder: reads.append(folder) or read(folder))
    growing.piece(0)
    events = [
        nothing,
        lambda: growing.piece(1, 10),
        nothing,
        lambda: [growing.piece(2, 10), growing.piece(3, 10)],
    ]
    ended = watched(tmp_path, events)
    first, second, third = lines(ended)
    of = "2 settings of 1 optimizer on 1 problem, 3 seeds; 1 alarm"
    assert first == f"{STUDY}: 6 runs in 1 file; {of}; last change 0 s ago"
    of = "2 settings of 1 optimizer on 2 problems, 3 seeds; 1 alarm"
    assert second == f"{STUDY}: 12 runs in 2 files; {of}; +6; last change 0 s ago"
    of = "4 settings of 2 optimizers on 2 problems, 3 seeds; 25.0% diverged; 3 alarms"
    assert third == f"{STUDY}: 24 runs in 4 files; {of}; +12; last change 10 s ago"
    assert len(reads) == 3  # nothing is read where nothing has changed
    table = ended.out.split(third)[1]
    assert "last change 30 s ago" in table
    assert re.search(r"tried +┃ seeds +┃ runs", table)
    assert len(re.findall(r"│ +2 │ +3 │ +6 │", table)) == 4


def test_a_study_that_is_not_there_is_waited_for_in_one_line(growing: Growing, tmp_path: Path) -> None:
    ended = watched(tmp_path, [nothing] * 9 + [lambda: growing.piece(0)])
    first, second = lines(ended)
    assert first == f"{STUDY}: there is no such study yet; waiting for it"
    assert second.startswith(f"{STUDY}: 6 runs in 1 file; ")


def test_an_empty_study_is_waited_for(growing: Growing, tmp_path: Path) -> None:
    (tmp_path / STUDY).mkdir(parents=True)
    first, _ = lines(watched(tmp_path, [nothing] * 9 + [lambda: growing.piece(0)]))
    assert first == f"{STUDY}: no runs yet"
    shutil.rmtree(tmp_path / STUDY / "runs")
    ended = watched(tmp_path, once=True)
    assert (ended.code, ended.out, ended.err) == (0, f"{STUDY}: no runs yet\n", "")


def test_a_study_that_is_removed_is_waited_for(growing: Growing, tmp_path: Path) -> None:
    growing.piece(0)
    said = lines(watched(tmp_path, [lambda: shutil.rmtree(tmp_path / STUDY), lambda: growing.piece(1)]))
    assert [line.partition(";")[0] for line in said] == [
        f"{STUDY}: 6 runs in 1 file",
        f"{STUDY}: there is no such study yet",
        f"{STUDY}: 6 runs in 1 file",
    ]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_piece_is_named_and_left_where_it_is(growing: Growing, tmp_path: Path, damage: str) -> None:
    growing.piece(0)
    bad = growing.piece(1)
    DAMAGE[damage](bad)
    content = bad.read_bytes()
    ended = watched(tmp_path, once=True)
    assert (ended.code, ended.err) == (0, "")
    assert f"{STUDY}: 6 runs in 1 file; " in ended.out
    assert f"left out: {STUDY}/runs/{bad.name} cannot be read (" in ended.out
    assert bad.read_bytes() == content


def test_a_piece_that_is_made_good_comes_back(growing: Growing, tmp_path: Path) -> None:
    DAMAGE["cut short"](growing.piece(0))
    said = lines(watched(tmp_path, [lambda: growing.piece(0)]))
    assert said[0].startswith(f"{STUDY}: no runs yet; ")
    assert said[1].startswith(f"left out: {STUDY}/runs/")
    assert said[2].startswith(f"{STUDY}: 6 runs in 1 file; ")
    assert len(said) == 3


def test_files_that_go_while_they_are_read_are_read_at_the_next_look(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing.piece(0)
    gone = growing.piece(1)
    taken = reading.taken

    def slow(store: Store, faults: Any) -> reading.Seen:
        if gone.exists():
            store.files("runs", outdated=False)
            gone.unlink()
        return taken(store, faults)

    monkeypatch.setattr(reading, "taken", slow)
    said = lines(watched(tmp_path))
    assert [line.partition(";")[0] for line in said] == [f"{STUDY}: 6 runs in 1 file"] * 2
    assert not any("left out" in line for line in said)


def test_where_all_runs_diverged_no_best_setting_is_named(whole: Path) -> None:
    ended = watched(whole, study="lost", once=True)
    assert (ended.code, ended.err) == (0, "")
    first = ended.out.splitlines()[0]
    of = "1 setting of 1 optimizer on 1 problem, 2 seeds; 100.0% diverged; 1 alarm"
    assert first == f"results/lost: 2 runs in 1 file; {of}"
    assert "all diverged" in ended.out
    assert "alarm: sgd: has no best setting on 1 of 1 problem " in ended.out


def test_failures_are_told_until_their_runs_are_stored(growing: Growing, tmp_path: Path) -> None:
    file = growing.piece(0)
    runs = tuple(Store(growing.folder).runs()["run"].astype(str))
    settings = {"optimizer.lr": 0.1}
    known = [
        Failure("ValueError", "it was too much", ("File x",), "adam", "mlp", ids, len(ids), settings)
        for ids in (("a", "b"), ("b", "c"), runs[:2], (runs[2], "d"))
    ]
    died = Failure("WorkerDied", "killed", (), "sgd", "mlp", (), 7, settings)
    write_failures(growing.folder, [*known, died], "")
    with open(growing.folder / FAILURES, "a") as listed:
        listed.write('{"kind": 3}\n{"kind": "Val')
    ended = watched(tmp_path, once=True)
    assert "; 11 failed" in ended.out
    assert "failed: 4 runs of adam on mlp failed with ValueError: it was too much\n" in ended.out
    assert "failed: 7 runs of sgd on mlp failed with WorkerDied: killed\n" in ended.out
    assert "left out: 1 line of the list of failures that cannot be read\n" in ended.out
    file.unlink()
    assert "7 runs of adam on mlp failed with" in watched(tmp_path, once=True).out


def test_runs_of_older_code_are_counted(growing: Growing, tmp_path: Path) -> None:
    growing.piece(0)
    rewritten(growing.folder, unchanged, code="0" * 16)
    growing.piece(1)
    out = watched(tmp_path, once=True).out
    assert f"{STUDY}: 6 runs in 1 file; " in out
    assert "left out: 6 runs of older code\n" in out


def test_of_a_study_that_is_too_large_some_seeds_are_shown(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        growing.piece(number)
    monkeypatch.setattr(reading, "MOST_READ", 8)
    out = watched(tmp_path, once=True).out
    assert f"{STUDY}: 24 runs in 4 files; 4 settings of 2 optimizers on 2 problems, 1 seed" in out
    assert "left out: 16 of 24 runs, more than fit into memory\n" in out
    monkeypatch.setattr(reading, "MOST_READ", 7)
    out = watched(tmp_path, once=True).out
    assert f"{STUDY}: 24 runs in 4 files\n" in out
    assert "left out: all runs from the table, study=grown: " in out


def test_a_measure_that_no_run_has_yet_is_waited_for(growing: Growing, tmp_path: Path) -> None:
    rosenbrock = next(n for n, name in enumerate(growing.names) if "rosenbrock" in name)
    quadratic = next(n for n, name in enumerate(growing.names) if "quadratic" in name)
    growing.piece(rosenbrock)
    assert "no best settings yet: measure must be one of " in watched(tmp_path, once=True, measure="mse").out
    growing.piece(quadratic)
    out = watched(tmp_path, once=True, measure="mse").out
    assert "no best settings yet" not in out
    assert re.search(r"rosenbrock: .*, 6 runs are not compared\n", out)


def test_a_study_is_left_as_it_is(growing: Growing, tmp_path: Path) -> None:
    growing.piece(0)
    DAMAGE["empty"](growing.piece(1))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    watched(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_on_a_terminal_it_is_one_picture_that_stays(growing: Growing, tmp_path: Path) -> None:
    ended = watched(tmp_path, [lambda: growing.piece(0), lambda: growing.piece(1)], terminal=True)
    assert (ended.code, ended.err) == (0, "")
    pictures = re.split(r"\x1b\[1A", ended.out)
    assert "there is no such study yet" in pictures[0]
    assert "waiting for it" in pictures[0]
    assert "12 runs in 2 files" in pictures[-1]
    assert "last change" in pictures[-1]
    assert pictures[-1].count("rosenbrock") + pictures[-1].count("quadratic") >= 2
    assert ended.out.endswith("\x1b[?25h")  # the cursor is shown again


# --- What cannot be ---


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("every=0", "every must be a number in [1, inf), got 0"),
        ("every=true", "every must be a number in [1, inf), got True"),
        ("every=null", "every must be a number in [1, inf), got None"),
        ("until_quiet=0.5", "until_quiet must be a number in [1, inf), got 0.5"),
        ("until_quiet=soon", "until_quiet must be a number in [1, inf), got 'soon'"),
        ("factor=nan", "factor must be a number in [1, inf), got nan"),
        ("once=2", "once must be true or false, got 2"),
        ("page=yes please", "page must be true or false, got 'yes please'"),
        ("measure=lose", f"measure must be one of {', '.join(MEASURES)}, got 'lose'"),
        ("study=default", "study=default: there is no such study in results"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, word: str, line: str) -> None:
    words = dict(each.split("=") for each in ("once=true", word))
    ended = here(tmp_path, "watch", *map("=".join, words.items()))
    assert (ended.code, ended.out, ended.err) == (2, "", f"error: {line}\n")


# --- Its page ---


def report(folder: Path) -> Path:
    return folder / STUDY / "report" / "report.html"


def few(store: Store, *_: Any) -> list[Part]:
    """Stand in for study_parts(), which takes a second or two."""
    return [Text("# grown"), Text("## In short"), Text(f"{counted(store.count(), 'run')} there.")]


def test_a_page_reloads_itself_while_it_is_watched_and_no_longer(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "study_parts", few)
    growing.piece(0)
    pages = list[str]()

    def looked() -> None:
        pages.append(report(tmp_path).read_text(encoding="utf-8"))

    ended = watched(tmp_path, [looked, lambda: growing.piece(1), looked], page=True)
    assert [line.partition(" ")[0] for line in lines(ended)] == [f"{STUDY}:", "page"] * 2
    when = r"Made \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}"
    for page, runs in zip(pages, ("6 runs", "12 runs"), strict=True):
        assert '<meta http-equiv="refresh" content="5">' in page
        assert "this page loads itself anew every 5 s" in page
        assert f"<p>{runs} there.</p>" in page
        assert re.search(rf"<p>{when} while the study was still growing\.</p>", page)
    looked()
    assert "<p>12 runs there.</p>" in pages[-1]
    for word in ("<meta http-equiv", "loads itself anew", "growing"):
        assert word not in pages[-1].partition("<script")[0]


def test_the_last_page_is_that_of_the_report(growing: Growing, tmp_path: Path) -> None:
    growing.piece(0)
    assert watched(tmp_path, once=True, page=True).code == 0
    folder = report(tmp_path).parent
    made = {name: (folder / name).read_bytes() for name in files(folder)}
    shutil.rmtree(folder)
    assert here(tmp_path, "report", f"study={STUDY.name}").code == 0
    assert {name: (folder / name).read_bytes() for name in files(folder)} == made
    assert {"report.html", "report.md", "runs.csv"} <= set(made)


def test_a_page_is_made_as_often_as_making_it_allows(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing.piece(0)
    seen, passing, made = reading.read(growing.folder), Passing(), list[tuple[float, int | None]]()

    def slow(*given: Any) -> tuple[Path, Path]:
        made.append((passing.now, given[-1]))
        passing.now += 10
        return report(tmp_path), report(tmp_path)

    monkeypatch.setattr(watch, "read", lambda folder: seen)
    monkeypatch.setattr(watch, "told_of", lambda folder, *_: Told(folder, seen, None, (), (), ()))
    monkeypatch.setattr(watch, "study_parts", few)
    monkeypatch.setattr(watch, "write_parts", slow)
    passing.events = [lambda n=n: growing.piece(n % 4, n) for n in range(1, 30)]
    config = OmegaConf.merge(DEFAULTS, {"study": STUDY.name, "until_quiet": 20, "page": True})
    with chdir(tmp_path):
        follow(asked_for(config), passing.clock, Console(file=StringIO()))
    assert made[:4] == [(0, 5), (50, 40), (100, 40), (150, 40)]
    assert made[-1] == (passing.now - 10, None)


def test_a_page_says_which_files_it_is_without(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "study_parts", few)
    growing.piece(0)
    bad = growing.piece(1)
    DAMAGE["cut short"](bad)
    ended = watched(tmp_path, once=True, page=True)
    assert (ended.code, ended.err) == (0, "")
    text = report(tmp_path).with_name("report.md").read_text(encoding="utf-8")
    assert re.search(rf"\n\nLeft out: \S+{bad.name} cannot be read \(.*\)\.\n\n## In short", text)


def test_a_page_that_cannot_be_made_is_told_and_waited_for(
    growing: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing.piece(0)
    history = growing.folder / "history" / growing.names[0]
    content = history.read_bytes()
    history.write_bytes(content[:100])
    ended = watched(tmp_path, once=True, page=True)
    why = f"page not made: {STUDY}/history/{history.name} cannot be read ("
    assert ended.code == 2
    assert ended.err.startswith(f"error: {why}")
    assert ended.err.count("\n") == 1

    def good() -> None:
        history.write_bytes(content)
        monkeypatch.setattr(watch, "study_parts", few)
        growing.piece(1)

    said = lines(watched(tmp_path, [nothing, good], page=True))
    assert [line.startswith("page ") for line in said] == [False, True, False, True]
    assert said[1].startswith(why)
    assert said[3] == f"page made in 0 s: {STUDY}/report/report.html"


def test_no_page_is_made_of_no_runs(tmp_path: Path) -> None:
    (tmp_path / STUDY).mkdir(parents=True)
    ended = watched(tmp_path, once=True, page=True)
    assert ended.code == 2
    assert ended.err.startswith("error: page not made: study=grown: it holds no runs; make some with ")
    assert not report(tmp_path).exists()


# --- In processes of their own ---


def test_a_run_is_watched_from_before_it_begins_until_it_has_ended(tmp_path: Path) -> None:
    seen = start(tmp_path, "watch", "study=whole", "until_quiet=4", "every=1")
    ran = start(tmp_path, "run", *GRID)
    assert finished(ran).code == 0
    ended = finished(seen)
    assert (ended.code, ended.err) == (0, "")
    assert "results/whole: 24 runs in 4 files; 4 settings of 2 optimizers on 2 problems, 3 seeds" in ended.out
    assert len(re.findall(r"│ +2 │ +3 │ +6 │", ended.out)) == 4
    assert here(tmp_path, "check", "study=whole").code == 0


@pytest.mark.skipif(os.name != "posix", reason="signals are sent")
def test_a_watch_that_is_interrupted_leaves_a_page_that_stays(growing: Growing, tmp_path: Path) -> None:
    growing.piece(0)
    process = start(tmp_path, "watch", f"study={STUDY.name}", "page=true", "every=1")
    deadline = time.monotonic() + PATIENCE
    while not report(tmp_path).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "<meta http-equiv" in report(tmp_path).read_text(encoding="utf-8")
    process.send_signal(signal.SIGINT)
    ended = finished(process)
    assert ended.code == 128 + signal.SIGINT
    assert ended.err.startswith("error: interrupted; ")
    assert ended.err.count("\n") == 1
    page = report(tmp_path).read_text(encoding="utf-8")
    assert "<meta http-equiv" not in page
    assert "being watched" not in page
    assert "while the study was still growing" in page
