"""The problem of a run, made again from its columns."""

import numpy as np
import pandas as pd

from experiments.request.settings import build
from problems import PROBLEMS, Problem


def problem_of(row: pd.Series, name: str) -> Problem:
    """Return the problem of a run."""
    values = {key.removeprefix("problem."): row[key] for key in row.index if str(key).startswith("problem.")}
    known = PROBLEMS[name].__dataclass_fields__
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items() if k in known}
    integers = {
        k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in plain.items() if v == v
    }
    problem: Problem = build(PROBLEMS, "problem", {"name": name, **integers})
    return problem
