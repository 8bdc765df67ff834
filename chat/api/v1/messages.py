"""Messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from chat.api.auth import LOGGED_IN, caller_of, user_of
from chat.api.parsing import Moment
from chat.api.v1.schemas import (
    Deleted,
    MessageChanges,
    MessageIn,
    MessageList,
    MessageOut,
    MessageSent,
    Page,
    PageSize,
)
from chat.models import ChatMessage, Role
from chat.selectors.messages import (
    PAGE_SIZE,
    Branch,
    Cursor,
    find_message,
    message_view,
    page_messages,
)
from chat.services.access import require_reader
from chat.services.errors import NotFound
from chat.services.messages import add_message, change_message, clear_session, delete_message
from chat.services.turns import start_turn

router = Router(tags=["messages"], auth=LOGGED_IN)


class MessageFilters(Schema):
    """Which page. `before` is a time; `after_id` and `before_id` are messages. Only what follows `parent_id`
    directly, or only the thread that leads to `leaf_id`.
    """

    page: Page = 1
    page_size: PageSize = PAGE_SIZE
    before: Moment | None = None
    after_id: UUID | None = None
    before_id: UUID | None = None
    parent_id: UUID | None = None
    leaf_id: UUID | None = None


@router.get("sessions/{uuid:session_id}/messages", response=MessageList, summary="A session's messages")
def get_messages(request: HttpRequest, session_id: UUID, filters: Query[MessageFilters]) -> Any:
    """In the order of writing, page 1 the oldest. With `before` or `before_id` a page ends there and
    `has_more` tells of older messages; with `after_id` it begins there.
    """
    require_reader(user=user_of(request), session_id=session_id)
    cursor = Cursor(
        after=_named(session_id, filters.after_id, "after_id"),
        before=_named(session_id, filters.before_id, "before_id"),
        before_time=filters.before,
    )
    _named(session_id, filters.parent_id, "parent_id")
    _named(session_id, filters.leaf_id, "leaf_id")
    branch = Branch(session_id, filters.parent_id, filters.leaf_id)
    found = page_messages(branch, page=filters.page, page_size=filters.page_size, cursor=cursor)
    return MessageList(
        messages=[MessageOut.of(view) for view in found.messages],
        total_count=branch.count(),
        page=filters.page,
        page_size=filters.page_size,
        has_more=found.has_more,
        session_id=session_id,
    )


@router.post("sessions/{uuid:session_id}/messages", response={201: MessageSent}, summary="Say something")
def post_message(request: HttpRequest, session_id: UUID, body: MessageIn) -> Any:
    """A user's message is answered unless `respond` is false; the same `request_id` is the same message."""
    caller = caller_of(request)
    said: dict[str, Any] = {
        "user": caller.user,
        "session_id": session_id,
        "content": body.content,
        "parent_id": body.parent_id,
        "metadata": body.metadata,
        "request_id": body.request_id,
        "attachments": body.attachments,
    }
    if body.role == Role.USER.value and body.respond:
        turn = start_turn(**said, options=body.options)
        return Status(201, _sent(turn.message, generation_id=turn.generation.id, reply_id=turn.reply.id))
    message = add_message(**said, role=Role(body.role), scopes=caller.scopes)
    return Status(201, _sent(message))


@router.put("messages/{uuid:message_id}", response=MessageOut, summary="Edit a message")
def put_message(request: HttpRequest, message_id: UUID, body: MessageChanges) -> Any:
    """One's own `content`. Services (scope `messages:write`) change the rest, unless a generation owns it."""
    caller = caller_of(request)
    changes = body.dict(exclude_unset=True)
    return _out(
        change_message(user=caller.user, message_id=message_id, changes=changes, scopes=caller.scopes)
    )


@router.delete("messages/{uuid:message_id}", response=Deleted, summary="Delete a message")
def remove_message(request: HttpRequest, message_id: UUID) -> Any:
    """One's own, or any as the session's owner. What followed it then follows its parent."""
    deletion = delete_message(user=user_of(request), message_id=message_id)
    return Deleted.of("The message has been deleted.", deletion)


@router.delete("sessions/{uuid:session_id}/messages", response=Deleted, summary="Clear a session")
def remove_messages(request: HttpRequest, session_id: UUID) -> Any:
    """Deletes every message and stops every reply. For its owner."""
    count, deletion = clear_session(user=user_of(request), session_id=session_id)
    return Deleted.of(f"{count} messages have been deleted.", deletion)


def _out(message: ChatMessage) -> MessageOut:
    return MessageOut.of(message_view(message))


def _sent(message: ChatMessage, **ids: UUID) -> MessageSent:
    return MessageSent.model_validate(_out(message).dict() | ids)


def _named(session_id: UUID, message_id: UUID | None, field: str) -> ChatMessage | None:
    if message_id is None:
        return None
    message = find_message(session_id=session_id, message_id=message_id)
    if message is None:
        raise NotFound("There is no such message in this session.", field=field)
    return message
