"""What made the runs of a study, as far as their files tell, and what makes the report."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from experiments.claims.base import listed
from experiments.store import Store
from experiments.store.audit import VERSIONS
from experiments.store.parquet import metadata_of
from experiments.wording import counted

LIBRARIES = {"optimizer-lanes": "optimizer-lanes", "NumPy": "numpy", "SciPy": "scipy", "JAX": "jax"}
"""What is said of the report's own making, by the names of the packages."""


@dataclass(frozen=True)
class Origin:
    """What made runs.

    Attributes:
        told: for python, numpy, machine (its kind) and commit, how many runs each value has made; the
            empty value stands for those of which it is not recorded.
        commands: what the user typed.
    """

    told: Mapping[str, Mapping[str, int]]
    commands: frozenset[str]


def origin_of(store: Store) -> Origin:
    """Return what made the runs of a study that the present code has."""
    return told_by((store.footer(file).rows, metadata_of(file)) for file in store.files_read(outdated=False))


def left_out(store: Store) -> tuple[str, ...]:
    """Return sentences on the runs of a study that are not read."""
    found = []
    if store.sample is not None:
        stored = counted(int(store.sample.cells["runs"].sum()), "run")
        found.append(
            f"They are a sample of {stored} that the study holds, the same seeds for all as far as can be"
        )
    if older := store.outdated():
        are = counted(older, "run of older code is", "runs of older code are")
        found.append(f"{are} left out, those of what is not here among them")
    return tuple(found)


def told_by(files: Iterable[tuple[int, Mapping[str, str]]]) -> Origin:
    """Return what made runs, given the rows of each file and what is kept beside them."""
    told = {key: Counter[str]() for key in VERSIONS}
    commands = set()
    for rows, metadata in files:
        for key, counts in told.items():
            value = metadata.get(key, "")
            counts[value.rpartition(" ")[2] if key == "machine" else value] += rows  # without its name
        commands.add(metadata.get("command", ""))
    return Origin(told, frozenset(commands))


def made_with() -> str:
    """Return in a sentence what makes the report: Python, this project, the libraries that compute."""
    found = [f"Python {platform.python_version()}"]
    for name, package in LIBRARIES.items():
        try:
            found.append(f"{name} {version(package)}")
        except PackageNotFoundError:  # run from a folder, say
            found.append(f"{name} of an unknown version")
    return f"This report was made with {', '.join(found)}"


def typed(origin: Origin, key: str) -> list[str]:
    """Return the values that were typed for a key where the runs were made."""
    words = {word.strip("'\"") for line in origin.commands for word in line.split()}
    return sorted(word.partition("=")[2] for word in words if word.startswith(f"{key}="))


@dataclass(frozen=True)
class Studied:
    """What the paragraph is about.

    Attributes:
        runs: all that the section was made from.
        selections: the trials of searches; no rows if there were none.
        origin: what made the runs.
        left_out: sentences on runs of the study that are not among them.
    """

    runs: pd.DataFrame
    selections: pd.DataFrame
    origin: Origin
    left_out: tuple[str, ...] = ()


# In words


def computed(runs: pd.DataFrame, origin: Origin) -> Iterator[str]:
    """Yield engine, number type and device, versions and machines, and what is not recorded of them."""
    if len(runs):
        yield from engines(runs)
    said, silent = [], []
    for key, name in (("python", "Python"), ("numpy", "NumPy"), ("commit", "code of commit")):
        told = {value: count for value, count in origin.told[key].items() if value}
        if told != origin.told[key] or not told:
            silent.append(f"{name} of some" if told else name)
        said += [f"{name} {value}{of(told, value)}" for value in told]
    if said:
        yield f"They were made with {', '.join(said)}"
    kinds = {value: count for value, count in origin.told["machine"].items() if value}
    if kinds:
        yield f"They ran on {'a machine' if len(kinds) == 1 else 'machines'} of the kind {listed(kinds)}"
    silent += [] if kinds else ["the kind of machine"]
    uses_jax = "engine" in runs and (runs["engine"] == "jax").any()
    silent += ["the processor's model", *(["the version of JAX"] if uses_jax else [])]
    yield f"Not recorded with the runs: {listed(silent)}"


def engines(runs: pd.DataFrame) -> Iterator[str]:
    """Yield what computed the runs, if that is a column of theirs."""
    keys = [key for key in ("engine", "dtype", "device") if key in runs]
    if not keys:
        yield "What computed the runs is not recorded"
        return
    groups = runs.astype(dict.fromkeys(keys, str)).groupby(keys)
    told = {", ".join(map(str, values)): len(part) for values, part in groups}
    each_one = listed([f"{each}{of(told, each)}" for each in told])
    yield f"The runs were computed by {each_one} (engine, number type, device)"


def of(counts: dict[str, int], value: str) -> str:
    """Return how many runs have a value, if not all have it."""
    return f" ({counted(counts[value], 'run')})" if len(counts) > 1 else ""
