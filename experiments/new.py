"""Write the files of an optimizer, a schedule, a problem or a claim of your own, ready to run."""

from __future__ import annotations

import keyword
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiments.command_line.command import bad_input_ends_here, command, fail
from experiments.grid.axes import quoted
from experiments.plugins.layout import NAME, there_are
from experiments.plugins.templates import TEMPLATES, files_of


def new(config: DictConfig) -> list[Path]:
    """Write the files of a part and say how to run it."""
    with bad_input_ends_here("new"):
        kind, name = checked_kind(config.kind), checked_name(config.kind, config.name)
        folder = checked_folder(config.plugins)
    files = {folder / kind / f"{name}{suffix}": text for suffix, text in files_of(kind, name).items()}
    for file in files:
        if file.exists():
            fail(f"{file}: it is there already; nothing was written")
    try:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        fail(f"{folder / kind} cannot be written: {error.strerror}")
    words = f"{kind}={name} {shlex.quote(f'plugins={config.plugins}')}"
    print(f"written: {', '.join(map(str, files))}")
    if kind == "claim":
        print(f"it is decided: python -m experiments judge +{words}")
    else:
        print(f"it runs: python -m experiments run {words}")
        print(f"it is held to the contracts: python -m experiments contracts {words}")
    return list(files)


def checked_kind(kind: Any) -> str:
    """Return the kind of a part if there is one, else raise ValueError."""
    if kind not in TEMPLATES:
        raise ValueError(
            f"new: what is new must be one of {', '.join(TEMPLATES)}, got {kind!r}: new optimizer NAME"
        )
    return str(kind)


def checked_name(kind: str, name: Any) -> str:
    """Return the name of a part if it can be one and is free, else raise ValueError."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or name[0].isdigit() or keyword.iskeyword(name):
        raise ValueError(
            f"new: the name of the {kind} must be letters, digits and _, got {name!r}: new {kind} NAME"
        )
    if name in there_are(kind):
        raise ValueError(f"new: {kind}={name} is this project's own; take another name")
    return name


def checked_folder(folder: Any) -> Path:
    """Return the folder to write into, else raise ValueError."""
    if not isinstance(folder, str) or not folder.strip():
        raise ValueError(f"new: plugins must be a folder, as plugins=my_parts, got {folder!r}")
    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError(f"new: plugins={folder} is a file; name a folder")
    return path


def as_keys(words: Sequence[str]) -> list[str]:
    """Return ``optimizer NAME`` as the keys that it stands for, other words as they are."""
    keys = iter(("kind", "name"))
    is_key = [word.startswith("-") or "=" in word for word in words]
    if is_key.count(False) > 2:
        fail(f"{shlex.join(words)}: one part at a time: new optimizer NAME, and plugins=FOLDER if you like")
    return [
        word if known else f"{next(keys)}={quoted(word)}" for word, known in zip(words, is_key, strict=True)
    ]


start = command("new", new)


def main() -> None:
    """Write the files that the first two words name."""
    sys.argv[1:] = as_keys(sys.argv[1:])
    start()


if __name__ == "__main__":
    main()
