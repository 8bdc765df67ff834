"""How families of models spell calls of functions. A grammar holds them to it, so parsing is exact."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ToolSyntax:
    """`opening head NAME middle ARGUMENTS tail`, then `separator head …` for another call, or `closing`.

    A reply that says `trigger`, the beginning of `opening` and `head`, is calling. Without a separator the
    family makes one call at a time. `tokens` are the control tokens among all this.
    """

    name: str
    trigger: str
    opening: str = ""
    head: str = '{"name": "'
    middle: str = '", "arguments": '
    tail: str = "}"
    separator: str = ""
    closing: str = ""
    tokens: tuple[str, ...] = ()


HERMES = ToolSyntax(  # Hermes 2 and 3, Qwen 2.5 and 3, and whatever knows no tools of its own
    name="hermes",
    trigger="<tool_call>",
    opening="<tool_call>\n",
    separator="\n</tool_call>\n<tool_call>\n",
    closing="\n</tool_call>",
    tokens=("<tool_call>", "</tool_call>"),
)
LLAMA = ToolSyntax(  # Llama 3.1 to 3.3
    name="llama", trigger='{"name": "', middle='", "parameters": '
)
MISTRAL = ToolSyntax(  # Mistral 7B v0.3, Nemo, Large 2
    name="mistral",
    trigger="[TOOL_CALLS]",
    opening="[TOOL_CALLS][",
    separator=", ",
    closing="]",
    tokens=("[TOOL_CALLS]",),
)
MISTRAL_ARGS = ToolSyntax(  # Mistral Small 3.1 and later
    name="mistral-args",
    trigger="[TOOL_CALLS]",
    opening="[TOOL_CALLS]",
    head="",
    middle="[ARGS]",
    tail="",
    separator="[TOOL_CALLS]",
    tokens=("[TOOL_CALLS]", "[ARGS]"),
)
SYNTAXES = {syntax.name: syntax for syntax in (HERMES, LLAMA, MISTRAL, MISTRAL_ARGS)}

_SIGNS = (
    ("[ARGS]", MISTRAL_ARGS),
    ("[TOOL_CALLS]", MISTRAL),
    ("<tool_call>", HERMES),
    ("ipython", LLAMA),
)


def native_syntax(template: str) -> ToolSyntax | None:
    """What a chat template teaches its model; None where it knows no tools, or ones unknown here."""
    if not re.search(r"\btools\b", template):
        return None
    return next((syntax for sign, syntax in _SIGNS if sign in template), None)
