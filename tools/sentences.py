"""What services refuse and why replies fail, as the sources say it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache

from tools.console import ROOT

SAYING = frozenset(
    {
        *("Reason", "InferenceError", "ProviderError", "load_failed", "fail_batch", "_ask", "__init__"),
        *("Failed", "Refused", "OutcomeError", "LineError", "LineRefused", "GenerationError", "Refusal"),
    }
)
"""What is called with sentences everywhere, beside the classes of `chat.services.errors`."""


def said() -> list[str]:
    """Whole sentences, also with places for values."""
    return [str(text.value) for text in _said() if isinstance(text, ast.Constant)]


def put_together() -> list[str]:
    """The f-strings among them, which nobody can say in another language."""
    return [ast.unparse(text) for text in _said() if isinstance(text, ast.JoinedStr)]


@cache
def _said() -> list[ast.expr]:
    """What is given to whatever says it, at once or in a name that holds it."""
    paths = [path for top in ("inference", "workers", "chat") for path in sorted((ROOT / top).rglob("*.py"))]
    given = {tree: _given(tree) for tree in (ast.parse(path.read_text()) for path in paths)}
    constants = {name for values in given.values() for name in _names(values) if name.isupper()}
    return [
        text
        for tree, values in given.items()
        for value in (*values, *_held(tree, constants | _names(values)))
        for text in _in(value)
    ]


def _given(tree: ast.Module) -> list[ast.expr]:
    """The arguments of what says sentences, and of the module's own functions that pass theirs on to it."""
    errors = ast.parse((ROOT / "chat" / "services" / "errors.py").read_text())
    saying = SAYING | {node.name for node in errors.body if isinstance(node, ast.ClassDef)}
    passing = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and not _names(_arguments(node, saying)).isdisjoint(each.arg for each in node.args.args)
    }
    return list(_arguments(tree, saying | passing))


def _arguments(tree: ast.AST, saying: Iterable[str]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in saying:
                yield from node.args
                yield from (each.value for each in node.keywords if each.arg not in ("field", "param"))


def _held(tree: ast.Module, names: set[str]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in names:
                yield node.value


def _names(values: Iterable[ast.expr]) -> set[str]:
    held = (value.value if isinstance(value, ast.Subscript) else value for value in values)
    return {value.id for value in held if isinstance(value, ast.Name)}


def _in(value: ast.expr) -> Iterator[ast.expr]:
    """The sentences of a value, where that is a choice among some, or a table of them."""
    match value:
        case ast.IfExp(body=one, orelse=other):
            yield from (*_in(one), *_in(other))
        case ast.BoolOp(values=several) | ast.Dict(values=several):
            yield from (text for each in several for text in _in(each))
        case ast.Constant(value=str(text)) if " " in text:
            yield value
        case ast.JoinedStr() if " " in ast.unparse(value):
            yield value
