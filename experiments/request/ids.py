"""The id of a run: a hash of all that decides its numbers."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine.backend import BACKEND
from experiments.request.settings import plain


def run_ids(runs: pd.DataFrame, points: int, params: bool, code: str) -> list[str]:
    """Return the id of each row: a hash of all that decides its numbers, and of nothing else.

    Equal values give equal ids however they were written, in whatever company.
    """
    keys = sorted(key for key in runs.columns if key in COMMON or key.startswith(VARIED))
    shared = f"record.points={points};record.params={params};code={code};"
    return [
        hashlib.blake2b((shared + ";".join(row)).encode(), digest_size=12).hexdigest()
        for row in zip(*texts_of(runs[keys]), strict=True)
    ]


COMMON = ("optimizer", "schedule", "problem", "seed", "steps", *BACKEND)
VARIED = ("optimizer.", "schedule.", "problem.")


def texts_of(settings: pd.DataFrame) -> Iterator[list[str]]:
    """Yield columns whose texts, joined row by row, say what each row's settings are.

    Adjacent columns that do not vary are one column: rows are then joined faster.
    """
    columns = [canonical(str(key), settings[key]) for key in settings]
    for constant, group in itertools.groupby(columns, lambda column: len(column[1]) == 1):
        if constant:
            yield [";".join(texts[0] for _, texts in group)] * len(settings)
        else:
            yield from ([texts[code] for code in codes] for codes, texts in group)


def canonical(key: str, column: pd.Series[Any]) -> tuple[list[int], list[str]]:
    """Return the distinct settings ``key=value``, each value with one text, and which each row has."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    texts = [f"{key}={plain(value)!r}" for value in values]
    missing = codes < 0
    if missing.any():
        codes, texts = np.where(missing, len(texts), codes), [*texts, f"{key}=null"]
    return codes.tolist(), texts
