"""Compiled programs, kept in this process and in the user's cache folder, so that each is compiled once."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import pickle
import platform
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jaxlib
import platformdirs
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from experiments.engine import jax_program
from experiments.engine.jax_program import Program
from experiments.engine.sources import closure, is_ours, normal_source

FOLDER_VARIABLE = "LANES_CACHE"  # names another folder; empty, nothing is kept on disk
MOST_BYTES = 2**30  # of programs, a few hundred kilobytes each
DIGEST = 16  # bytes

COMPILED: dict[Hashable, Callable[..., Any]] = {}


def call(program: Program, device: str, *arguments: Any) -> Any:
    """Return what a program returns for these arguments, compiled now, before, or by an earlier process."""
    leaves, form = jax.tree.flatten(arguments)
    key = (program, device, form, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
    if key not in COMPILED:
        found = loaded_or_compiled(program, device, arguments, repr(key))
        check_fits(found, device)
        COMPILED[key] = found
    return COMPILED[key](*arguments)


def check_fits(program: Any, device: str) -> None:
    """Raise MemoryError if a compiled program needs more memory than there is.

    What it needs is told by the compiler: its arguments, its results, and what it holds meanwhile.
    """
    told = program.memory_analysis()
    if told is None:
        return
    needs = told.argument_size_in_bytes + told.output_size_in_bytes + told.temp_size_in_bytes
    there = memory_of(device)
    if needs > there:
        raise MemoryError(
            f"the lanes that one call computes take {needs / 2**30:,.1f} GiB, of {there / 2**30:,.1f} that "
            f"the {device} has; a smaller problem takes less"
        )


@cache
def memory_of(device: str) -> float:
    """Return the bytes of memory that a device has; infinite where it does not tell."""
    if device == "gpu":
        return float((jax.devices(device)[0].memory_stats() or {}).get("bytes_limit", math.inf))
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # not on Windows
        return math.inf


def loaded_or_compiled(program: Program, device: str, arguments: Any, key: str) -> Callable[..., Any]:
    """Return the program for arguments of these shapes; it is kept on disk if its code is this project's."""
    path = place(program, device, key)
    found = loaded(path) if path else None
    if found is None:
        found = jax_program.JITTED[device].lower(program, *arguments).compile()
        if path:
            keep(path, found)
    return found


def place(program: Program, device: str, key: str) -> Path | None:
    """Return where a program is kept, by all that its code hangs on; None if it is not to be kept."""
    folder, modules = folder_of_programs(), modules_of(program)
    if folder is None or not all(map(is_ours, modules)):
        return None
    code = "".join(normal_source(name) for name in sorted(closure((jax_program.__name__, *modules))))
    text = "\n".join([key, code, jax.__version__, jaxlib.__version__, hardware(device)])
    return folder / f"{hashlib.blake2b(text.encode(), digest_size=DIGEST).hexdigest()}.program"


def modules_of(program: Program) -> tuple[str, ...]:
    """Return the modules that hold the formulas of a program."""
    forms = (program.instance, *program.rule.forms)
    classes = (*(form.cls for form in forms), *(type(value) for form in forms for _, value in form.fixed))
    return tuple({cls.__module__: None for cls in classes if cls.__module__ != "builtins"})


@cache
def folder_of_programs() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    return Path(platformdirs.user_cache_dir("optimizer-lanes")) / "programs"


@cache
def hardware(device: str) -> str:
    """Return what machine code is made for: the instructions of this processor, or the kind of GPU."""
    if device == "gpu":
        return str(jax.devices(device)[0].device_kind)
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    return f"{platform.machine()} {platform.processor()}"


def loaded(path: Path) -> Callable[..., Any] | None:
    """Return the program in a file; None if there is none, or not the one that was written."""
    try:
        content = path.read_bytes()
        digest, payload = content[:DIGEST], content[DIGEST:]
        if hashlib.blake2b(payload, digest_size=DIGEST).digest() != digest:
            return None
        if b"lapack_" in payload:
            find_lapack()
        program: Callable[..., Any] = deserialize_and_load(*pickle.loads(payload))
        os.utime(path)  # it is in use
        return program
    except Exception:  # whatever is wrong with a cache costs time, never a run
        return None


@cache
def find_lapack() -> None:
    """Let JAX look up LAPACK's functions, which it does only when it lowers a program that calls one.

    A program that is loaded and calls them before that ends the process.
    """
    jax.jit(jax.numpy.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), "float32"))


def keep(path: Path, program: Any) -> None:
    """Write a program to a file, if that can be done, and drop the oldest if there are too many."""
    with suppress(Exception):
        payload = pickle.dumps(serialize(program))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(hashlib.blake2b(payload, digest_size=DIGEST).digest() + payload)
        temporary.replace(path)
        drop_oldest(path.parent)


def drop_oldest(folder: Path) -> None:
    """Delete the programs that were not used for longest, as many as are too much."""
    files = [(file.stat(), file) for file in folder.glob("*.program")]
    newest_first = sorted(files, key=lambda each: each[0].st_mtime, reverse=True)
    sizes = itertools.accumulate(each.st_size for each, _ in newest_first)
    for (_, file), held in zip(newest_first, sizes, strict=True):
        if held > MOST_BYTES:
            file.unlink(missing_ok=True)
