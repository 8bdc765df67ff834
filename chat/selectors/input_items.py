"""What a response answered, as items of OpenAI's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chat.models import ChatMessage, Generation, Role


def input_items(generation: Generation) -> list[dict[str, Any]]:
    """The messages, calls and results before the reply, back to an earlier reply or to the beginning."""
    parents = {row.id: row for row in ChatMessage.objects.filter(session=generation.session_id)}
    replies = set(
        Generation.objects.filter(session=generation.session_id).values_list("message_id", flat=True)
    )
    items: list[dict[str, Any]] = []
    current = parents.get(generation.message.parent_id) if generation.message.parent_id else None
    while current is not None and current.id not in replies:
        items[:0] = _items(current)
        current = parents.get(current.parent_id) if current.parent_id else None
    return items


def _items(row: ChatMessage) -> Iterator[dict[str, Any]]:
    if row.role == Role.TOOL:
        output = {"call_id": row.tool_call_id, "output": row.shown_content}
        yield {"id": f"fco_{row.id.hex}", "type": "function_call_output", "status": "completed"} | output
        return
    if row.content or not row.tool_calls:
        kind = "output_text" if row.role == Role.ASSISTANT else "input_text"
        part: dict[str, Any] = {"type": kind, "text": row.shown_content}
        part |= {"annotations": []} if row.role == Role.ASSISTANT else {}
        yield {
            "id": f"msg_{row.id.hex}",
            "type": "message",
            "status": "completed",
            "role": row.role,
            "content": [part],
        }
    for at, call in enumerate([] if row.is_hidden else row.tool_calls):
        called = {"call_id": call["id"], "name": call["name"], "arguments": call["arguments"]}
        yield {"id": f"fc_{row.id.hex}{at}", "type": "function_call", "status": "completed"} | called
