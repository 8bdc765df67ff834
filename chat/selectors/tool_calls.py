"""The calls of functions that replies made."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any
from uuid import UUID

from chat.models import Generation
from inference.tool_calls import SYNTAXES, ToolSyntax, read_reply
from inference.types.prompts import PromptMessage
from inference.types.tools import ToolCall


def call_id(generation_id: UUID, index: int) -> str:
    """The id of a reply's call: the same for every reader and at every time."""
    return f"call_{hashlib.sha256(f'{generation_id}/{index}'.encode()).hexdigest()[:24]}"


def syntax_of(options: dict[str, Any]) -> ToolSyntax | None:
    """How a generation with these frozen options spells calls; None where it may make none."""
    return SYNTAXES.get((options.get("tools") or {}).get("syntax", ""))


def find_syntax(generation_id: UUID) -> ToolSyntax | None:
    """The same of a generation that has begun."""
    options = Generation.objects.filter(id=generation_id).values_list("options", flat=True).first()
    return syntax_of(options or {})


def replies_with_calls(message_ids: Collection[UUID]) -> dict[UUID, PromptMessage]:
    """Those of the messages that are replies with calls, read, in one query."""
    made = Generation.objects.filter(message_id__in=message_ids).select_related("message").defer("prompt_ids")
    found = {}
    for row in made:
        if (syntax := syntax_of(row.options)) is not None:
            said, calls = read_reply(row.message.content, syntax)
            spelt = [
                ToolCall(id=call_id(row.id, at), name=call.name, arguments=call.arguments)
                for at, call in enumerate(calls)
            ]
            found[row.message_id] = PromptMessage("assistant", said, tuple(spelt))
    return found
