"""The conversation a reply answers."""

from __future__ import annotations

from typing import cast

from chat.models import ChatMessage, Generation
from inference.types import PromptMessage, SpeakerRole


def conversation_of(generation: Generation) -> list[PromptMessage]:
    """The messages from the root to the parent of the generation's reply, the system prompt first.

    Empty replies (failed or stopped before the first word) are left out.
    """
    rows = {
        row.id: row
        for row in ChatMessage.objects.filter(session_id=generation.session_id).only(
            "id", "parent_id", "role", "content"
        )
    }
    path: list[PromptMessage] = []
    reply = rows[generation.message_id]
    current = rows.get(reply.parent_id) if reply.parent_id else None
    while current is not None:
        if current.content:
            path.append(PromptMessage(role=cast(SpeakerRole, current.role), content=current.content))
        current = rows.get(current.parent_id) if current.parent_id else None
    system_prompt = generation.options.get("system_prompt") or ""
    if system_prompt:
        path.append(PromptMessage(role="system", content=system_prompt))
    return path[::-1]
