"""Text as LaTeX prints it, whatever engine and font encoding: every letter, or its number, none lost."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Any

from experiments.tables import cell

PRINTED = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "{}$&%#_"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "`": r"\textasciigrave{}"},
    **{"\u2013": "--", "—": "---", "…": r"\ldots{}", "\u2019": "'", "\u2018": "`", "“": "``", "”": "''"},
    **{"\u00a0": "~", "\u2009": r"\,", "°": r"\textdegree{}", "§": r"\S{}"},
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}"},
    **{"ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "\u0131": r"\i{}"},
}
IN_MATH = {
    **{
        "∞": r"\infty",
        "≤": r"\le",
        "≥": r"\ge",
        "≠": r"\ne",
        "≈": r"\approx",
        "\u00d7": r"\times",
        "·": r"\cdot",
    },
    **{"\u2212": "-", "±": r"\pm", "→": r"\to", "√": r"\surd", "∈": r"\in", "∇": r"\nabla", "∂": r"\partial"},
    **{"µ": r"\mu", "ϵ": r"\epsilon", "ε": r"\varepsilon", "⁻": "^{-}", "½": r"\frac{1}{2}"},
}
ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u"},
    **{"\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"},
}
"""Combining signs, and what LaTeX puts them on a letter with."""

SMALL = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"),
    *("mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
CAPITALS = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")
"""Greek letters that LaTeX has a command for."""

EXPONENT = re.compile(r"(-?[\d.]+)e([+-]\d+)")
LONGEST_WORD, SHORT_WORD = 20, 8  # that need not break, in text and in code, which is wide
BREAKS = re.compile(r"(?<=[/=,_:;-])(?!$)|(?<=\.)(?=[A-Za-z])")


def escaped(text: str) -> str:
    """Return a text as it is to be printed; a letter that fonts lack is told by its number, ``[U+4E2D]``."""
    signs = unicodedata.normalize("NFC", text)
    apart = ("{}" if pair == "--" else "" for pair in map("".join, pairwise(f"{signs} ")))  # no dash
    return "".join(printed(sign) + after for sign, after in zip(signs, apart, strict=True))


def printed(sign: str) -> str:
    """Return one letter or sign as it is to be printed."""
    if sign in PRINTED:
        return PRINTED[sign]
    if sign.isascii():
        return sign if sign.isprintable() else " "
    if math := IN_MATH.get(sign) or greek(sign) or raised(sign):
        return rf"\ensuremath{{{math}}}"
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if base.isascii() and marks and all(mark in ACCENTS for mark in marks):
        for mark in marks:
            base = rf"\{ACCENTS[mark]}{{{base}}}"
        return f"{{{base}}}"
    return f"[U+{ord(sign):04X}]"


def greek(sign: str) -> str:
    """Return the command of a Greek letter; empty if it has none."""
    alphabet, _, letter = unicodedata.name(sign, "").partition(" LETTER ")
    command = letter.lower().replace("lamda", "lambda")
    if alphabet == "GREEK SMALL" and command in SMALL:
        return rf"\{command}"
    return rf"\{command.capitalize()}" if alphabet == "GREEK CAPITAL" and command in CAPITALS else ""


def raised(sign: str) -> str:
    """Return a raised or lowered sign; empty if it is none."""
    kind, *signs = unicodedata.decomposition(sign).split() or [""]
    place = {"<super>": "^", "<sub>": "_"}.get(kind)
    letters = "".join(chr(int(code, 16)) for code in signs)
    return f"{place}{{{letters}}}" if place and letters.isascii() else ""


def breakable(text: str, longest: int = LONGEST_WORD) -> str:
    """Return a text whose long words, as those of commands and paths, may break at signs within them."""
    return " ".join(
        r"\allowbreak{}".join(map(escaped, BREAKS.split(word) if len(word) > longest else [word]))
        for word in text.split(" ")
    )


def typewriter(text: str) -> str:
    """Return code within a line, each sign of which the typewriter font has itself."""
    code = breakable(text, SHORT_WORD)
    for sign in r"\{}<>|":
        code = code.replace(PRINTED[sign], rf"{{\char{ord(sign)}}}")
    return rf"\texttt{{{code}}}"


def caption(text: str) -> str:
    """Return a caption, in which the report marks code as Markdown does."""
    pieces = re.split(r"`([^`]+)`", text)
    return "".join(typewriter(each) if place % 2 else breakable(each) for place, each in enumerate(pieces))


def value(thing: Any) -> str:
    """Return a value of a table as the report has it, in math where it has an exponent, a sign or no end."""
    if isinstance(thing, str):
        return escaped(thing)
    words = cell(thing)
    return "--" if words == "-" else number(words)


def number(words: str) -> str:
    """Return a number, given as the report writes it; a text that is none is escaped."""
    if found := EXPONENT.fullmatch(words):
        return rf"${found[1]} \times 10^{{{int(found[2])}}}$".replace(r"$1 \times ", "$")
    if words in ("∞", "inf", "-inf"):
        return r"$-\infty$" if words == "-inf" else r"$\infty$"
    if re.fullmatch(r"-[\d.]+", words):
        return f"${words}$"
    return escaped(words)
