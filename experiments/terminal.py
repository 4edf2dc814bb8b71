"""What a command shows on the terminal when it is done."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments import tables
from experiments.tables import cell


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
