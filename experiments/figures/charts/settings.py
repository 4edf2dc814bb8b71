"""The settings that points of a chart stand for: a number, by which the page finds them, and words."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from experiments.figures.charts.style import inline
from experiments.tables import PAIR, hyperparameters, text
from experiments.tables.varying import swept

SETTING = "setting"
"""The column with the number of a run's setting (``tables.numbered``)."""


def settings_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each setting of numbered runs: setting, problem, optimizer, hyperparameters, words."""
    keys = hyperparameters(runs)
    table = runs.drop_duplicates(SETTING)[[SETTING, *PAIR, *keys]].sort_values(SETTING, ignore_index=True)
    varied = swept(runs)
    words = [
        " ".join(
            f"{key.removeprefix('optimizer.')}={text(row[key], 4)}" for key in varied if row[key] == row[key]
        )
        for row in table.to_dict("records")
    ]
    return table.assign(settings=words)


def with_setting(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a table with problem, optimizer and some hyperparameters with the number of each row's setting.

    Where its hyperparameters leave several, the first.
    """
    known = settings_table(runs)
    keys = [key for key in [*PAIR, *hyperparameters(runs)] if key in table]
    numbers = known[[SETTING, "settings"]].set_axis(texts(known, keys))
    numbers = numbers[~numbers.index.duplicated()]
    found = numbers.reindex(texts(table, keys)).set_index(table.index)
    return table.assign(setting=found[SETTING], settings=found["settings"])


def texts(table: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Return the values of these columns as texts, by which settings are found whatever their types."""
    columns = [table[key].map(lambda value: text(value, 12)).astype(str) for key in keys]
    return pd.Series(["\n".join(row) for row in zip(*columns, strict=True)], index=table.index, dtype=object)


def spoken_settings(runs: pd.DataFrame) -> alt.LookupData:
    """Return the words of each setting, to be looked up by its number."""
    words = settings_table(runs)[[SETTING, "settings"]]
    return alt.LookupData(data=inline(words), key=SETTING, fields=["settings"])
