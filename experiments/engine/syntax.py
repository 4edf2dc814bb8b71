"""A source text as its syntax tree in words: the same in any layout and under any version of Python."""

import ast
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
LEFT_OUT = {
    "ctx",  # follows from where the node stands
    "kind",  # u"..." is "..."
    "type_comment",
    "type_ignores",
}


def canonical(source: str) -> str:
    """Return the syntax tree of a source, without comments, layout and strings that only document.

    A node is its class and its fields by name, ``BinOp(left=Name(id='a'),op=Add(),right=...)``. A field
    that is empty is left out, so that one that a later Python adds changes nothing where it is not used.

    Raises:
        SyntaxError: it is no Python.
    """
    return words(ast.parse(source))


def words(part: Any) -> str:
    """Return a part of a syntax tree in words: a node, a list of parts, a name, a number or None."""
    match part:
        case ast.Constant():
            return f"Constant({part.value!a})"  # what repr escapes changes with Unicode's tables
        case ast.AST():
            return f"{type(part).__name__}({','.join(fields_of(part))})"
        case list():
            return f"[{','.join(map(words, part))}]"
        case _:
            return ascii(part)


def fields_of(node: ast.AST) -> Iterator[str]:
    """Yield the fields of a node that are not empty, by name: their order is no part of the syntax."""
    for name in sorted(set(node._fields) - LEFT_OUT):
        value: Any = getattr(node, name, None)
        if name == "body" and isinstance(node, DOCUMENTED):
            value = [line for line in value if not is_documentation(line)] or [ast.Pass()]
        elif name == "values" and isinstance(node, ast.JoinedStr):
            value = joined(value)
        elif name == "format_spec" and value and not joined(value.values):
            continue  # f"{a:}" is f"{a}"
        if value or isinstance(value, ast.AST):
            yield f"{name}={words(value)}"


def joined(values: Sequence[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string with each stretch of text in one piece; Pythons cut it differently."""
    parts: list[ast.expr] = []
    for is_text, stretch in groupby(values, lambda part: isinstance(part, ast.Constant)):
        if is_text:
            text = "".join(str(part.value) for part in stretch if isinstance(part, ast.Constant))
            parts += [ast.Constant(text)] if text else []
        else:
            parts += stretch
    return parts


def is_documentation(line: ast.stmt) -> bool:
    """Tell whether a statement is a string alone, as docstrings are."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
