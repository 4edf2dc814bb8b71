"""Speed and memory against peers: python -m experiments.benchmark."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.benchmark.case import CONTESTANTS, ENGINE
from experiments.benchmark.grids import LRS, bare_seconds, grid_targets, grids, write_grids
from experiments.benchmark.machine import gpu, machine
from experiments.benchmark.measure import Measurement, Plan, races
from experiments.benchmark.networks import measured, network_table, network_targets, rate, write_networks
from experiments.benchmark.summary import RATE, row, table, targets, write
from experiments.command_line.command import bad_input_ends_here, command
from experiments.engine.backend import DEVICES
from experiments.wording import counted
from optim import OPTIMIZERS

PARTS = ("engine", "networks", "grids")
PROBLEMS = ("quadratic", "logistic", "rosenbrock")


def benchmark(config: DictConfig) -> Path:
    """Measure, then write tables, pages and figures into the folder ``benchmark`` of the results."""
    with bad_input_ends_here():
        check_names("parts", list(config.parts), list(PARTS))
        check_number("runs", config.runs, LRS)
        if config.device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {config.device!r}")
        plan = plan_of(config)
    print(machine())
    folder = Path(config.results) / "benchmark"
    if config.device == "gpu":
        benchmark_networks("gpu", plan, folder)
        return folder
    if "engine" in config.parts:
        benchmark_engine(plan, folder)
    if "networks" in config.parts:
        benchmark_networks("cpu", plan, folder)
    if "grids" in config.parts:
        benchmark_grids(config.runs, folder)
    return folder


def benchmark_engine(plan: Plan, folder: Path) -> None:
    """Let the engine and its peers race."""
    began, done = time.perf_counter(), []
    for number, measurements in enumerate(races(plan), start=1):
        done += measurements
        left = (time.perf_counter() - began) / number * (plan.races - number)
        print(f"[{number}/{plan.races}] {line(measurements)} ({left:,.0f} s left)", flush=True)
    rows = table(done)
    write(folder, rows, machine())
    for text in targets(rows):
        print(text.replace("**", ""))
    print(f"table, page and figures: {folder}/benchmark.csv, .md, .png, .svg, first_call.png, .svg")


def benchmark_networks(device: str, plan: Plan, folder: Path) -> None:
    """Let networks race a PyTorch loop."""
    found = []
    for network, by_name in measured(device, plan.repeats, plan.seconds):
        found.append((network, by_name))
        rates = ", ".join(f"{name} {rate(m):.3g}" for name, m in by_name.items())
        lanes = counted(network.lanes, "lane")
        print(f"{network.title}, {lanes}, {network.dtype}: {rates} lane-steps/s", flush=True)
    table, name = network_table(found), "gpu" if device == "gpu" else "networks"
    write_networks(folder, table, name, gpu() if device == "gpu" else machine())
    for text in network_targets(table):
        print(text.replace("**", ""))
    print(f"table and page: {folder}/{name}.csv, .md")


def benchmark_grids(runs: int, folder: Path) -> None:
    """Run whole grids through the command line."""
    bare, measured = bare_seconds(runs), {}
    for name, each in grids(runs):
        measured[name] = each
        print(f"{name}: {each.seconds:.1f} s", flush=True)
    write_grids(folder, measured, bare, machine())
    for target in grid_targets(measured, bare):
        print(target.told().replace("**", ""))
    print(f"table and page: {folder}/grids.csv, .md")


def plan_of(config: DictConfig) -> Plan:
    """Return what the configuration asks for.

    Raises:
        ValueError: a name is not known or a number is out of range.
    """
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    wanted: dict[str, Any] = {
        str(key): value
        for key, value in settings.items()
        if key not in ("results", "parts", "runs", "device")
    }
    check_names("optimizers", wanted["optimizers"], list(OPTIMIZERS))
    check_names("problems", wanted["problems"], list(PROBLEMS))
    check_names("contestants", wanted["contestants"], list(CONTESTANTS))
    check_number("steps", wanted["steps"], 2)
    check_number("repeats", wanted["repeats"], 1)
    for lanes in wanted["lanes"]:
        check_number("lanes", lanes, 1)
    if not wanted["lanes"] or ENGINE not in wanted["contestants"]:
        raise ValueError(f"lanes must not be empty, and contestants must include {ENGINE}")
    return Plan(**wanted | {"lanes": sorted(wanted["lanes"]), "contestants": there(wanted["contestants"])})


def check_names(key: str, names: Any, known: list[str]) -> None:
    """Raise ValueError unless ``names`` is a list of known names."""
    if not isinstance(names, list) or not names:
        raise ValueError(f"{key} must be a list of {', '.join(known)}, got {names!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"{key} must be among {', '.join(known)}, got {name!r}")


def check_number(key: str, value: Any, least: int) -> None:
    """Raise ValueError unless ``value`` is an integer from ``least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{key} must be an integer in [{least}, inf), got {value!r}")


def there(contestants: list[str]) -> list[str]:
    """Return the contestants whose libraries are installed; say which are not."""
    missing = {library for name in contestants for library in CONTESTANTS[name].missing}
    if missing:
        left_out = [CONTESTANTS[name].label for name in contestants if CONTESTANTS[name].missing]
        names = ", ".join(sorted(missing))
        print(f"not installed: {names} (extra: peers); left out: {'; '.join(left_out)}")
    return [name for name in contestants if not CONTESTANTS[name].missing]


def line(measurements: list[Measurement]) -> str:
    """Return one race in a line: lane-steps a second of each contestant."""
    case = measurements[0].case
    rates = ", ".join(f"{m.contestant} {row(m)[RATE]:.1e}" for m in measurements)
    lanes = counted(case.lanes, "lane")
    return f"{case.optimizer} on {case.problem}, {lanes}: {rates} lane-steps/s"


main = command("benchmark", benchmark)

if __name__ == "__main__":
    main()
