"""Networks against a PyTorch loop, on one core or on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from experiments.benchmark.case import ENGINE, NETWORKS, TORCH_NETWORK, Case
from experiments.benchmark.measure import Measurement, race, started
from experiments.reports.page import table_text
from experiments.wording import counted

STEPS, RECORDED = 1000, 20
SMALL = {"hidden": 32, "batch_size": 32}
LARGE = {"hidden": 256, "layers": 2, "batch_size": 32}
CONVOLUTIONS = {"channels": 16}


@dataclass(frozen=True)
class Network:
    """A network that is measured, and how many times a PyTorch loop it is meant to reach."""

    title: str
    problem: str
    constants: dict[str, Any] = field(repr=False)
    lanes: int
    dtype: str
    steps: int
    target: float


ON_CPU = (
    Network("mlp 64-32-10, batch 32", "mlp", SMALL, 64, "float64", STEPS, 4),
    Network("mlp 64-32-10, batch 32", "mlp", SMALL, 64, "float32", STEPS, 8),
)
ON_GPU = (
    Network("mlp 64-32-10, batch 32", "mlp", SMALL, 1024, "float32", STEPS, 8000),
    Network("mlp 64-256-256-10, batch 32", "mlp", LARGE, 256, "float32", STEPS, 450),
    Network("convnet, 16 and 32 channels, batch 64", "convnet", CONVOLUTIONS, 256, "float32", 300, 100),
)


def measured(device: str, repeats: int, seconds: float) -> Iterator[tuple[Network, dict[str, Measurement]]]:
    """Yield each network of a device with what this engine and the loop did, in turn."""
    names = [name for name, contestant in NETWORKS.items() if not contestant.missing]
    for network in ON_GPU if device == "gpu" else ON_CPU:
        case = Case(
            optimizer="rmsprop",
            problem=network.problem,
            lanes=network.lanes,
            steps=network.steps,
            highest_lr=0.003,
            constants=network.constants,
            recorded=RECORDED,
            dtype=network.dtype,
            device=device,
        )
        with started(case, seconds, names) as workers:
            yield network, {m.contestant: m for m in race(case, workers, repeats)}


def rate(measurement: Measurement) -> float:
    """Return lane-steps a second by the clock, the median of the repetitions."""
    return median(done.lane_steps / done.wall_seconds for done in measurement.repetitions)


def network_table(found: Sequence[tuple[Network, dict[str, Measurement]]]) -> pd.DataFrame:
    """Return one row a network: lane-steps a second of both, how many times the loop, compile time."""
    rows = []
    for network, by_name in found:
        ours = by_name[ENGINE]
        loop = rate(by_name[TORCH_NETWORK]) if TORCH_NETWORK in by_name else float("nan")
        rows.append(
            {
                "network": network.title,
                "lanes": network.lanes,
                "dtype": network.dtype,
                "lane-steps/s": rate(ours),
                "a PyTorch loop": loop,
                "times the loop": rate(ours) / loop,
                "to reach": network.target,
                "first call, s": ours.first.wall_seconds,
                "steps": network.steps,
            }
        )
    return pd.DataFrame(rows)


def network_targets(table: pd.DataFrame) -> Iterator[str]:
    """Yield for each network whether its target is reached."""
    for _, row in table.iterrows():
        reached = "Reached" if row["times the loop"] >= row["to reach"] else "Not reached"
        yield (
            f"Target: {row['network']}, {counted(row['lanes'], 'lane')}, {row['dtype']}, "
            f"{row['to reach']:g} times a PyTorch loop. **{reached}**: {row['times the loop']:.3g} times."
        )


def write_networks(folder: Path, table: pd.DataFrame, name: str, where: str) -> None:
    """Write ``NAME.csv`` and ``NAME.md`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.4g")
    shown = table.map(lambda value: float(f"{value:.3g}") if isinstance(value, float) else value)
    targets = "\n".join(f"- {line}" for line in network_targets(table))
    parts = ["# Networks", f"Measured on: {where}.", targets, table_text(shown), HOW]
    (folder / f"{name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


HOW = f"""\
RMSprop, each lane with minibatches and a start of its own, loss on all data at {RECORDED} of the steps. By
the clock, the median of the repetitions, after a first call that is not counted; that call, which compiles,
is in the table. The loop is PyTorch's as one writes it, a module, autograd, an optimizer, run after run, in
the same type; it records the loss, this engine also the norm of the gradient and the accuracy. Each in a
process of its own, on one core, or on the GPU."""
