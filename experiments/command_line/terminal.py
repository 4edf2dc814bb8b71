"""What the commands show on the terminal: what a grid will take, and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments import tables
from experiments.grid.forecast import Forecast
from experiments.request.settings import is_hyperparameter
from experiments.tables import cell
from experiments.tables.coverage import unmeasured
from experiments.wording import counted

MOST_ROWS = 60  # of a forecast
WIDE = 24  # characters: schedule=cosine_restarts
MOST_COLUMNS = 4  # of hyperparameters, on a terminal of 80 characters


def closing_table(runs: pd.DataFrame, measure: str = "suboptimality") -> None:
    """Print the best setting of each optimizer on each problem; each setting and seed is there once."""
    shown, notes = best_table(runs, measure)
    print_table(f"Best settings by median {measure}", shown)
    for note in notes:
        print(note)


def best_table(runs: pd.DataFrame, measure: str, tried: bool = False) -> tuple[Table, list[str]]:
    """Return the best setting of each optimizer on each problem, and in lines what the table cannot say.

    Args:
        tried: whether to count the settings that were tried, and the seeds.
    """
    runs = tables.labelled(runs)
    best = tables.best_settings(runs, measure)
    none = tables.without_setting(best, runs, measure)
    unsettled = set(none[tables.PAIR].astype(str).itertuples(index=False, name=None))
    shown = Table()
    varied = list(filter(is_hyperparameter, map(str, best)))
    merged = len(varied) > MOST_COLUMNS
    spoken = [key.removeprefix("optimizer.") for key in varied]
    for name in ("problem", "optimizer"):
        shown.add_column(name, overflow="fold")
    for name in ["settings"] if merged else spoken:
        shown.add_column(name, overflow="fold", min_width=WIDE if merged else None)
    ended = tables.divergence(runs).set_index(["problem", "optimizer"])
    ends = ["diverged", "stalled"] if ended["stalled"].any() else ["diverged"]
    seeds = runs.groupby(tables.PAIR, observed=True)["seed"].nunique()
    for name in ("median", *ends, *(("tried", "seeds") if tried else ()), "runs"):
        shown.add_column(name, justify="right")
    for _, row in best.iterrows():
        pair = row["problem"], row["optimizer"]
        shares = [f"{share:.0%}" for share in ended.loc[pair, ends]]
        settings, median = [row[key] for key in varied], row["median"]
        if tuple(map(str, pair)) in unsettled:
            settings = [None for _ in varied]
            median = "all diverged" if ended.loc[pair, "diverged"] == 1 else "none"
        values = [*pair, *([in_words(spoken, settings)] if merged else settings), median]
        counts = [row["settings_compared"], seeds[pair]] if tried else []
        numbers = [f"{number:,}" for number in (*counts, row["runs_compared"])]
        shown.add_row(*(cell(value) for value in values), *shares, *numbers)
    without = none[[*tables.PAIR, "note"]].itertuples(index=False)
    notes = [f"{optimizer} on {problem}: no best setting, {note}" for problem, optimizer, note in without]
    notes += [
        f"{each['optimizer']} on {each['problem']}: {each['why']}, {each['runs']:,} runs are not compared"
        for each in unmeasured(runs, best, measure).to_dict("records")
    ]
    return shown, notes


def in_words(names: Sequence[str], values: Sequence[Any]) -> str | None:
    """Return ``name=value name=value``, what is missing left out, None if all is."""
    return (
        " ".join(f"{n}={tables.text(v, 3)}" for n, v in zip(names, values, strict=True) if pd.notna(v))
        or None
    )


def print_table(title: str, table: Table) -> None:
    """Print a table under its title, which Rich would fill up with blanks to the table's width."""
    console = Console()
    console.print(Text(title, style="italic"))
    console.print(table)


def forecast_table(forecasts: Sequence[Forecast], jobs: int, workers: int, seconds: float) -> None:
    """Print what a grid holds, and what it will take."""
    shown = Table()
    for name in ("optimizer", "problem"):
        shown.add_column(name, overflow="fold")
    for name in ("runs", "shards", "stored", "processor time", "disk"):
        shown.add_column(name, justify="right")
    for f in forecasts[:MOST_ROWS]:
        runs = f"{f.runs:,}" + (f" + {f.more:,}" if f.more else "")
        numbers = f"{f.shards:,}", f"{f.stored:,}", time_text(f.seconds), size_text(f.bytes)
        shown.add_row(f.optimizer, f.problem, runs, *numbers)
    print_table("What would be run", shown)
    if len(forecasts) > MOST_ROWS:
        print(f"and {counted(len(forecasts) - MOST_ROWS, 'more cell')}")
    runs, stored = (
        sum(count) for count in zip(*((f.runs + f.more, f.stored) for f in forecasts), strict=True)
    )
    print(
        f"{counted(len(forecasts), 'cell')}, {counted(runs, 'run')}, of which {stored:,} "
        f"{'is' if stored == 1 else 'are'} stored; the others take about "
        f"{time_text(seconds)} in {counted(jobs, 'job')}, {workers:,} at once, and "
        f"{size_text(sum(f.bytes for f in forecasts))} on disk. Nothing was run."
    )
    if few := [f for f in forecasts if not f.measured]:
        print(f"The times of {counted(len(few), 'cell')} are reckoned from those of the others.")


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
