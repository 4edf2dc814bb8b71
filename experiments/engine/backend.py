"""On what the lanes are computed: the engine, the numbers' type, the device."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from optim.base import Optimizer
from problems.base import Problem

ENGINES = ("numpy", "jax")
DTYPES = ("float64", "float32")
DEVICES = ("cpu", "gpu")
LOOPS = {"numpy": "experiments.engine.numpy_loop", "jax": "experiments.engine.jax_loop"}
"""The module whose code takes the steps; the second imports JAX, and is imported when it is used."""
BACKEND = ("engine", "dtype", "device")
"""The columns of runs that say what computed them."""


@dataclass(frozen=True)
class Backend:
    """What computes a run; all of it decides the run's bits.

    Attributes:
        engine: numpy or jax.
        dtype: float64 or float32.
        device: cpu or gpu.
    """

    engine: str = "numpy"
    dtype: str = "float64"
    device: str = "cpu"


def backend_of(
    problem: Problem,
    engine: Any = "auto",
    dtype: Any = "float64",
    device: Any = "cpu",
    optimizer: type[Optimizer] | None = None,
) -> Backend:
    """Return what these words ask for: ``auto`` is the first of the problem's engines that the optimizer has.

    Raises:
        ValueError: a word that is not known, or what problem, optimizer or this machine does not have.
    """
    for key, value, known in (
        ("engine", engine, ("auto", *ENGINES)),
        ("dtype", dtype, DTYPES),
        ("device", device, DEVICES),
    ):
        if value not in known:
            raise ValueError(f"{key} must be one of {', '.join(known)}, got {value!r}")
    engines = [each for each in problem.engines if optimizer is None or each in optimizer.engines]
    words = f"problem={getattr(problem, 'name', type(problem).__name__)}"  # it need not be registered
    if optimizer is not None and set(ENGINES).difference(optimizer.engines):
        words += f" and optimizer={optimizer.name}"
    if not engines:
        raise ValueError(f"no engine runs {words}")
    if device == "gpu" and engine == "auto" and "jax" in engines:
        engine = "jax"
    found = Backend(engines[0] if engine == "auto" else engine, dtype, device)
    if found.engine not in engines:
        raise ValueError(f"engine must be {' or '.join(engines)} for {words}, got {found.engine!r}")
    if found.engine == "numpy" and device == "gpu":
        raise ValueError(f"device must be cpu under engine=numpy ({words}), got {device!r}")
    if found.engine == "jax" and find_spec("jax") is None:
        raise ValueError(
            f"engine=jax of {words} needs JAX, which is not installed here (pip install jax)"
            + ("; engine=numpy does without" if "numpy" in engines else "")
        )
    return found
