"""A file of the user's own: found, read, and told from others by a digest of its bytes."""

import csv
import hashlib
import os
import re
import warnings
from functools import lru_cache
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from problems.data.split import Unusable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# pandas and pyarrow are imported where they are used: most problems do without
ENDINGS = (".csv", ".parquet")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MISSING_WORDS = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"]
"""What a CSV file holds where there is no value."""

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+(,\d+)?([eE][+-]?\d+)?\s*")
LARGEST_FILE = 1 << 30  # bytes
LEAVE_OUT = "leave it out of the file, or write it as numbers"
INDEX = "__index_level_0__"  # what pandas calls the numbers of its rows in a Parquet file


def is_file(data: str) -> bool:
    """Tell whether the name of a data set is that of a file."""
    return data.lower().endswith(ENDINGS)


def content_of(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        Unusable: there is none, or it cannot be read.
    """
    try:
        if not path.is_file():
            raise Unusable("that is no file" if path.exists() else f"there is no such file in {path.parent}")
        if path.stat().st_size > LARGEST_FILE:
            raise Unusable(f"the file has {path.stat().st_size:,} bytes, at most {LARGEST_FILE:,}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable(f"the file cannot be read: {getattr(error, 'strerror', None) or error}") from None


def digest_of(path: Path) -> str:
    """Return a digest of a file's bytes, read anew whenever the file has been written."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return digest(content_of(path))  # which says what is wrong
    return digest_at(path, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@lru_cache
def digest_at(path: Path, stamp: tuple[int, ...]) -> str:
    return digest(content_of(path))


def digest(content: bytes) -> str:
    """Return a digest of bytes: a word that is never taken for a number."""
    return f"b2-{hashlib.blake2b(content, digest_size=8).hexdigest()}"


def frame_of(path: Path, expected: str) -> "pd.DataFrame":
    """Return the columns of a file whose bytes have that digest.

    Raises:
        Unusable: they have another, or are no table.
    """
    content = content_of(path)
    if digest(content) != expected:
        raise Unusable(changed(expected, digest(content)))
    if not content.strip():
        raise Unusable("the file is empty")
    readers = {".parquet": from_parquet, ".csv": from_csv, ".dat": without_names}
    frame = readers[path.suffix.lower()](content)
    if not len(frame):
        raise Unusable("the file has column names and no rows")
    return frame


def changed(expected: str, found: str) -> str:
    return f"the file has changed since: its digest is {found}, not {expected}"


def from_parquet(content: bytes) -> "pd.DataFrame":
    """Return the columns of a Parquet file; without the plain index of pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unusable(f"the file is no Parquet: {' '.join(f'{error}'.split())[:200]}") from None
    check_names(table.column_names)
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.float64()))
        elif not is_plain(field.type):
            raise Unusable(
                f"column {field.name!r} is of type {field.type}, and only numbers, texts, booleans and "
                f"categories are taken; {LEAVE_OUT}"
            )
    return table.to_pandas(ignore_metadata=True).drop(columns=INDEX, errors="ignore")


def is_plain(kind: "pa.DataType") -> bool:
    """Tell whether a column of that type is numbers, texts, booleans, categories, or without values."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*tests, *texts))


def from_csv(content: bytes) -> "pd.DataFrame":
    """Return the columns of a CSV file in UTF-8, with their names in the first line that is not blank.

    The separator is the one of comma, semicolon and tab that this line has most of. Where it is the
    semicolon, a column all of whose numbers are written with a decimal comma is one of numbers.
    """
    import pandas as pd

    text = decoded(content)
    header = next(line for line in text.splitlines() if line.strip())
    separator = max(SEPARATORS, key=re.sub(r'"[^"]*"', "", header).count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    check_names([name for name in names if name])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows longer than the header
            frame = pd.read_csv(
                StringIO(text),
                sep=separator,
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=MISSING_WORDS,
                low_memory=False,
            )
    except pd.errors.ParserWarning:
        raise Unusable("its rows have more values than its first line has names") from None
    except (pd.errors.ParserError, ValueError) as error:
        line = " ".join(f"{error}".split()).removeprefix("Error tokenizing data. C error: ")
        raise Unusable(f"the file is no CSV with {SEPARATORS[separator]}: {line[:200]}") from None
    frame.columns = pd.Index(names)
    frame = without_index(frame)
    return frame.apply(decimal_commas) if separator == ";" else frame


def without_names(content: bytes) -> "pd.DataFrame":
    """Return the columns of values with commas between them, called 1, 2 and so on."""
    import pandas as pd

    text = decoded(content)
    frame = pd.read_csv(
        StringIO(text), header=None, skipinitialspace=True, keep_default_na=False, na_values=MISSING_WORDS
    )
    return frame.set_axis([f"{number}" for number in range(1, frame.shape[1] + 1)], axis="columns")


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unusable(f"the file is not UTF-8: byte {content[error.start]:#04x} in line {line}") from None
    if "\0" in text:
        raise Unusable("the file is not text: it has bytes that are 0")
    if not text.strip():
        raise Unusable("the file is empty")
    return text


def check_names(names: list[str]) -> None:
    """Raise Unusable for a name that several columns have."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unusable(f"{names.count(twice)} columns are called {twice!r}; give each a name of its own")


def without_index(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table without a first column that has no name and counts the rows, as pandas writes it.

    Raises:
        Unusable: another column has no name.
    """
    import numpy as np

    nameless = [place for place, name in enumerate(frame.columns) if not name]
    if nameless == [0] and len(frame):
        first = frame.iloc[:, 0].to_numpy()
        if first.dtype.kind == "i" and first[0] in (0, 1) and (np.diff(first) == 1).all():
            return frame.iloc[:, 1:]
    if nameless:
        raise Unusable(f"column {nameless[0] + 1} has no name in the first line")
    return frame


def decimal_commas(column: "pd.Series") -> "pd.Series":
    """Return a column of texts that are all numbers with a decimal comma as numbers, any other as it is."""
    import pandas as pd

    present = column.dropna()
    if pd.api.types.is_numeric_dtype(column) or not len(present):
        return column
    if not all(isinstance(value, str) and DECIMAL_COMMA.fullmatch(value) for value in present):
        return column
    return column.map(lambda value: float(value.replace(",", ".")), na_action="ignore").astype(float)
