"""The code that decides a run's numbers, as a hash that comments do not change."""

import ast
import hashlib
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

from experiments import loop
from optim import OPTIMIZERS
from problems import PROBLEMS

PACKAGES = ("optim.", "problems.", "experiments.")


@cache
def code_fingerprint(optimizer: str, problem: str) -> str:
    """Return a hash of the loop, the optimizer, the problem and all they import from here.

    It is taken over the syntax tree without docstrings: comments, layout and
    documentation may change without making a stored run out of date.
    """
    roots = loop.__name__, OPTIMIZERS[optimizer].__module__, PROBLEMS[problem].__module__
    text = "\n".join(f"# {name}\n{normal_source(name)}" for name in sorted(closure(roots)))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def closure(roots: tuple[str, ...]) -> set[str]:
    """Return the modules of this project that ``roots`` reach by imports, themselves included."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(imports(name))
    return found


def imports(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module(name)))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}".startswith(PACKAGES):
            yield f"{node.module}"


@cache
def normal_source(name: str) -> str:
    tree = ast.parse(inspect.getsource(module(name)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def module(name: str) -> ModuleType:
    return import_module(name)
