"""What a folder of one's own holds: a folder for each key that chooses, in it the parts by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

CONF = Path(__file__).parent.parent.parent / "conf"
CLASSES = ("optimizer", "schedule", "problem")
"""The groups of which a part is a Python file, which registers a class, and a YAML file, its defaults."""
LISTS = ("suite", "experiment", "contenders", "claim")
"""The groups of which a part is a YAML file alone."""
GROUPS = (*CLASSES, *LISTS)
ROOT = "lane_plugins"
"""The package that the folders of users are imported below, each by a digest of its path."""
NAME = re.compile(r"(?!_)\w+", re.ASCII)
WRITES_ONE = "python -m experiments new optimizer NAME"


class PluginError(ValueError):
    """A folder, package or file of one's own that cannot be taken; the message is one line that names it."""


@dataclass(frozen=True)
class Place:
    """A folder of parts.

    Attributes:
        folder: where it is.
        called: what messages call it: as it was typed, or the package that it belongs to.
        package: the name that it is imported by as a whole.
    """

    folder: Path
    called: str
    package: str

    @property
    def is_folder(self) -> bool:
        """Whether a user named it by its path, and not a package by an entry point."""
        return self.package.startswith(f"{ROOT}.")

    def file(self, group: str, name: str) -> str:
        """Return what messages call a file."""
        return f"{self.called}/{group}/{name}"


@dataclass(frozen=True)
class Part:
    """Something that a key may be set to.

    Attributes:
        group: the key.
        name: what it is set to.
        place: where its files are.
        has_python: whether there is a Python file, which registers it.
        told: the name in its YAML file; without a Python file it may be that of another part.
    """

    group: str
    name: str
    place: Place
    has_python: bool
    told: str = ""

    @property
    def module(self) -> str:
        """The module that registers it."""
        return f"{self.place.package}.{self.group}.{self.name}"

    @property
    def file(self) -> str:
        """What messages call its file."""
        return self.place.file(self.group, f"{self.name}.{'py' if self.has_python else 'yaml'}")


def names_in(folder: Path, suffix: str) -> set[str]:
    """Return the names of the parts in a folder by their files of a kind; what parts share begins with _."""
    if not folder.is_dir():
        return set()
    return {file.stem for file in folder.glob(f"*{suffix}") if not file.name.startswith(("_", "."))}


def there_are(group: str, places: Sequence[Place] = ()) -> set[str]:
    """Return what a key may be set to, by the files of this project and of these places."""
    return {
        name for folder in (CONF, *(p.folder for p in places)) for name in names_in(folder / group, ".yaml")
    }


def check_folder(place: Place) -> None:
    """Raise PluginError unless a place is a folder with a folder for one of the keys, and none mistyped."""
    if not place.folder.is_dir():
        is_there = "is no folder" if place.folder.exists() else "does not exist"
        raise PluginError(
            f"plugins: {place.called} {is_there}; {WRITES_ONE} plugins={place.called} makes one"
        )
    names = sorted(path.name for path in place.folder.iterdir() if path.is_dir() and path.name not in GROUPS)
    for name in names:
        near = get_close_matches(name, GROUPS, 1, 0.8)
        if near:
            raise PluginError(
                f"plugins: {place.called}/{name} is no folder of parts; did you mean {near[0]}?"
            )
    if not any((place.folder / group).is_dir() for group in GROUPS):
        listed = ", ".join(f"{group}/" for group in GROUPS)
        raise PluginError(f"plugins: {place.called} has none of {listed}; {WRITES_ONE} makes one")


def parts_in(place: Place) -> Iterator[Part]:
    """Yield the parts of a place.

    Raises:
        PluginError: there is no such folder, or a file lacks the one that goes with it.
    """
    check_folder(place)
    for group in GROUPS:
        folder = place.folder / group
        python, written = (names_in(folder, suffix) for suffix in (".py", ".yaml"))
        for name in sorted(python | written):
            part = Part(group, name, place, name in python)
            check_files(part, name in written)
            yield replace(part, told=name_told(folder / f"{name}.yaml")) if group in CLASSES else part


def check_files(part: Part, has_yaml: bool) -> None:
    """Raise PluginError unless the files of a part are what they are to be."""
    if not NAME.fullmatch(part.name):
        raise PluginError(f"{part.file}: a name is letters, digits and _, as one types it; rename the file")
    if part.group in LISTS and part.has_python:
        raise PluginError(f"{part.file}: {part.group}/ takes YAML files alone")
    if not has_yaml:
        raise PluginError(
            f"{part.file}: there is no {part.name}.yaml beside it, with the name and the defaults; "
            "a Python file that parts share begins with _"
        )
    file = part.place.folder / part.group / f"{part.name}.yaml"
    if part.group in CLASSES and (part.has_python or not name_told(file)) and name_told(file) != part.name:
        raise PluginError(
            f"{part.place.file(part.group, file.name)}: its name must be that of the file, {part.name}, "
            f"got {name_told(file) or 'none'}"
        )


def name_told(file: Path) -> str:
    """Return the name that a YAML file gives; empty if it gives none."""
    text = file.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^name: *[\"']?(\w+)", text, re.MULTILINE)
    return found[1] if found else ""
