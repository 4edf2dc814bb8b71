"""Which parts from outside this process has."""

from __future__ import annotations

from pathlib import Path

from experiments.plugins.layout import CONF, Place

RESULTS = "results"
"""The folder of results that a command takes without being told."""

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


def study_words(study: str, results: str) -> tuple[str, ...]:
    """Return the words by which a command finds a study, its folder of results, and these parts again."""
    elsewhere = () if results == RESULTS else (f"results={results}",)
    return (f"study={study}", *elsewhere, *words())


def file_of(group: str, name: str) -> Path:
    """Return the YAML file of a part, of this project or from outside."""
    files = [folder / group / f"{name}.yaml" for folder in (CONF, *(place.folder for place in PLACES))]
    return next((file for file in files if file.is_file()), files[0])
