"""Parts from outside, for as long as a command takes: what ``plugins=`` names, and what packages bring."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from experiments.grid.axes import quoted, unquoted
from experiments.plugins.layout import PluginError
from experiments.plugins.loading import load, unload

KEY = re.compile(r"\+{0,2}plugins=(.*)", re.DOTALL)


@contextmanager
def parts_from_outside(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Enter the parts that a command is to have, and yield its arguments with the whole paths of folders.

    Raises:
        PluginError: there is something wrong with them; one line.
    """
    folders = folders_named([*arguments, *being_completed(arguments)])
    entered = load(folders)
    try:
        yield [f"plugins={listed(folders)}" if KEY.fullmatch(word) else word for word in arguments]
    finally:
        unload(entered)


def folders_named(words: Sequence[str]) -> list[str]:
    """Return the folders that ``plugins=`` names among some words, each once."""
    given = [word for word in words if KEY.fullmatch(word)]
    found = list(dict.fromkeys(folder for word in given for folder in folders_in(word)))
    if len(given) > 1:
        together = shlex.quote(f"plugins=[{','.join(found)}]")
        raise PluginError(f"{' '.join(given)}: plugins is given {len(given)} times; write {together}")
    return found


def folders_in(word: str) -> list[str]:
    """Return the folders of ``plugins=a``, ``plugins=a,b`` or ``plugins=[a,b]``; a path needs no quotes."""
    found = KEY.fullmatch(word)
    assert found is not None
    text = found[1].strip()
    text = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        [override] = OverridesParser.create().parse_overrides([f"plugins=[{text}]"])
        values = override.value()
        assert isinstance(values, list)
        folders = [f"{unquoted(value)}" for value in values]
    except HydraException:
        folders = [part.strip().strip("\"'") for part in text.split(",")]
    if "" in folders or found[1].strip() in ("", "null"):
        raise PluginError(f"{word}: plugins must be a folder, or several as plugins=[a,b]")
    return folders


def being_completed(arguments: Sequence[str]) -> list[str]:
    """Return the words of the line that the shell asks to complete, if it does."""
    if "-sc" not in arguments and "--shell-completion" not in arguments:
        return []
    return [word.strip("'\"") for word in os.environ.get("COMP_LINE", "").split()[:-1]]


def listed(folders: Sequence[str]) -> str:
    """Return folders as Hydra's grammar has them, by their whole paths: a job may run anywhere."""
    return f"[{','.join(quoted(str(Path(folder).expanduser().resolve())) for folder in folders)}]"
