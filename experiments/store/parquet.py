"""One Parquet file: written whole or not at all, read with every byte checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.store.seal import check_footer, sealed


class Damaged(Exception):
    """A stored file that cannot be read; the message names it and says why."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} cannot be read ({reason})")
        self.file = file
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return Damaged, (self.file, self.reason)  # it may come from another process


class CannotWrite(Exception):
    """A folder in which nothing can be written; the message names it and says why."""


def read_table(file: Path, **options: Any) -> pa.Table:
    """Return what a file holds, by the options of ``pyarrow.parquet.read_table``.

    Raises:
        Damaged: it is cut short, or its bytes are not those that were written.
    """
    with readable(file):
        check_footer(file)
        table = pq.read_table(file, page_checksum_verification=True, **options)
        table.validate(full=True)  # the headers of pages have no checksum
        return table


def has_columns(file: Path, names: Iterable[str]) -> bool:
    """Tell whether a file has all of these columns.

    Raises:
        Damaged: as ``read_table``.
    """
    with readable(file):
        check_footer(file)
        return set(names) <= set(pq.read_schema(file).names)


def metadata_of(file: Path) -> dict[str, str]:
    """Return what is kept beside the rows of a file: provenance, and what its runs have in common.

    Raises:
        Damaged: as ``read_table``.
    """
    with readable(file):
        check_footer(file)
        found = pq.read_schema(file).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Raise Damaged when what is done inside cannot make sense of the file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Damaged(file, one_line(error)) from error


def write_table(table: pa.Table, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        CannotWrite: the disk is full, say, or the folder read-only.
    """
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    there = {key.decode(): value for key, value in (table.schema.metadata or {}).items()}
    with pa.BufferOutputStream() as memory:
        pq.write_table(
            table.replace_schema_metadata({**there, **metadata}),
            memory,
            compression="zstd",
            use_dictionary=others,
            use_byte_stream_split=floats,
            write_page_checksum=True,
        )
        content = memoryview(memory.getvalue())
    with writing(path.parent) as temporary:
        with open(temporary, "wb") as file:
            file.writelines(sealed(content))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file, byte by byte, such that it is there whole or not at all.

    Raises:
        CannotWrite: as ``write_table``.
    """
    with writing(path.parent) as temporary:
        shutil.copyfile(source, temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file of text that is there whole or not at all.

    Raises:
        CannotWrite: as ``write_table``.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append lines to a file of text, in one write, so that those of several hosts do not mix.

    Raises:
        CannotWrite: as ``write_table``.
    """
    text = "".join(f"{line}\n" for line in lines)
    if text:
        with writing(path.parent), open(path, "a", encoding="utf-8") as file:
            file.write(text)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that takes the place of a file once it is written.

    Raises:
        CannotWrite: as ``write_table``.
    """
    with writing(path.parent) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield the path of a temporary file in a folder that is made if need be.

    Raises:
        CannotWrite: what is done inside meets an error of the file system; the temporary file is
            removed.
    """
    temporary = folder / f".{uuid4().hex}.tmp"  # hosts may share process ids
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CannotWrite(f"{folder} cannot be written: {error.strerror or one_line(error)}") from error


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder last through a loss of power, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def one_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return f"{error}".partition("\n")[0].rstrip(".")
