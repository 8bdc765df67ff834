"""Calling functions: how models spell calls, what binds them to the functions' schemas, and reading them."""

from inference.tool_calls.conversation import plain_messages, template_variables
from inference.tool_calls.grammar import calls_grammar, parameters_of
from inference.tool_calls.parser import Argued, Called, Part, Said, ToolCallParser, read_reply
from inference.tool_calls.syntax import SYNTAXES, ToolSyntax, native_syntax

__all__ = [
    "SYNTAXES",
    "Argued",
    "Called",
    "Part",
    "Said",
    "ToolCallParser",
    "ToolSyntax",
    "calls_grammar",
    "native_syntax",
    "parameters_of",
    "plain_messages",
    "read_reply",
    "template_variables",
]
