"""The composed configuration: checked before anything runs, and the folder that it names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from experiments.command_line.arguments import declared
from experiments.request.checks import checked_folder, checked_study


def check_settings(config: DictConfig, config_name: str) -> None:
    """Raise ValueError unless a configuration has the shape that is declared, and a folder for results.

    Raises:
        OmegaConfBaseException: an interpolation that leads nowhere, or a value that is missing.
    """
    own = OmegaConf.masked_copy(config, [str(name) for name in config if name != "hydra"])
    settings = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    assert isinstance(settings, dict)
    for name, example in declared(config_name).items():
        key = str(name)
        if isinstance(example, DictConfig) and key != "hydra":
            check_parts(key, settings.get(key), example)
        if isinstance(example, bool) and not isinstance(settings.get(key), bool):
            raise ValueError(f"{key} must be true or false, got {settings.get(key)!r}")
        if isinstance(example, ListConfig) and key != "defaults" and not isinstance(settings.get(key), list):
            raise ValueError(f"{key} must be a list, as {key}=[{example[0]}], got {settings.get(key)!r}")
    if "study" in settings and not isinstance(settings["study"], list):
        study_folder(config)
    elif "results" in settings:
        checked_results(settings["results"])


def check_parts(key: str, given: Any, parts: DictConfig) -> None:
    """Raise ValueError unless ``given`` is a mapping with all the declared keys, and values as there."""
    names = [str(name) for name in parts]
    if not isinstance(given, dict) or not all(name in given for name in names):
        listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "keys and values"
        example = f" ({key}.{names[0]}={parts[names[0]]})" if names else ""
        raise ValueError(f"{key} must be {listed}{example}, got {given!r}")
    for name in names:
        if isinstance(given[name], list | dict) and not isinstance(parts[name], ListConfig | DictConfig):
            raise ValueError(f"{key}.{name} must be one value, got {given[name]!r}")


def check_one_study(configs: Iterable[DictConfig]) -> None:
    """Raise ValueError if the jobs of a grid are to be stored in different studies."""
    folders = list(dict.fromkeys(str(study_folder(config)) for config in configs))
    if len(folders) > 1:
        raise ValueError(
            "study and results must be the same for all runs of a grid, got "
            f"{folders[0]} and {folders[1]}; run the command once for each"
        )


def study_folder(config: DictConfig) -> Path:
    """Return the folder of the study that a configuration names, below its results and nowhere else.

    Raises:
        ValueError: there can be no such folder, or it lies elsewhere by a symbolic link.
    """
    results, study = checked_results(config.results), checked_study(config.study)
    folder = checked_folder("study", f"{study}", results / study)
    if not folder.resolve().is_relative_to(results.resolve()):
        raise ValueError(
            f"study={study} is a link that leaves the results, to {folder.resolve()}; "
            f"name that place with results=..."
        )
    return folder


def studies_named(config: DictConfig) -> dict[str, Path]:
    """Return the folders of the studies that a configuration lists, by what they are called there.

    A word that begins as a path does (``../other/results/A``, ``./A``, ``/data/A``, ``~/A``) is the
    folder of a study; any other is the name of a study below ``results``.

    Raises:
        ValueError: there is no such study, or one is named twice.
    """
    found: dict[str, Path] = {}
    for word in config.study:
        found[f"{word}"] = folder = named_folder(config, f"{word}")
        if not folder.is_dir():
            where = "" if is_path(f"{word}") else f" in {config.results}"
            raise ValueError(f"study={word}: there is no such study{where}")
    places = {folder.resolve() for folder in found.values()}
    if not found or len(places) < len(config.study):
        words = ",".join(map(str, config.study))
        raise ValueError(f"study must name different studies, as study=A,B, got {words!r}")
    return found


def named_folder(config: DictConfig, word: str) -> Path:
    """Return the folder of a study, given its name or its path."""
    if is_path(word):
        return checked_folder("study", word, Path(word).expanduser())
    one = OmegaConf.create({"results": config.results, "study": word})
    return study_folder(one)


def is_path(word: str) -> bool:
    """Tell whether a word is the path of a study; a name begins with a letter, a digit or '_'."""
    return word.startswith((".", "~")) or Path(word).is_absolute()


def checked_results(results: Any) -> Path:
    """Return the folder that holds the studies, else raise ValueError."""
    text = results if isinstance(results, str) else str(results) if type(results) is int else ""
    if not text or not text.isprintable() or (":" in text and not Path(text).is_absolute()):
        raise ValueError(f"results must be the path of a folder on this machine, got {results!r}")
    return checked_folder("results", text, Path(text))
