"""The machine's name: processor, cores, and the versions that decide its speed."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from experiments.wording import counted

LIBRARIES = {"numpy": "NumPy", "torch": "torch", "jax": "jax", "optax": "optax"}


def machine() -> str:
    """Return processor, cores, system and versions in one line."""
    versions = [f"{name} {installed(library)}" for library, name in LIBRARIES.items() if installed(library)]
    return (
        f"{processor()}, {counted(os.cpu_count() or 1, 'core')} (one used), "
        f"{platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def gpu() -> str:
    """Return the name of the GPU, with system and versions."""
    import jax

    return f"one {jax.devices('gpu')[0].device_kind}; {machine().partition('; ')[2]}"


def processor() -> str:
    """Return the processor's model."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def installed(library: str) -> str:
    """Return a library's version, empty if it is not there."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
