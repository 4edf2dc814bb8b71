"""The runs of two studies beside each other, by their settings: whatever code, machine or engine they had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import BACKEND
from experiments.request.settings import is_hyperparameter, optimizer_called
from experiments.store import MOST_READ, Store
from experiments.store.columns import as_frame
from experiments.store.parquet import metadata_of, read_table
from experiments.store.store import is_current
from experiments.tables.coverage import defaults_of
from experiments.wording import counted
from optim.schedules import SCHEDULES
from optim.wrapper import Wrapper
from problems import PROBLEMS

IGNORED_WITHIN = {**dict.fromkeys(BACKEND, "problem"), "optimizer.version": "optimizer"}
"""What may be ignored to match runs, where two studies differ in it on all of a problem, or an optimizer."""

OF_FILE = ("code", "is_current", "points", "written")
"""What is told of each run by the file that holds it, beside its own columns."""

COMMON = ("optimizer", "schedule", "problem", "seed", "steps", *BACKEND)


@dataclass(frozen=True)
class Matched:
    """The runs of two studies, by their settings.

    Attributes:
        one, other: the runs at the settings that both have, row by row; each has its own columns.
        only: the runs at settings that the first alone has, then the second.
        ignored: what differs throughout, and was ignored: key, within, one, other.
        passed_over: how many runs of each were not taken, as a newer run has the same settings.
    """

    one: pd.DataFrame
    other: pd.DataFrame
    only: tuple[pd.DataFrame, pd.DataFrame]
    ignored: pd.DataFrame
    passed_over: tuple[int, int]


# What a study holds, whatever code made it


def runs_told(folder: Path) -> pd.DataFrame:
    """Return a row a run of a study, of older code too, with what its file tells: ``OF_FILE``.

    A setting that the code which made a run did not know has its default: that is what the run had.

    Raises:
        ValueError: they do not fit into memory.
    """
    store = Store(folder)
    if store.count() > MOST_READ:
        raise ValueError(
            f"{folder} has {counted(store.count(), 'run')}; at most {MOST_READ:,} of a study can be "
            "compared at once"
        )
    frames = [told(file) for file in store.files("runs", outdated=True)]
    return (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", *COMMON, *OF_FILE])
    )


def told(file: Path) -> pd.DataFrame:
    """Return the runs of a file, with what its footer tells and the defaults of settings that it lacks."""
    metadata = metadata_of(file)
    frame = as_frame([read_table(file)], None)
    words = [name for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    frame = frame.astype(dict.fromkeys(words, object))
    lacking = {key: value for key, value in defaults(metadata).items() if key not in frame}
    return frame.assign(
        **lacking,
        code=metadata.get("code", ""),
        is_current=is_current(metadata),
        points=metadata.get("record.points", ""),
        written=file.stat().st_mtime_ns,
    )


def defaults(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the defaults of all settings that the present code knows of the runs in a file."""
    name = metadata.get("schedule", "constant")
    parts: list[tuple[str, type | None]] = [
        ("optimizer", optimizer_called(metadata.get("optimizer", ""))),
        ("optimizer", Wrapper),
        ("problem", PROBLEMS.get(metadata.get("problem", ""))),
        ("schedule", SCHEDULES.get(name)),
    ]
    known = [(group, defaults_of(part)) for group, part in parts if part is not None]
    found = {f"{group}.{key}": value for group, own in known for key, value in own.items()}
    return {"schedule": name, **{key: value for key, value in found.items() if value is not None}}


# Which run of one is which of the other


def settings_in(runs: pd.DataFrame) -> list[str]:
    """Return the columns that say what the settings of runs are."""
    return [
        key for key in map(str, runs) if key in COMMON or is_hyperparameter(key) or key.startswith("problem.")
    ]


def matched(one: pd.DataFrame, other: pd.DataFrame) -> Matched:
    """Return the runs of two studies, as ``runs_told`` gives them, by their settings.

    Of several runs of a study at the same settings, by other code or recorded otherwise, one of the
    present code comes first, then the one that was written last.
    """
    both = pd.concat([one, other], ignore_index=True)
    both["side"] = np.repeat([0, 1], [len(one), len(other)])
    keys = settings_in(both)
    ignored = differing_throughout(both)
    for row in ignored.to_dict("records"):
        both[row["key"]] = both[row["key"]].mask(both[IGNORED_WITHIN[row["key"]]] == row["within"])
    place = (
        both.groupby(keys, dropna=False, observed=True, sort=False).ngroup() if len(both) else both["side"]
    )
    first, second = (
        newest(frame.assign(place=place[both["side"] == side].to_numpy()))
        for side, frame in enumerate((one, other))
    )
    shared = np.intersect1d(first["place"], second["place"])
    found = [part[part["place"].isin(shared)] for part in (first, second)]
    alone = [part[~part["place"].isin(shared)] for part in (first, second)]
    return Matched(
        one=without_place(found[0]),
        other=without_place(found[1]),
        only=(without_place(alone[0]), without_place(alone[1])),
        ignored=ignored,
        passed_over=(len(one) - len(first), len(other) - len(second)),
    )


def newest(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one run of each place, by their places: that of the present code, then the one written last."""
    order = runs.sort_values(["is_current", "written"], ascending=False, kind="stable")
    return order.drop_duplicates("place").sort_values("place", kind="stable")


def without_place(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.drop(columns="place").reset_index(drop=True)


def differing_throughout(both: pd.DataFrame) -> pd.DataFrame:
    """Return what no two runs of the two sides have in common, on a problem or for an optimizer.

    Columns: key, within (the problem or optimizer), one, other (the values of each side).
    """
    rows = []
    for key, group in IGNORED_WITHIN.items():
        if key not in both:
            continue
        for name, part in both.groupby(group, observed=True):
            values = [set(part.loc[part["side"] == side, key].dropna()) for side in (0, 1)]
            if all(values) and not values[0] & values[1]:
                rows.append((key, name, *(", ".join(sorted(map(str, each))) for each in values)))
    return pd.DataFrame(rows, columns=["key", "within", "one", "other"])
