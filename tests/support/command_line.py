"""Run the commands as a user does: in this process, or in one of their own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def here(folder: Path, name: str, *arguments: str) -> Ended:
    """Run ``python -m experiments.NAME ARGUMENTS`` in ``folder``, inside this process."""
    main = import_module(f"experiments.{name}").main
    out, err, code = StringIO(), StringIO(), 0
    with (
        chdir(folder),
        patch.object(sys, "argv", [f"experiments.{name}", *arguments]),
        patch.dict(os.environ, environment()),
        logging_restored(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    """Start that command in a process of its own, in which warnings are errors too."""
    command = [sys.executable, "-W", "error", "-m", f"experiments.{name}", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def apart(folder: Path, name: str, *arguments: str) -> Ended:
    """Run that command in a process of its own and wait for its end."""
    return finished(start(folder, name, *arguments))


def finished(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a command."""
    out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def environment() -> dict[str, str]:
    """Return what lets a process find this project from any folder, and how wide its tables are."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "COLUMNS": "120"}


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what a command does to the root logger, which outlives it in this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def quiet() -> Iterator[StringIO]:
    """Catch what is written to standard error inside."""
    with redirect_stderr(StringIO()) as said:
        yield said


def files(folder: Path) -> list[str]:
    """Return every file below a folder, by its path there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
