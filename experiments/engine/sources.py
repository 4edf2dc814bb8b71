"""The sources of modules, this project's and those from outside, read and not imported; what they import."""

from __future__ import annotations

import ast
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path

from experiments.engine.syntax import canonical

PACKAGES = ("optim", "problems", "experiments")
OUTSIDE: dict[str, str] = {}
"""The packages whose parts were entered from outside, each with what it is called in a fingerprint."""


def is_ours(name: str) -> bool:
    """Tell whether a module belongs to this project, or to a package whose parts were entered."""
    return name.split(".")[0] in PACKAGES or any(is_below(name, package) for package in OUTSIDE)


def is_below(name: str, package: str) -> bool:
    """Tell whether a module is a package or in it."""
    return name == package or name.startswith(f"{package}.")


def called(name: str) -> str:
    """Return what a module is called in a fingerprint: the same wherever the folder of a user lies."""
    for package, short in OUTSIDE.items():
        if is_below(name, package):
            return short + name.removeprefix(package)
    return name


def closure(roots: tuple[str, ...]) -> set[str]:
    """Return the modules, of those that are ours, that ``roots`` reach by imports, themselves included.

    They are read, not imported: JAX need not be there.
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(imports(name))
    return found


@cache
def imports(name: str) -> tuple[str, ...]:
    """Return the modules, of those that are ours, that a module imports, in whatever form."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source_of(name))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package_of(name))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(each for each in found if is_ours(each) and has_source(each))


def has_source(name: str) -> bool:
    """Tell whether there is a text for this name: not for a class, a folder without code, or machine code."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # what stands before the last dot is no package
        return False
    return spec is not None and spec.has_location and str(spec.origin).endswith(".py")


@cache
def normal_source(name: str) -> str:
    """Return the source of a module as its syntax tree in words."""
    return canonical(source_of(name))


@cache
def source_of(name: str) -> str:
    return Path(str(spec_of(name).origin)).read_text(encoding="utf-8")


def package_of(name: str) -> str:
    """Return the package that a module's relative imports start from."""
    return spec_of(name).parent or ""


def spec_of(name: str) -> ModuleSpec:
    found = find_spec(name)
    assert found is not None
    return found
