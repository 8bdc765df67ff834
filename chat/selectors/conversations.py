"""The conversation a reply answers."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from chat.models import ChatMessage, Generation
from chat.selectors.attachments import attached_texts
from chat.selectors.threads import in_thread
from inference.types import PromptMessage, SpeakerRole


def conversation_of(generation: Generation) -> list[PromptMessage]:
    """The messages from the root to the parent of the generation's reply, the system prompt first.

    Empty replies (failed or stopped before the first word) are left out. Files come before the words they
    were sent with.
    """
    fields = ("id", "parent_id", "role", "content", "attachments")
    thread = in_thread(ChatMessage.objects.order_by().only(*fields), generation.message_id)
    rows: dict[UUID | None, ChatMessage] = {row.id: row for row in thread}
    spoken: list[ChatMessage] = []
    current = rows.get(rows[generation.message_id].parent_id)
    while current is not None:
        spoken.append(current)
        current = rows.get(current.parent_id)
    files = attached_texts(row.id for row in spoken if row.attachments)
    path = [
        PromptMessage(role=cast(SpeakerRole, row.role), content=files.get(row.id, "") + row.content)
        for row in spoken
        if row.content
    ]
    system_prompt = generation.options.get("system_prompt") or ""
    if system_prompt:
        path.append(PromptMessage(role="system", content=system_prompt))
    return path[::-1]
