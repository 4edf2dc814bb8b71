"""Installed packages that bring parts: those with an entry point of the group ``optimizer_lanes.plugins``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from experiments.plugins.layout import Place, PluginError

GROUP = "optimizer_lanes.plugins"


@cache
def installed() -> tuple[Place, ...]:
    """Return the folders of parts in installed packages, by the names of their entry points.

    An entry point names the package, ``mine = "my_package"``, or one in it, ``my_package.parts``; what
    stands after a colon is not read.

    Raises:
        PluginError: there is no such package, or it is no folder.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    places = {point.module: place_of(point.name, point.module) for point in found}
    return tuple(places.values())


def place_of(name: str, package: str) -> Place:
    """Return the place that an entry point names."""
    try:
        spec = find_spec(package)
    except Exception as error:
        raise PluginError(
            f"the installed plugin {name}: {package} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        what = "is a module and no package" if spec else "is not there"
        raise PluginError(f"the installed plugin {name}: {package} {what}; reinstall or uninstall it")
    return Place(Path(folders[0]), package, package)
