"""In how much of a space a claim holds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.wording import counted


@dataclass(frozen=True)
class ClaimSpace:
    """Where a claim "the ratio is above 1" holds among the cells of a grid.

    Attributes:
        cells: how many there are.
        holds: cells whose ratio is above 1.
        fails: cells whose ratio is 1 or less.
        undefined: cells without a ratio: neither side got there.
        surely_holds: cells whose interval lies above 1; equal to ``holds`` without intervals.
        surely_fails: cells whose interval lies below 1; equal to ``fails`` without intervals.
    """

    cells: int
    holds: int
    fails: int
    undefined: int
    surely_holds: int
    surely_fails: int

    @property
    def share(self) -> float:
        """Share of all the cells in which the claim surely holds; NaN for no cells."""
        return self.surely_holds / self.cells if self.cells else np.nan

    def __str__(self) -> str:
        open_cells = self.cells - self.surely_holds - self.surely_fails
        tail = f", {open_cells} undecided" if open_cells else ""
        return f"holds in {self.share:.0%} of {counted(self.cells, 'cell')}{tail}"


def claim_space(table: pd.DataFrame, ratio: str = "ratio") -> ClaimSpace:
    """Count the cells, one a row, in which the ratio is above 1.

    Cells weigh alike: on axes that are even in the logarithm, the share is of the
    logarithmic space. Columns ``low`` and ``high``, if there, are the ratio's interval; a
    cell without a ratio (NaN) counts among the cells, on neither side.
    """
    ratios = table[ratio].astype(float)
    low = table["low"].astype(float) if "low" in table else ratios
    high = table["high"].astype(float) if "high" in table else ratios
    fails = ratios <= 1
    surely_fails = high < 1 if "high" in table else fails
    return ClaimSpace(
        cells=len(table),
        holds=int((ratios > 1).sum()),
        fails=int(fails.sum()),
        undefined=int(ratios.isna().sum()),
        surely_holds=int((low > 1).sum()),
        surely_fails=int(surely_fails.sum()),
    )
