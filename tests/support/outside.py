"""Folders of parts of one's own, and what commands say of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import Ended, environment

from experiments.plugins.loading import load, unload
from experiments.plugins.templates import files_of


def well(ended: Ended) -> str:
    """Return what a command printed that ended well."""
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    return ended.out


def refused(ended: Ended) -> str:
    """Return the one line of a command that was refused."""
    assert (ended.code, ended.out) == (2, "")
    [line] = ended.err.splitlines()
    return line.removeprefix("error: ")


def write(folder: Path, group: str, name: str, called: str = "") -> Path:
    """Write the files that ``new`` writes, maybe registered under another name; return the Python file."""
    (folder / group).mkdir(parents=True, exist_ok=True)
    for suffix, text in files_of(group, called or name).items():
        (folder / group / f"{name}{suffix}").write_text(text)
    return folder / group / f"{name}.py"


@contextmanager
def entered(folder: Path) -> Iterator[None]:
    """Have the parts of a folder in this process for a while."""
    places = load([str(folder)])
    try:
        yield
    finally:
        unload(places)


def completed(folder: Path, line: str) -> Ended:
    """Return what the shell is told for a line."""
    env = os.environ | environment() | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    words = [sys.executable, "-W", "error", "-m", "experiments", "-sc", "query=bash"]
    ended = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return Ended(ended.returncode, ended.stdout, ended.stderr)
