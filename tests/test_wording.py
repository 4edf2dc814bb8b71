"""One run, two runs: whatever is counted in a message has the form that fits its number."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import ROOT

from experiments.wording import counted

NOUNS = (
    *("run", "cell", "seed", "setting", "job", "file", "problem", "optimizer", "instance", "value", "trial"),
    *(
        "block",
        "variant",
        "lane",
        "core",
        "process(?:e)",
        "worker",
        "id",
        "row",
        "budget",
        "target",
        "failure",
    ),
    *("copie", "pair", "line", "studie", "point", "point", "comparison", "claim", "draw", "measure"),
)
COUNTED = re.compile(rf" (?:[a-z]+ )?(?:{'|'.join(NOUNS)})s\b")
NO_COUNTS = ("rate", "each", "listed(", "Interval(")  # a rate, or a text that lists several
FILES = sorted(path for room in ("experiments", "hydra_plugins") for path in (ROOT / room).rglob("*.py"))


def test_one_is_no_plural() -> None:
    assert [counted(n, "cell") for n in (0, 1, 2, 1234)] == ["0 cells", "1 cell", "2 cells", "1,234 cells"]
    assert counted(1, "file is bad", "files are bad") == "1 file is bad"


def unfitting(source: str) -> Iterator[str]:
    """Yield each number in a text of this source that a plural follows, whatever the number is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for value, word in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and not is_constant(value.value):
                    after = word.value if isinstance(word, ast.Constant) else ""
                    if COUNTED.match(str(after)):
                        yield f"{ast.unparse(value.value)}{after}"


def is_constant(value: ast.expr) -> bool:
    """Tell whether a value is a constant of the module, which is known to be no 1, or no count."""
    return ast.unparse(value).isupper() or ast.unparse(value).startswith(NO_COUNTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_stands_before_a_plural_that_may_not_fit(path: Path) -> None:
    assert list(unfitting(path.read_text(encoding="utf-8"))) == []


def test_a_number_before_a_plural_would_be_seen() -> None:
    source = (
        "f\"{n:,} runs in {len(cells)} other cells of {MOST} seeds, {counted(n, 'job')}, {name} runs it\""
    )
    assert list(unfitting(source)) == ["n runs in ", "len(cells) other cells of ", "name runs it"]
