"""Which parts from outside this process has."""

from __future__ import annotations

from experiments.plugins.layout import Place

PLACES: list[Place] = []
"""The folders whose parts are in the registries now, in the order in which they were entered."""


def folders() -> tuple[str, ...]:
    """Return the whole paths of the folders that a user named."""
    return tuple(str(place.folder) for place in PLACES if place.is_folder)


def words() -> tuple[str, ...]:
    """Return the word of a command that names the folders as this one did; none where there are none."""
    typed = [place.called for place in PLACES if place.is_folder]
    if not typed:
        return ()
    return (f"plugins={typed[0]}" if len(typed) == 1 else f"plugins=[{','.join(typed)}]",)
