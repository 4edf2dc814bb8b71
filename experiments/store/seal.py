"""A digest inside each Parquet file, by which a changed byte is noticed wherever it is.

Parquet has checksums of its pages, but none of its footer, where the names of the columns and
the bounds of their values are. The seal stands before the footer, where readers do not look.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MARK = b"sealed: "  # then the digest of the footer, then that of all before the mark
DIGEST = 16
LENGTH_AND_MAGIC = 8  # that end a Parquet file: the length of its footer, and PAR1
PIECE = 1 << 20


def sealed(content: memoryview) -> tuple[bytes | memoryview, ...]:
    """Return the parts of a Parquet file with a seal before its footer."""
    start = len(content) - LENGTH_AND_MAGIC - length_of_footer(content[-LENGTH_AND_MAGIC:])
    pages, footer = content[:start], content[start:]
    return pages, MARK, digest(footer), digest(pages), footer


def check_footer(file: Path) -> None:
    """Raise OSError if the footer of a sealed file is not the one that was written."""
    footer, seal = footer_and_seal(file)
    if is_seal(seal) and seal[-2 * DIGEST : -DIGEST] != digest(footer):
        raise OSError("its footer is not the one that was written")


def check_pages(file: Path) -> bool:
    """Raise OSError if what stands before the seal is not what was written; tell if there is a seal."""
    footer, seal = footer_and_seal(file)
    if not is_seal(seal):
        return False
    hashed, left = hashlib.blake2b(digest_size=DIGEST), file.stat().st_size - len(seal) - len(footer)
    with open(file, "rb") as opened:
        while piece := opened.read(min(left, PIECE)):
            hashed.update(piece)
            left -= len(piece)
    if hashed.digest() != seal[-DIGEST:]:
        raise OSError("its bytes are not those that were written")
    return True


def footer_and_seal(file: Path) -> tuple[bytes, bytes]:
    """Return the footer of a file with all that follows, and as much before it as a seal would take."""
    with open(file, "rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(size - LENGTH_AND_MAGIC, 0))
        footer = LENGTH_AND_MAGIC + length_of_footer(opened.read())
        opened.seek(max(size - footer - len(MARK) - 2 * DIGEST, 0))
        end = opened.read()
    return end[-footer:], end[:-footer]


def is_seal(found: bytes) -> bool:
    return len(found) == len(MARK) + 2 * DIGEST and found.startswith(MARK)


def length_of_footer(end: bytes | memoryview) -> int:
    return int.from_bytes(end[:4], "little")


def digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()
