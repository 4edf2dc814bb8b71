"""Results as the rows of a table."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd


def as_table(results: Mapping[str, Any], name: str = "comparison") -> pd.DataFrame:
    """Return one row per result, its name first, then the fields of the dataclass."""
    rows = [
        {name: key, **{spec.name: getattr(result, spec.name) for spec in fields(result)}}
        for key, result in results.items()
    ]
    return pd.DataFrame(rows)
