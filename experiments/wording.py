"""Words that fit a number."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with what is counted, ``many`` standing for ``one`` with an s.

    >>> counted(1, "run"), counted(2000, "run"), counted(0, "file is bad", "files are bad")
    ('1 run', '2,000 runs', '0 files are bad')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
