"""The files of a folder as modules, under names that no other folder has, compiled from what is there now."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib import invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from experiments.plugins.layout import ROOT


def package_of(folder: Path) -> str:
    """Return the name of the package that a folder is imported as."""
    return f"{ROOT}.f{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"


class Fresh(SourceFileLoader):
    """Compiles a file as it is: a run's id is of its text, and a kept bytecode may be of an older one."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class Finder(MetaPathFinder):
    """Finds the modules below ``ROOT`` in their folders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module in the folder of its package."""
        if not fullname.startswith(f"{ROOT}.") or path is None:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = Fresh(fullname, str(found.origin))
        return found


def enter(package: str, folder: Path) -> None:
    """Let a folder be a package, of which nothing is imported yet."""
    invalidate_caches()
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    for name, path in ((ROOT, []), (package, [str(folder)])):
        if name not in sys.modules:
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None, is_package=True)
            module.__path__ = path
            sys.modules[name] = module


def leave(package: str) -> None:
    """Forget the modules of a folder."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
