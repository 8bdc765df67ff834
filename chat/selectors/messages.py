"""Messages as clients see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from chat.models import ChatMessage, ChatSession, MessageStatus, Role
from chat.realtime.protocol import MessageMetrics, MessageUpdate, MessageView

PAGE_SIZE = 50


@dataclass(frozen=True)
class MessagePage:
    """Messages in the order they were written; `has_more` tells of older ones."""

    messages: list[MessageView]
    has_more: bool


def message_rows() -> QuerySet[ChatMessage]:
    """Messages with what a view needs beside the row."""
    return ChatMessage.objects.select_related("author")


def message_view(row: ChatMessage) -> MessageView:
    """The view of a row of `message_rows()`.

    A reply that is being written has empty content: its text is in its chunks, which a client gets by
    `resume`. So nothing is shown twice.
    """
    role: Any = row.role  # the database's constraints hold what the view's types say
    status: Any = row.status
    return MessageView(
        id=str(row.id),
        session_id=str(row.session_id),
        parent_id=_text(row.parent_id),
        author_id=_text(row.author_id),
        author_name=row.author.username if row.author else None,
        role=role,
        content=row.content,
        status=status,
        is_streaming=row.status == MessageStatus.STREAMING,
        llm_provider=row.llm_provider,
        llm_model=row.llm_model,
        response_time_ms=row.response_time_ms,
        tokens_used=row.tokens_used,
        finish_reason=row.finish_reason or None,
        metrics=msgspec.convert(row.metrics, MessageMetrics),
        confidence=None,
        is_editable=row.role == Role.USER,
        reactions={},
        error_message=row.error_message or None,
        metadata=row.metadata,
        created_at=iso_time(row.created_at),
        updated_at=iso_time(row.updated_at),
    )


def find_message_view(message_id: UUID) -> MessageView | None:
    """The view of one message."""
    row = message_rows().filter(id=message_id).first()
    return message_view(row) if row is not None else None


def latest_message(session_id: UUID) -> ChatMessage | None:
    """The message written last."""
    return ChatMessage.objects.filter(session_id=session_id).order_by("created_at", "id").last()


def list_messages(
    *, session_id: UUID, limit: int = PAGE_SIZE, before: ChatMessage | None = None
) -> MessagePage:
    """The last `limit` messages, or those just before a given one, in one query."""
    found = message_rows().filter(session_id=session_id)
    if before is not None:
        same_moment = Q(created_at=before.created_at, id__lt=before.id)
        found = found.filter(Q(created_at__lt=before.created_at) | same_moment)
    newest = list(found.order_by("-created_at", "-id")[: limit + 1])
    return MessagePage([message_view(row) for row in newest[:limit][::-1]], len(newest) > limit)


def session_times(session_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When each session last changed, in one query; ids that do not exist are missing."""
    return dict(ChatSession.objects.filter(id__in=session_ids).values_list("id", "updated_at"))


def messages_changed_since(session_id: UUID, moment: datetime) -> list[MessageUpdate]:
    """Messages written, and users' messages edited, after a moment. A reply's stream tells its end."""
    rows = message_rows().filter(session_id=session_id, updated_at__gt=moment)
    return [
        MessageUpdate(
            session_id=str(session_id),
            action="new_message" if row.created_at > moment else "updated",
            message=message_view(row),
        )
        for row in rows.exclude(role=Role.ASSISTANT, created_at__lte=moment).order_by("created_at", "id")
    ]


def iso_time(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(identity: UUID | None) -> str | None:
    return str(identity) if identity is not None else None
