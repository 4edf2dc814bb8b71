"""Parts from outside entered in the registries, and taken out again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from traceback import walk_tb
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.engine import sources
from experiments.engine.fingerprint import code_fingerprint
from experiments.plugins.installed import installed
from experiments.plugins.layout import Part, Place, PluginError, parts_in, there_are
from experiments.plugins.modules import enter, leave, package_of
from experiments.plugins.state import PLACES
from optim import ADAPTERS, OPTIMIZERS
from optim.lookahead import around
from optim.schedules import SCHEDULES
from problems import PROBLEMS

REGISTRIES: Mapping[str, dict[str, type[Any]]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "problem": PROBLEMS,
}


def load_plugins(*folders: str | Path) -> None:
    """Enter the parts of these folders, and of installed packages, in the registries of this process.

    >>> load_plugins()

    Raises:
        PluginError: something is no folder of parts, or cannot be imported; nothing is entered then.
    """
    load([str(folder) for folder in folders])


def load(folders: Sequence[str]) -> list[Place]:
    """Enter the parts of installed packages and of these folders in the registries; return the new places.

    Raises:
        PluginError: something is no folder of parts, or cannot be imported; nothing is entered then.
    """
    named = [*installed(), *(place_of(folder) for folder in folders)]
    distinct = {place.folder: place for place in named}
    new = [place for folder, place in distinct.items() if folder not in {there.folder for there in PLACES}]
    try:
        parts = {place.folder: list(parts_in(place)) for place in new}
    except OSError as error:
        raise PluginError(f"plugins: {error.filename} cannot be read: {error.strerror}") from error
    for part in chain.from_iterable(parts.values()):
        check_yaml(part)
    check_names([*chain.from_iterable(map(parts_in, PLACES)), *chain.from_iterable(parts.values())])
    try:
        for place in new:
            PLACES.append(place)
            enter_all(place, parts[place.folder])
    except BaseException:
        unload(new)
        raise
    return new


def unload(places: Sequence[Place]) -> None:
    """Take the parts of these folders out of the registries; what packages bring stays as it is."""
    for place in [place for place in places if place.is_folder]:
        for registry in REGISTRIES.values():
            for name in own_names(registry, place):
                del registry[name]
        leave(place.package)
        sources.OUTSIDE.pop(place.package, None)
        PLACES.remove(place)
    if places:
        around.cache_clear()
    forget_code()


def forget_code() -> None:
    """Let the code that decides runs be read anew."""
    for remembered in (code_fingerprint, sources.imports, sources.normal_source, sources.source_of):
        remembered.cache_clear()


def digests() -> dict[str, str]:
    """Return a digest of the text of each module from outside that this process has imported."""
    names = [name for name in sys.modules if any(sources.is_below(name, top) for top in sources.OUTSIDE)]
    return {
        name: hashlib.blake2b(sources.source_of(name).encode(), digest_size=8).hexdigest()
        for name in sorted(names)
        if sources.has_source(name)
    }


def check_unchanged(there: Mapping[str, str]) -> None:
    """Raise PluginError if a module is another than it was where these digests were taken."""
    here = digests()
    for name, digest in there.items():
        if here.get(name, digest) != digest:
            file = sources.spec_of(name).origin
            raise PluginError(f"{file} has changed since the command began; run it again")


def place_of(folder: str) -> Place:
    """Return the place that a user names by a path."""
    path = Path(folder).expanduser().resolve()
    return Place(path, folder.rstrip("/") or folder, package_of(path))


def check_yaml(part: Part) -> None:
    """Raise PluginError unless the YAML file of a part holds keys and values."""
    called = part.place.file(part.group, f"{part.name}.yaml")
    try:
        found = OmegaConf.load(part.place.folder / part.group / f"{part.name}.yaml")
    except Exception as error:  # of YAML's own kinds, or of an encoding
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or first_line(error)
        raise PluginError(f"{called}: {f'line {mark.line + 1}: ' if mark else ''}{what}") from error
    if not isinstance(found, DictConfig):
        raise PluginError(f"{called}: it must hold keys and their values")


def check_names(parts: Sequence[Part]) -> None:
    """Raise PluginError for a name that this project has itself, or that two parts have."""
    first: dict[tuple[str, str], Part] = {}
    for part in parts:
        if part.name in there_are(part.group):
            raise PluginError(
                f"{part.file}: {part.group}={part.name} is this project's own; give the file another name"
            )
        other = first.setdefault((part.group, part.name), part)
        if other is not part:
            raise PluginError(
                f"{part.file}: {part.group}={part.name} is {other.file} already; give one another name"
            )


def enter_all(place: Place, parts: Sequence[Part]) -> None:
    """Import the parts of a place, whose classes register themselves.

    Raises:
        PluginError: one cannot be imported, or does not register what its file is called.
    """
    if place.is_folder:
        enter(place.package, place.folder)
    top = place.package if place.is_folder else place.package.partition(".")[0]
    sources.OUTSIDE[top] = "plugins" if place.is_folder else top
    for part in (part for part in parts if part.has_python):
        try:
            import_module(part.module)
            sources.source_of(part.module)  # now: an id is of the text that was imported
        except (Exception, SystemExit) as error:
            raise PluginError(f"{where(error, part)}: {type(error).__name__}: {first_line(error)}") from error
    for group, registry in REGISTRIES.items():
        check_registered(group, registry, place, [part for part in parts if part.group == group])


def check_registered(
    group: str, registry: Mapping[str, type[Any]], place: Place, parts: Sequence[Part]
) -> None:
    """Raise PluginError unless a place has registered of a group what its files are called, and no more."""
    entered = set(own_names(registry, place))
    known = {*registry, *(ADAPTERS if group == "optimizer" else ())}
    for part in parts:
        if part.has_python and part.name not in entered:
            others = [name for name in sorted(entered) if registry[name].__module__ == part.module]
            raise PluginError(
                f'{part.file}: no {group} in it is under @register("{part.name}"); '
                f"it registers {', '.join(others) or 'none'}"
            )
        if part.told not in known:
            raise PluginError(
                f"{part.file}: there is no {part.name}.py beside it, and no {group} called {part.told}"
            )
    for name in sorted(entered - {part.name for part in parts}):
        file = Path(str(sys.modules[registry[name].__module__].__file__)).name
        raise PluginError(
            f"{place.file(group, file)}: it registers {name}; each {group} has a file of its name, {name}.py"
        )


def own_names(registry: Mapping[str, type[Any]], place: Place) -> list[str]:
    """Return the names in a registry that a place has entered."""
    return [name for name, cls in registry.items() if sources.is_below(cls.__module__, place.package)]


def where(error: BaseException, part: Part) -> str:
    """Return the file, and the line in it, that could not be imported."""
    files = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append((error.filename, error.lineno or 0))
    own = [(Path(file), line) for file, line in files if Path(file).is_relative_to(part.place.folder)]
    if not own:
        return f"{part.file} cannot be imported"
    file, line = own[-1]
    return f"{part.place.called}/{file.relative_to(part.place.folder)} cannot be imported: line {line}"


def first_line(error: BaseException) -> str:
    return f"{error}".split("\n")[0]
