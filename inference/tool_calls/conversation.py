"""Functions, calls and results in a conversation, for templates that know them and those that do not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from inference.tool_calls.syntax import MISTRAL, MISTRAL_ARGS, ToolSyntax
from inference.types.prompts import PromptMessage
from inference.types.tools import FunctionSpec, ToolCall, ToolUse

INSTRUCTIONS = """You may call functions. Their names, purposes and arguments, which are JSON schemas:
<tools>
{functions}
</tools>
To call one, reply with its name and arguments between tags, and nothing after them:
<tool_call>
{{"name": "the name", "arguments": {{"the argument": "its value"}}}}
</tool_call>
What it returns comes back between <tool_response> tags."""


def plain_messages(messages: Sequence[PromptMessage], tools: ToolUse | None) -> list[PromptMessage]:
    """The same conversation in system, user and assistant messages alone, in the Hermes family's spelling."""
    plain: list[PromptMessage] = []
    for message in messages:
        if message.role == "tool":
            content = f"<tool_response>\n{message.content}\n</tool_response>"
            if plain and plain[-1].role == "user" and plain[-1].content.endswith("</tool_response>"):
                content = f"{plain.pop().content}\n{content}"
            plain.append(PromptMessage(role="user", content=content))
        else:
            said = [message.content] if message.content else []
            content = "\n".join([*said, *map(_spell_call, message.tool_calls)])
            plain.append(PromptMessage(role=message.role, content=content))
    if tools is not None:
        _instruct(plain, tools)
    return plain


def template_variables(
    messages: Sequence[PromptMessage], tools: ToolUse | None, syntax: ToolSyntax | None
) -> dict[str, Any]:
    """`messages` and `tools` as templates expect them, which is as OpenAI has them but for arguments."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    short = syntax in (MISTRAL, MISTRAL_ARGS)
    return {
        "messages": [_variables(message, names, short_ids=short) for message in messages],
        "tools": [_function(function) for function in tools.functions] if tools else None,
    }


def _variables(message: PromptMessage, names: dict[str, str], *, short_ids: bool) -> dict[str, Any]:
    variables: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        variables["tool_calls"] = [_call(call, short_id=short_ids) for call in message.tool_calls]
    if message.role == "tool":
        variables["name"] = names.get(message.tool_call_id, "")
        variables["tool_call_id"] = _shorten(message.tool_call_id, wanted=short_ids)
    return variables


def _call(call: ToolCall, *, short_id: bool) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _arguments(call)}
    return {"id": _shorten(call.id, wanted=short_id), "type": "function", "function": function}


def _shorten(identity: str, *, wanted: bool) -> str:
    """Mistral's templates refuse ids that are not nine letters or digits."""
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:9] if wanted else identity


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments


def _function(function: FunctionSpec) -> dict[str, Any]:
    described = {"name": function.name, "description": function.description}
    return {"type": "function", "function": described | {"parameters": function.parameters or {}}}


def _spell_call(call: ToolCall) -> str:
    spelt = json.dumps({"name": call.name, "arguments": _arguments(call)}, ensure_ascii=False)
    return f"<tool_call>\n{spelt}\n</tool_call>"


def _instruct(plain: list[PromptMessage], tools: ToolUse) -> None:
    functions = "\n".join(
        json.dumps(_function(function)["function"], ensure_ascii=False) for function in tools.functions
    )
    text = INSTRUCTIONS.format(functions=functions)
    if plain and plain[0].role == "system":
        text = f"{plain.pop(0).content}\n\n{text}"
    plain.insert(0, PromptMessage(role="system", content=text))
