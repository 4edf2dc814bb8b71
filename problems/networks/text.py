"""A text made by rule, lines of small sums such as ``7+15=22;``, cut into windows."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ALPHABET = "0123456789+=;"
TRAINING, HELD_OUT = 2048, 1024
"""How many characters of the text are predicted in training, and after it in the held-out part."""


class Windows(NamedTuple):
    """Windows of the text as places in the alphabet: (windows, length + 1).

    The last character of one is the first of the next, so that each but the very first is
    predicted once.
    """

    train: NDArray[np.int32]
    test: NDArray[np.int32]


def sums(characters: int) -> str:
    """Return the beginning of the text: sums of two numbers below 100, drawn evenly and always alike."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(100, size=(characters // 5 + 1, 2))  # a sum is at least six characters
    return "".join(f"{a}+{b}={a + b};" for a, b in pairs)[:characters]


@lru_cache
def load_windows(length: int) -> Windows:
    """Return the windows in which so many characters are predicted; what is left over is not used."""
    text = np.array([ALPHABET.index(character) for character in sums(TRAINING + HELD_OUT + 2)], np.int32)
    parts = text[: TRAINING + 1], text[TRAINING + 1 :]
    return Windows(*(cut(part, length) for part in parts))


def cut(text: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    starts = np.arange(0, len(text) - length, length)
    return np.asarray(text[starts[:, None] + np.arange(length + 1)])
