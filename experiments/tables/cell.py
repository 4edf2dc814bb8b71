"""A value as it stands in a table that people read."""

from typing import Any

import numpy as np
import pandas as pd


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    if value is None or value is pd.NA or value != value:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "∞" if value == np.inf else f"{value:.4g}"
    return str(value).replace("|", "\\|")
