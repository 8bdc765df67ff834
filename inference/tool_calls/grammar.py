"""The grammar that holds calls to a family's spelling and to the functions' schemas."""

from __future__ import annotations

import json
from typing import Any

from inference.grammars import check_schema
from inference.tool_calls.syntax import ToolSyntax
from inference.types.errors import InferenceError
from inference.types.forms import GrammarSpec
from inference.types.tools import FunctionSpec, ToolUse

MAX_PARALLEL = 16
"""Calls in one reply."""


def calls_grammar(tools: ToolUse, syntax: ToolSyntax) -> GrammarSpec:
    """From the trigger on where the model may choose to call; from the first token where it must."""
    ways = [
        f"{_literal(function.name + syntax.middle)} schema{number}"
        for number, function in enumerate(tools.functions)
    ]
    begin = syntax.opening + syntax.head
    is_free = tools.choice == "auto"
    rest = begin.removeprefix(syntax.trigger) if is_free else begin
    root = [_literal(rest), "call"]
    if syntax.separator and tools.parallel:
        root.append(f"({_literal(syntax.separator + syntax.head)} call){{0,{MAX_PARALLEL - 1}}}")
    root.append(_literal(syntax.closing))
    gbnf = f"root ::= {' '.join(filter(None, root))}\ncall ::= ({' | '.join(ways)}) {_literal(syntax.tail)}"
    return GrammarSpec(
        gbnf=gbnf.strip(),
        trigger=syntax.trigger if is_free else "",
        schemas=tuple(parameters_of(function) for function in tools.functions),
    )


def parameters_of(function: FunctionSpec) -> dict[str, Any]:
    """The schema of a function's arguments, an object. One that cannot be compiled binds only strict
    functions, and raises `InferenceError` there; the arguments of others are then any object.
    """
    schema: dict[str, Any] = {"type": "object"} | (function.parameters or {})
    try:
        check_schema(schema)
    except InferenceError:
        if function.strict:
            raise
        return {"type": "object"}
    return schema


def _literal(text: str) -> str:
    return json.dumps(text) if text else ""
