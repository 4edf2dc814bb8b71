"""A source as its syntax tree in words: kept ones, so that another Python cannot change ids unnoticed."""

import ast
import hashlib
from pathlib import Path

import pytest

from experiments.engine.backend import LOOPS
from experiments.engine.fingerprint import RECORDED
from experiments.engine.sources import closure, source_of
from experiments.engine.syntax import canonical
from optim import OPTIMIZERS
from problems import PROBLEMS

KEPT = Path(__file__).parents[1] / "reference" / "syntax.txt"
DIGEST = "da62c1be68cf5b6c"


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def kinds(source: str) -> set[str]:
    """Return the classes of the nodes in a source."""
    return {type(node).__name__ for node in ast.walk(ast.parse(source))}


def test_a_kept_source_has_the_words_that_it_had_under_other_pythons() -> None:
    assert digest(canonical(KEPT.read_text(encoding="utf-8"))) == DIGEST


def test_the_kept_source_has_all_the_syntax_that_ids_may_hang_on() -> None:
    roots = (cls.__module__ for registry in (OPTIMIZERS, PROBLEMS) for cls in registry.values())
    found = closure((*LOOPS.values(), RECORDED, *roots))
    assert {*LOOPS.values(), "optim.adam", "problems.networks.mlp"} <= found
    used = set().union(*(kinds(source_of(name)) for name in found))
    assert used <= kinds(KEPT.read_text(encoding="utf-8"))


def test_the_words_are_the_classes_and_the_fields_that_are_not_empty() -> None:
    assert canonical("x = -1.5 # why\n") == (
        "Module(body=[Assign(targets=[Name(id='x')],value=UnaryOp(op=USub(),operand=Constant(1.5)))])"
    )


ALIKE = [
    ("x=1 # a comment", '"""A docstring."""\n\nx = (1)\n'),
    ("def f():\n    'what it does'", "def f(): pass"),
    ("class A:\n    'what it is'\n    x: int\n    'what x is'", "class A:\n    x: int"),
    ("u'a' 'b'", '"ab"'),
    ("f'{a:}'", "f'{a}'"),
    ("f'a' 'b' f'{c}' '' 'd'", "f'ab{c}d'"),
    ("1_000, 0x10, 1e1", "1000, 16, 10.0"),
    ("a = 1; b = 2", "a = 1\nb = 2"),
    ("if a:\n  b\nelif c:\n  d", "if a:\n  b\nelse:\n  if c:\n    d"),
]
DIFFERENT = [
    *("1", "1.0", "1j", "x = '1'", "b'1'", "True", "0", "-0.0", "0.0", "False", "None", "x = ''", "b''"),
    *("...", "a", "1e999", "inf", "x = 'inf'", "x = 'é'", "x = 'e'", "x = '\\u0301'", "f'a'", "x = 'a'"),
    *("f'{a}'", "x = '{a}'", "f'{a!r}'", "f'{a:r}'", "f'{a:{r}}'", "f'{a}{r}'", "f'a={a}'"),
    *("()", "[]", "{}", "[[]]", "[()]", "[None]", "(a,)", "{**a}", "{None: a}", "{a}"),
    *("a[:1]", "a[1:]", "a[1]", "a[::1]", "a[1,]", "a[None]", "a[None:]"),
    *("a + b", "a - b", "b + a", "a + (b + c)", "(a + b) + c", "a < b < c", "(a < b) < c", "+a", "~a"),
    *("a(b)", "a(*b)", "a(**b)", "a(b=b)", "a.b", "lambda: 0", "lambda: None", "lambda a: 0"),
    *("lambda a, /: 0", "lambda *a: 0", "lambda *, a: 0", "lambda **a: 0", "lambda a=0: 0"),
    *("lambda *, a, b=1: 0", "lambda *, a=1, b: 0"),
    *("(x for x in a)", "(x async for x in a)", "[x for x in a]", "[x for x in a if x]"),
    *("a: int = 1", "(a): int = 1", "a = 1", "a: int", "a: float", "a += 1", "a = b = 1", "a = b, = 1"),
    *("import a", "import a as b", "from a import b"),
    *("from . import a", "from .. import a", "from .a import b"),
    *("def f(): return", "def f(): return a", "def f(): return 0", "def f(): a", "async def f(): a"),
    *("def f() -> a: a", "@a\ndef f(): a", "if a: 'text'", "if a: pass", "while a: pass", "raise", "raise a"),
    *("for a in b: c", "for a in b: c\nelse: d", "for a in b:\n  c\n  d", "try: a\nexcept: b"),
    *("try: a\nexcept b: c", "try: a\nexcept* b: c", "try: a\nexcept b as c: c", "try: a\nfinally: b"),
    *("match a:\n  case None: b", "match a:\n  case _: b", "match a:\n  case c: b", "match a:\n  case 0: b"),
    *("match a:\n  case [*_]: b", "match a:\n  case []: b", "match a:\n  case {}: b"),
]


@pytest.mark.parametrize(("source", "other"), ALIKE)
def test_what_means_the_same_has_the_same_words(source: str, other: str) -> None:
    assert canonical(source) == canonical(other)


def test_what_means_something_else_has_other_words() -> None:
    sources: dict[str, str] = {}
    for source in DIFFERENT:
        same = sources.setdefault(canonical(source), source)
        assert same == source
    assert len(sources) == len(DIFFERENT)


def test_the_order_and_the_number_of_the_fields_of_another_python_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "def f(a, b=1): return a + b"
    before = canonical(source)
    monkeypatch.setattr(ast.FunctionDef, "_fields", ("type_params", *reversed(ast.FunctionDef._fields)))
    monkeypatch.setattr(ast.FunctionDef, "type_params", [], raising=False)
    monkeypatch.setattr(ast.BinOp, "_fields", (*ast.BinOp._fields, "new"))
    assert canonical(source) == before
