"""Storing what somebody writes: as content rules let it through, with the files that come with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from chat.models import ChatMessage, Role, User
from chat.selectors.messages import latest_message
from chat.selectors.prepared import insert_rows
from chat.services.attachments import describe_attachments, find_unsent, send_attachments
from chat.services.errors import NotFound
from chat.services.moderation.inspecting import screen_input
from chat.services.moderation.screening import note_input
from inference.content import Screened


def write_message(
    *,
    user: User,
    session_id: UUID,
    parent: ChatMessage | None,
    content: str,
    request_id: str | None,
    metadata: dict[str, Any] | None,
    attachments: Collection[UUID],
    role: Role = Role.USER,
) -> ChatMessage:
    """A new message, in the caller's transaction. Rules look at users' messages. Raises a `ServiceError`."""
    seen = screen_input(user=user, text=content) if role == Role.USER else Screened(content, None, ())
    files = find_unsent(user=user, session_id=session_id, ids=attachments)
    message = ChatMessage(
        session_id=session_id,
        parent=parent,
        author=user,
        role=role,
        content=seen.text,
        request_id=request_id,
        metadata=metadata or {},
        attachments=describe_attachments(files),
    )
    insert_rows([message])
    note_input(message=message, seen=seen)
    send_attachments(message=message, rows=files)
    return message


def find_parent(session_id: UUID, parent_id: UUID | None) -> ChatMessage | None:
    """The message that a new one follows: the session's latest unless another is named. Raises `NotFound`."""
    if parent_id is None:
        return latest_message(session_id)
    parent = ChatMessage.objects.filter(id=parent_id, session_id=session_id).first()
    if parent is None:
        raise NotFound("There is no such message in this session.", field="parent_id")
    return parent
