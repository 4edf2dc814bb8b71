"""Two studies beside each other: what one alone has, which numbers differ, whether they say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.table import Table

from experiments import tables
from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here
from experiments.command_line.configuration import studies_named
from experiments.command_line.terminal import print_table
from experiments.request.checks import checked_folder
from experiments.store.parquet import write_text
from experiments.tables.coverage import spans
from experiments.together.differences import by_number, differing, numbers_in, pairs_that_differ
from experiments.together.matching import Matched, matched, runs_told, settings_in
from experiments.together.standings import best_beside, better_beside, standings
from experiments.wording import counted

MOST_ROWS = 30  # of a table on the terminal
Names = tuple[str, str]


@disk_errors_end_here()
def diff(config: DictConfig) -> Path:
    """Compare the runs of two studies by their settings, show how they differ, and write it as tables."""
    with bad_input_ends_here():
        studies = studies_named(config)
        tolerance = checked_tolerance(config.tolerance)
        verdicts = verdicts_beside(list(studies.values()))
        names, one, other = sides(studies, runs_needed=verdicts is None)
        into = folder_for(config, studies, names)
    written = {}
    if len(one) and len(other):
        found = matched(one, other)
        for line in coverage_lines(found, names):
            print(line)
        written["only"] = only_table(found, names)
        if len(found.one):
            written |= compared(found, names, config.measure, tolerance)
    if verdicts is not None:
        written["verdicts"] = verdicts
        show_verdicts(verdicts, names)
    for name, table in written.items():
        write_text(into / f"{name}.csv", table.to_csv(index=False))
    print(f"tables written to {into}: {', '.join(f'{name}.csv' for name in written)}")
    return into


def checked_tolerance(value: Any) -> float:
    """Return ``tolerance`` if it is a number from 0, else raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
        raise ValueError(f"tolerance must be a number in [0, inf), got {value!r}")
    return float(value)


def sides(
    studies: Mapping[str, Path], *, runs_needed: bool = True
) -> tuple[Names, pd.DataFrame, pd.DataFrame]:
    """Return what is compared: the names of both sides, and their runs.

    Of one study, the runs of older code and those of the present code. A folder of verdicts alone has
    no runs, and needs none.

    Raises:
        ValueError: there are more than two studies, or a side lacks the runs that are needed.
    """
    if len(studies) > 2:
        raise ValueError(f"study must be one study or two, got {','.join(studies)!r}")
    runs = [runs_told(folder) for folder in studies.values()]
    if len(studies) == 1:
        [name], [both] = studies, runs
        names = f"{name} by older code", f"{name} by this code"
        current = both["is_current"].astype(bool)
        runs = [both[~current].reset_index(drop=True), both[current].reset_index(drop=True)]
    else:
        first, second = studies
        names = first, second
    for name, side in zip(names, runs, strict=True):
        if side.empty and runs_needed:
            raise ValueError(f"study={name}: it holds no runs, so there is nothing to compare")
    return names, runs[0], runs[1]


def folder_for(config: DictConfig, studies: Mapping[str, Path], names: Names) -> Path:
    """Return the folder that the tables are written to."""
    if config.into is None:
        other = "older_code" if len(studies) == 1 else Path(names[1]).name
        return next(iter(studies.values())) / "diff" / other
    return checked_folder("into", f"{config.into}", Path(f"{config.into}").expanduser())


# What is in both


def coverage_lines(found: Matched, names: Names) -> Iterator[str]:
    """Yield the lines that tell which runs are compared, how they were matched, and which are not."""
    yield f"{counted(len(found.one), 'run')}, at settings of both {names[0]} and {names[1]}"
    for row in grouped(found.ignored).to_dict("records"):
        yield (
            f"{row['key']} differs throughout, {row['one']} in {names[0]} and {row['other']} in {names[1]}, "
            f"and was ignored: {row['within']}"
        )
    if code := apart_in(found, "code"):
        yield f"{counted(code, 'of them was', 'of them were')} made by other code"
    if points := apart_in(found, "points"):
        recorded = counted(points, "of them was", "of them were")
        yield f"{recorded} recorded at other steps: with minibatches, best loss and targets are of those"
    for name, count in zip(names, found.passed_over, strict=True):
        if count:
            passed = counted(count, "run is", "runs are")
            yield f"{name}: {passed} passed over for newer ones at the same settings"
    for name, runs in zip(names, found.only, strict=True):
        yield from only_lines(runs, name)
    for name, runs, side in zip(names, (found.one, found.other), (found.other, found.one), strict=True):
        alone = [key for key in numbers_in(runs) if key not in numbers_in(side)]
        if told := [key for key in alone if runs[key].notna().any()]:
            yield f"numbers that {name} alone has: {', '.join(told)}"


def apart_in(found: Matched, key: str) -> int:
    """Return of how many pairs of runs the files tell otherwise."""
    return int((found.one[key].astype(str) != found.other[key].astype(str)).sum())


def grouped(ignored: pd.DataFrame) -> pd.DataFrame:
    """Return what was ignored with all the problems, or optimizers, where it was so in one row."""
    keys = ["key", "one", "other"]
    return ignored.groupby(keys, sort=False)["within"].agg(", ".join).reset_index()


def only_lines(runs: pd.DataFrame, name: str) -> Iterator[str]:
    """Yield the lines that tell what one study alone has; those alike of several problems are one."""
    rows = []
    for (problem, optimizer), part in runs.groupby(tables.PAIR, observed=True):
        settings = len(part[tables.hyperparameters(part)].drop_duplicates())
        rows.append((problem, optimizer, settings, spans(part["seed"]), len(part)))
    table = pd.DataFrame(rows, columns=["problem", "optimizer", "settings", "seeds", "runs"])
    alike = ["settings", "seeds"]
    told = {"runs": ("runs", "sum")}
    table = (
        table.groupby(["problem", *alike], sort=False)
        .agg(optimizer=("optimizer", ", ".join), **told)
        .reset_index()
    )
    table = (
        table.groupby(["optimizer", *alike], sort=False)
        .agg(problem=("problem", ", ".join), **told)
        .reset_index()
    )
    for row in table.head(MOST_ROWS).to_dict("records"):
        yield (
            f"only in {name}: {counted(row['runs'], 'run')} of {row['optimizer']} on {row['problem']}, "
            f"seeds {row['seeds']}, {counted(row['settings'], 'setting')} each"
        )
    if len(table) > MOST_ROWS:
        yield f"only in {name}: and {len(table) - MOST_ROWS:,} more such lines, see only.csv"


def only_table(found: Matched, names: Names) -> pd.DataFrame:
    """Return the runs at settings that one study alone has, with their settings."""
    parts = [
        runs[["run", *settings_in(runs)]].assign(study=name)
        for name, runs in zip(names, found.only, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    told = [key for key in table if key != "study" and (table.empty or table[key].notna().any())]
    return table[["study", *told]]


# What differs


def compared(found: Matched, names: Names, measure: str, tolerance: float) -> dict[str, pd.DataFrame]:
    """Show how the runs that both studies have differ, and return the tables of it by their names."""
    differ = differing(found, tolerance)
    show_numbers(by_number(found, differ), found, int(differ.any(axis=1).sum()), tolerance)
    with bad_input_ends_here():
        one, other = standings(found, measure)
    best, better = best_beside(one, other), better_beside(one, other)
    show_best(best, names, measure)
    show_better(better, names)
    return {
        "numbers": by_number(found, differ, *tables.PAIR),
        "runs": pairs_that_differ(found, differ, names),
        "best_settings": best,
        "comparisons": better,
    }


def show_numbers(table: pd.DataFrame, found: Matched, runs: int, tolerance: float) -> None:
    """Print which numbers differ, and by how much."""
    by = f" by more than {tolerance:g} of the larger" if tolerance else ""
    if not runs:
        print(f"no number differs{by} (seconds are not compared)")
        return
    print(f"{runs:,} of {counted(len(found.one), 'run')} differ{by}")
    shown = Table()
    shown.add_column("number", no_wrap=True)
    for name in ("differ", "missing", "apart", "relative", "median"):
        shown.add_column(name, justify="right", overflow="fold")
    for row in table[table["differ"] > 0].to_dict("records"):
        numbers = (tables.cell(row[key]) for key in ("largest", "relative", "median"))
        shown.add_row(row["number"], f"{row['differ']:,}", f"{row['missing']:,}", *numbers)
    print_table("Numbers that differ, how far they are apart, and relative to the larger", shown)
    same = table.loc[table["differ"] == 0, "number"]
    if len(same):
        print(f"the same in all: {', '.join(same)}")


def show_best(table: pd.DataFrame, names: Names, measure: str) -> None:
    """Print the best settings and ranks that differ."""
    changed = table[table["differs"]]
    if changed.empty:
        print(
            f"best settings by median {measure} and ranks are the same, of {counted(len(table), 'pair')} "
            "of optimizer and problem"
        )
        return
    shown = Table()
    for name in ("problem", "optimizer", names[0], names[1], "median", "median", "rank", "rank"):
        shown.add_column(name, overflow="fold")
    for row in changed.head(MOST_ROWS).to_dict("records"):
        keys = (
            "problem",
            "optimizer",
            "setting",
            "other_setting",
            "median",
            "other_median",
            "rank",
            "other_rank",
        )
        shown.add_row(*(tables.cell(row[key]) for key in keys))
    print_table(
        f"Best settings by median {measure}, and ranks, that differ: {len(changed)} of {len(table)}", shown
    )
    if len(changed) > MOST_ROWS:
        print(f"and {len(changed) - MOST_ROWS:,} more")


def show_better(table: pd.DataFrame, names: Names) -> None:
    """Print for which pairs of optimizers the studies do not agree who is better over the problems."""
    if table.empty:
        print("no optimizers are compared over problems: that takes three problem instances that two ran on")
        return
    changed = table[table["differs"]]
    pairs = counted(len(table), "pair")
    print(f"who is better over the problems is the same for {len(table) - len(changed)} of {pairs}")
    for row in changed.head(MOST_ROWS).to_dict("records"):
        print(
            f"  {row['optimizers']} ({row['over']}): {row['better']} in {names[0]} (p = {row['p']:.2g}), "
            f"{row['other_better']} in {names[1]} (p = {row['other_p']:.2g})"
        )
    if len(changed) > MOST_ROWS:
        print(f"  and {len(changed) - MOST_ROWS:,} more")


# Verdicts


def verdicts_beside(folders: list[Path]) -> pd.DataFrame | None:
    """Return the verdicts on claims that both folders hold, side by side; None if one holds none."""
    files = [folder / "claims.csv" for folder in folders]
    if len(files) < 2 or not all(file.is_file() for file in files):
        return None
    one, other = (pd.read_csv(file)[["claim", "verdict"]] for file in files)
    table = one.merge(other.rename(columns={"verdict": "other_verdict"}), on="claim", how="outer")
    return table.assign(differs=table["verdict"] != table["other_verdict"])


def show_verdicts(table: pd.DataFrame, names: Names) -> None:
    """Print the claims on which two reports decide otherwise."""
    changed = table[table["differs"]]
    print(f"verdicts: {len(table) - len(changed)} of {counted(len(table), 'claim')} the same")
    for row in changed.to_dict("records"):
        print(f"  {row['claim']}: {row['verdict']} in {names[0]}, {row['other_verdict']} in {names[1]}")


main = command("diff", diff)

if __name__ == "__main__":
    main()
