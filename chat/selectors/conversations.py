"""The conversation a reply answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from chat.models import ChatMessage, Generation, Role
from chat.selectors.attachments import attached_texts
from chat.selectors.prepared import Param, Prepared, read_as
from chat.selectors.threads import in_thread
from chat.selectors.tool_calls import replies_with_calls
from inference.types.prompts import PromptMessage, SpeakerRole
from inference.types.tools import ToolCall

FIELDS = ("id", "parent_id", "role", "content", "attachments", "tool_calls", "tool_call_id", "hidden_at")


def conversation_of(generation: Generation) -> list[PromptMessage]:
    """The messages from the root to the parent of the generation's reply, the system prompt first.

    Empty replies (failed or stopped before the first word) are left out. Files come before the words they
    were sent with. A hidden message is a placeholder.
    """
    thread = (read_as(ChatMessage, FIELDS, row) for row in _thread.rows(leaf=generation.message_id))
    rows: dict[UUID | None, ChatMessage] = {row.id: row for row in thread}
    spoken: list[ChatMessage] = []
    current = rows.get(rows[generation.message_id].parent_id)
    while current is not None:
        if current.content or current.tool_calls or current.role == Role.TOOL:
            spoken.append(current)
        current = rows.get(current.parent_id)
    system_prompt = generation.options.get("system_prompt") or ""
    system = [PromptMessage(role="system", content=system_prompt)] if system_prompt else []
    return system + _read(spoken[::-1])


@Prepared
def _thread() -> QuerySet[ChatMessage, Any]:
    messages = in_thread(ChatMessage.objects.order_by(), Param("leaf", ChatMessage, "id"))
    return messages.values_list(*FIELDS)


def _read(spoken: Sequence[ChatMessage]) -> list[PromptMessage]:
    """Replies with calls that were answered are read; others are as they were said."""
    files = attached_texts(row.id for row in spoken if row.attachments and not row.is_hidden)
    answered = any(row.role == Role.TOOL for row in spoken)
    shown = [row for row in spoken if not row.is_hidden]
    replies = [row.id for row in shown if row.role == Role.ASSISTANT and not row.tool_calls]
    read = replies_with_calls(replies) if answered else {}
    return [read.get(row.id) or _prompt_message(row, files.get(row.id, "")) for row in spoken]


def _prompt_message(row: ChatMessage, attached: str) -> PromptMessage:
    return PromptMessage(
        role=cast(SpeakerRole, row.role),
        content=attached + row.shown_content,
        tool_calls=() if row.is_hidden else tuple(msgspec.convert(row.tool_calls, list[ToolCall])),
        tool_call_id=row.tool_call_id,
    )
