"""Words and numbers as a user may give them, each refused in one line."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_NAME = 255  # bytes of one folder's name, on every file system in use
DEVICE = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"  # no file can have such a name on Windows


def checked_integer(key: str, value: Any, low: int, high: float = np.inf) -> int:
    """Return ``value`` if it is a whole number in that range, else raise ValueError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        end = f"{high}]" if np.isfinite(high) else "inf)"
        raise ValueError(f"{key} must be an integer in [{low}, {end}, got {value!r}")
    return int(value)


def checked_number(key: str, value: Any, low: float) -> float:
    """Return ``value`` if it is a finite number from ``low`` on, else raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < np.inf:
        raise ValueError(f"{key} must be a number in [{low:g}, inf), got {value!r}")
    return float(value)


def checked_switch(key: str, value: Any) -> bool:
    """Return ``value`` if it is true or false, else raise ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false, got {value!r}")
    return value


def checked_study(study: Any) -> str:
    """Return the name of a study if it is safe as a folder below the results, else raise ValueError."""
    part = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?"  # Windows drops a dot at the end
    if isinstance(study, Mapping) or study is None or not re.fullmatch(f"{part}(/{part}){{0,3}}", f"{study}"):
        raise ValueError(f"study must be letters, digits, '_', '-', '.' and at most three '/', got {study!r}")
    devices = [part for part in f"{study}".split("/") if re.fullmatch(DEVICE, part, re.IGNORECASE)]
    if devices:
        raise ValueError(f"study must not be called as a device of Windows is, got {devices[0]!r}")
    return f"{study}"


def checked_folder(key: str, value: str, path: Path) -> Path:
    """Return ``path`` if it is a folder, or if one can have its name; else raise ValueError."""
    try:
        longest = max(len(os.fsencode(part)) for part in ("", *path.parts))
        problem = "its name is too long" if longest > LONGEST_NAME else ""
        if not problem and not stat.S_ISDIR(os.stat(path).st_mode):
            problem = "that is a file"
    except FileNotFoundError:
        problem = "it is a link to nothing" if path.is_symlink() else ""
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or f"{error}"
    if problem:
        raise ValueError(f"{key} must be a folder, got {value!r}: {problem}")
    return path
