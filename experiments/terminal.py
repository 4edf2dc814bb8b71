"""What the commands show on the terminal: what a grid will take, and what came out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments import tables
from experiments.estimate import Forecast
from experiments.tables import cell
from experiments.wording import counted


def distinct(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each setting and seed once, whatever was recorded of it."""
    keys = [str(c) for c in runs if str(c).startswith(("optimizer", "problem")) or c in ("seed", "steps")]
    return runs.drop_duplicates(keys, ignore_index=True) if len(runs) else runs


def closing_table(runs: pd.DataFrame, measure: str = "suboptimality") -> None:
    """Print the best setting of each optimizer on each problem; each setting and seed is there once."""
    best = tables.best_settings(runs, measure)
    shown = Table(title=f"Best settings by median {measure}", title_justify="left")
    varied = [str(c) for c in best if str(c).startswith("optimizer.")]
    for name in ("problem", "optimizer", *(key.removeprefix("optimizer.") for key in varied)):
        shown.add_column(name)
    for name in ("median", "diverged", "runs"):
        shown.add_column(name, justify="right")
    lost = tables.divergence(runs).set_index(["problem", "optimizer"])["diverged"]
    for _, row in best.iterrows():
        share = lost[row["problem"], row["optimizer"]]
        values = [row["problem"], row["optimizer"], *(row[key] for key in varied), row["median"]]
        shown.add_row(*(cell(value) for value in values), f"{share:.0%}", f"{row['runs_compared']:,}")
    Console().print(shown)


def forecast_table(forecasts: Sequence[Forecast], jobs: int, workers: int, seconds: float) -> None:
    """Print what a grid holds, and what it will take."""
    shown = Table(title="What would be run", title_justify="left")
    for name in ("optimizer", "problem"):
        shown.add_column(name)
    for name in ("runs", "shards", "stored", "processor time", "disk"):
        shown.add_column(name, justify="right")
    for f in forecasts:
        runs = f"{f.runs:,}" + (f" + {f.more:,}" if f.more else "")
        numbers = f"{f.shards:,}", f"{f.stored:,}", time_text(f.seconds), size_text(f.bytes)
        shown.add_row(f.optimizer, f.problem, runs, *numbers)
    Console().print(shown)
    runs, stored = (
        sum(count) for count in zip(*((f.runs + f.more, f.stored) for f in forecasts), strict=True)
    )
    print(
        f"{counted(len(forecasts), 'cell')}, {counted(runs, 'run')}, of which {stored:,} "
        f"{'is' if stored == 1 else 'are'} stored; the others take about "
        f"{time_text(seconds)} in {counted(jobs, 'job')}, {workers:,} at once, and "
        f"{size_text(sum(f.bytes for f in forecasts))} on disk. Nothing was run."
    )


def time_text(seconds: float) -> str:
    """Return a length of time in two significant units or digits."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.3g} h"


def size_text(size: float) -> str:
    """Return a size on disk in the unit that suits it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
