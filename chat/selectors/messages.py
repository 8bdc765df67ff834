"""Messages as clients see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet, Sum

from chat.models import ChatMessage, ChatSession, MessageStatus, Role, User
from chat.realtime.protocol.events import MessageUpdate
from chat.realtime.protocol.views import AttachmentView, MessageMetrics, MessageView
from chat.sealed import text_size
from chat.selectors.threads import in_thread

PAGE_SIZE = 50


@dataclass(frozen=True)
class MessagePage:
    """Messages in the order they were written; `has_more` tells of older ones."""

    messages: list[MessageView]
    has_more: bool


def message_rows() -> QuerySet[ChatMessage]:
    """Messages with what a view needs beside the row."""
    return ChatMessage.objects.select_related("author")


def message_views(rows: Collection[ChatMessage]) -> list[MessageView]:
    """The views of several messages, with at most one query for who reacted to any of them."""
    names = _reactor_names(rows)
    return [message_view(row, names) for row in rows]


def message_view(row: ChatMessage, names: Mapping[str, str] | None = None) -> MessageView:
    """The view of a row of `message_rows()`.

    A reply that is being written has empty content: its text is in its chunks, which a client gets by
    `resume`. So nothing is shown twice. Of a hidden one nobody learns more than that it is there.
    """
    if names is None:
        names = _reactor_names([row])
    role: Any = row.role  # the database's constraints hold what the view's types say
    status: Any = row.status
    return MessageView(
        id=str(row.id),
        session_id=str(row.session_id),
        parent_id=_text(row.parent_id),
        author_id=_text(row.author_id),
        author_name=row.author.username if row.author else None,
        role=role,
        content=row.shown_content,
        status=status,
        is_streaming=row.status == MessageStatus.STREAMING,
        llm_provider=row.llm_provider,
        llm_model=row.llm_model,
        response_time_ms=row.response_time_ms,
        tokens_used=row.tokens_used,
        finish_reason=row.finish_reason or None,
        metrics=msgspec.convert(row.metrics, MessageMetrics),
        confidence=row.confidence,
        is_editable=row.role == Role.USER and not row.is_hidden,
        is_hidden=row.is_hidden,
        reactions={emoji: len(people) for emoji, people in row.reactions.items()},
        reacted_by=row.reactions,
        reactor_names={person: names[person] for person in _reactors(row) if person in names},
        attachments=msgspec.convert([] if row.is_hidden else row.attachments, list[AttachmentView]),
        error_message=row.error_message or None,
        error_reason=row.reason,
        metadata=row.metadata,
        created_at=iso_time(row.created_at),
        updated_at=iso_time(row.updated_at),
    )


def _reactor_names(rows: Collection[ChatMessage]) -> dict[str, str]:
    """Those who also wrote one of the messages are known without a query."""
    names = {str(row.author_id): row.author.username for row in rows if row.author}
    others = {person for row in rows for person in _reactors(row)} - names.keys()
    if others:
        found = User.objects.filter(id__in=others).values_list("id", "username")
        names |= {str(id_): name for id_, name in found}
    return names


def _reactors(row: ChatMessage) -> set[str]:
    return set(chain.from_iterable(row.reactions.values()))


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
    return MessagePage(message_views(newest[:limit][::-1]), len(newest) > limit)


def message_after(message: ChatMessage, count: int) -> ChatMessage | None:
    """The message that comes `count` after this one in its session; None where there are fewer."""
    same_moment = Q(created_at=message.created_at, id__gt=message.id)
    later = ChatMessage.objects.filter(session_id=message.session_id).filter(
        Q(created_at__gt=message.created_at) | same_moment
    )
    return later.order_by("created_at", "id")[count - 1 : count].first()


@dataclass(frozen=True)
class Cursor:
    """Where a page of messages begins or ends: after one message, or before one or a moment."""

    after: ChatMessage | None = None
    before: ChatMessage | None = None
    before_time: datetime | None = None


@dataclass(frozen=True)
class Branch:
    """A part of a session's tree: what follows `parent_id` directly, or the thread up to `leaf_id`."""

    session_id: UUID
    parent_id: UUID | None = None
    leaf_id: UUID | None = None

    def rows(self) -> QuerySet[ChatMessage]:
        """Its messages."""
        found = ChatMessage.objects.filter(session_id=self.session_id)
        if self.parent_id is not None:
            found = found.filter(parent_id=self.parent_id)
        return in_thread(found, self.leaf_id) if self.leaf_id is not None else found

    def count(self) -> int:
        """How many messages it has."""
        return self.rows().count()


def page_messages(
    branch: Branch, *, page: int = 1, page_size: int = PAGE_SIZE, cursor: Cursor | None = None
) -> MessagePage:
    """One page in the order of writing, in two queries. `has_more` tells of newer ones, or with a `before`
    cursor, of older ones; then the page is the one that ends at the cursor.
    """
    cursor = cursor or Cursor()
    found = branch.rows()
    start = (page - 1) * page_size
    if cursor.after is not None:
        later = Q(created_at=cursor.after.created_at, id__gt=cursor.after.id)
        found = found.filter(Q(created_at__gt=cursor.after.created_at) | later)
    if cursor.before is not None:
        earlier = Q(created_at=cursor.before.created_at, id__lt=cursor.before.id)
        found = found.filter(Q(created_at__lt=cursor.before.created_at) | earlier)
    if cursor.before_time is not None:
        found = found.filter(created_at__lt=cursor.before_time)
    is_backwards = cursor.after is None and (cursor.before is not None or cursor.before_time is not None)
    order = ("-created_at", "-id") if is_backwards else ("created_at", "id")
    # First only which: an index holds all that is needed to skip the pages before.
    ids = list(found.order_by(*order).values_list("id", flat=True)[start : start + page_size + 1])
    rows = message_rows().in_bulk(ids[:page_size])
    shown = [rows[id_] for id_ in ids[:page_size] if id_ in rows]
    return MessagePage(message_views(shown[::-1] if is_backwards else shown), len(ids) > page_size)


def count_characters(session_id: UUID) -> int:
    """How much a session's messages say."""
    total = ChatMessage.objects.filter(session_id=session_id).aggregate(total=Sum(text_size("content")))[
        "total"
    ]
    return total or 0


def find_message(*, session_id: UUID, message_id: UUID) -> ChatMessage | None:
    """The message, if it belongs to the session."""
    return ChatMessage.objects.filter(id=message_id, session_id=session_id).first()


def session_times(session_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When each session last changed, in one query; ids that do not exist are missing."""
    return dict(ChatSession.objects.filter(id__in=session_ids).values_list("id", "updated_at"))


def messages_changed_since(session_id: UUID, moment: datetime) -> list[MessageUpdate]:
    """Messages written or hidden, and users' edited, after a moment. A reply's stream tells its end."""
    rows = message_rows().filter(session_id=session_id, updated_at__gt=moment)
    own_stream = Q(role=Role.ASSISTANT, created_at__lte=moment, hidden_at=None)
    return [
        MessageUpdate(
            session_id=str(session_id),
            action="new_message" if row.created_at > moment else "updated",
            message=message_view(row),
        )
        for row in rows.exclude(own_stream).order_by("created_at", "id")
    ]


def iso_time(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(identity: UUID | None) -> str | None:
    return str(identity) if identity is not None else None
