"""Messages without a turn: noted, edited by services, deleted, cleared."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.models import (
    ACTIVE,
    ChatMessage,
    ChatSession,
    Deletion,
    Generation,
    MessageStatus,
    ParticipantRole,
    Role,
    User,
)
from chat.realtime.protocol.commands import MAX_CONTENT_CHARS
from chat.selectors.messages import message_rows
from chat.services.access import find_readable, lock_owned, require_writer
from chat.services.attachments import forget_attachments
from chat.services.errors import Forbidden, InvalidRequest, NotFound, ReplyInProgress
from chat.services.holds import (
    require_message_not_held,
    require_session_not_held,
    require_words_kept,
)
from chat.services.keeping import keep_copy
from chat.services.scopes import SERVICE
from chat.services.sessions import cancel_all, check_metadata
from chat.services.telling import message_update, tell_session
from chat.services.text import require_content, require_storable
from chat.services.turns import IN_ANOTHER_SESSION, edit_message, request_id_reused
from chat.services.writing import find_parent, write_message

MOST_TOLD = 200
SERVICE_FIELDS = frozenset({"is_streaming", "tokens_used", "response_time_ms", "error_message"})


def add_message(
    *,
    user: User,
    session_id: UUID,
    content: str,
    role: Role = Role.USER,
    parent_id: UUID | None = None,
    metadata: dict[str, Any] | None = None,
    request_id: str | None = None,
    attachments: Collection[UUID] = (),
    scopes: frozenset[str] = frozenset(),
) -> ChatMessage:
    """Store a message that nobody answers. The same `request_id` by the same user gives it again."""
    require_content(content, limit=MAX_CONTENT_CHARS)
    require_storable(request_id, field="request_id", error=InvalidRequest)
    check_metadata(metadata or {})
    try:
        with transaction.atomic():
            ChatSession.objects.select_for_update().filter(id=session_id).first()
            _require_right(user, session_id, role, scopes)
            earlier = _find_earlier(user, session_id, request_id)
            if earlier is not None:
                return earlier
            message = write_message(
                user=user,
                session_id=session_id,
                parent=find_parent(session_id, parent_id),
                role=role,
                content=content,
                request_id=request_id,
                metadata=metadata,
                attachments=attachments,
            )
            count_messages(session_id)
            tell_session(session_id, [message_update(message, "new_message")])
            return message
    except IntegrityError:  # the same request twice at once
        earlier = _find_earlier(user, session_id, request_id)
        if earlier is None:
            raise
        return earlier


def change_message(
    *, user: User, message_id: UUID, changes: dict[str, Any], scopes: frozenset[str] = frozenset()
) -> ChatMessage:
    """Edit one's own message's `content`; services also change `SERVICE_FIELDS` and any content."""
    message = find_readable(user=user, message_id=message_id)
    is_service = user.is_staff or SERVICE in scopes
    fields = set(changes)
    if not fields:
        raise InvalidRequest("Nothing to change: give content.", field="content")
    if not is_service and fields & SERVICE_FIELDS:
        name = min(fields & SERVICE_FIELDS)
        raise Forbidden(
            "Only services with the scope %(scope)s may change %(name)s.",
            field=name,
            values={"scope": SERVICE, "name": name},
        )
    if fields == {"content"} and (message.author_id == user.id or not is_service):
        return edit_message(
            user=user, session_id=message.session_id, message_id=message_id, content=changes["content"]
        )
    return _change_as_service(user, message, changes)


def delete_message(*, user: User, message_id: UUID) -> Deletion | None:
    """Delete one's own message, or any as the session's owner. What followed it then follows its parent.

    Returns what it may be taken back by.
    """
    with transaction.atomic():
        message = find_readable(user=user, message_id=message_id)
        role = require_writer(user=user, session_id=message.session_id)
        session = ChatSession.objects.select_for_update().get(id=message.session_id)
        if role != ParticipantRole.OWNER and message.author_id != user.id:
            raise Forbidden("You may only delete messages you wrote yourself.")
        _require_idle(message)
        require_message_not_held(message)
        deletion = keep_copy(user=user, session=session, rows=[message])
        erase_message(message, keep_bytes=deletion is not None)
    return deletion


def erase_message(message: ChatMessage, *, keep_bytes: bool = False) -> None:
    """Delete a message with its files, whoever asks, in a transaction that has locked its session."""
    ChatMessage.objects.filter(parent=message).update(parent=message.parent_id)
    update = message_update(message, "deleted")
    forget_attachments(keep_bytes=keep_bytes, message=message)
    deleted, _ = ChatMessage.objects.filter(id=message.id).delete()
    if not deleted:
        raise NotFound("There is no such message.", field="message_id")
    count_messages(message.session_id)
    tell_session(message.session_id, [update])


def clear_session(*, user: User, session_id: UUID) -> tuple[int, Deletion | None]:
    """Delete every message of a session and stop its replies; its owner may.

    Returns how many, and what they may be taken back by.
    """
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        require_session_not_held(session_id)
        cancel_all(session_id=session_id)
        newest = message_rows().filter(session=session).order_by("-created_at", "-id")[:MOST_TOLD]
        updates = [message_update(row, "deleted") for row in newest]
        rows = list(session.messages.only("id"))
        deletion = keep_copy(user=user, session=session, rows=rows)
        forget_attachments(keep_bytes=deletion is not None, message__session=session)
        session.messages.all().delete()
        session.message_count = 0
        session.save(update_fields=["message_count", "updated_at"])
        tell_session(session_id, updates)
    return len(rows), deletion


def _require_right(user: User, session_id: UUID, role: Role, scopes: frozenset[str]) -> None:
    part = require_writer(user=user, session_id=session_id)
    if role == Role.SYSTEM and part != ParticipantRole.OWNER:
        raise Forbidden("Only the owner of a session may write system messages.", field="role")
    if role == Role.ASSISTANT and not (user.is_staff or SERVICE in scopes):
        raise Forbidden("Only staff and services may write an assistant's messages.", field="role")


def _find_earlier(user: User, session_id: UUID, request_id: str | None) -> ChatMessage | None:
    if request_id is None:
        return None
    found = message_rows().filter(author=user, request_id=request_id).first()
    if found is not None and found.session_id != session_id:
        raise request_id_reused(IN_ANOTHER_SESSION)
    return found


def _require_idle(message: ChatMessage) -> None:
    if message.status == MessageStatus.STREAMING or _is_owned(message):
        raise ReplyInProgress("The reply is still being written: wait for its end, or stop it first.")


def _is_owned(message: ChatMessage) -> bool:
    mine = Generation.objects.filter(message=message) | Generation.objects.filter(message__parent=message)
    return mine.filter(status__in=ACTIVE).exists()


def _change_as_service(user: User, message: ChatMessage, changes: dict[str, Any]) -> ChatMessage:
    require_writer(user=user, session_id=message.session_id)
    with transaction.atomic():
        ChatSession.objects.select_for_update().filter(id=message.session_id).first()
        if message.is_hidden:
            raise Forbidden("A moderator has hidden this message.", field="message_id")
        if _is_owned(message):
            raise ReplyInProgress("A generation owns this message: wait for its end, or stop it first.")
        values = dict(changes)
        if "content" in values:
            require_storable(values["content"], field="content")
            require_words_kept(message, content=values["content"])
        if "error_message" in values:
            require_storable(values["error_message"], field="error_message")
            values |= {"error_message": values["error_message"] or "", "error_reason": None}
        if "is_streaming" in values:
            values["status"] = _status(message, values.pop("is_streaming"), values.get("error_message"))
        for name, value in values.items():
            setattr(message, name, value)
        message.save(update_fields=[*values, "updated_at"])
        ChatSession.objects.filter(id=message.session_id).update(updated_at=timezone.now())
        tell_session(message.session_id, [message_update(message, "updated")])
    return message


def _status(message: ChatMessage, is_streaming: bool, error: str | None) -> MessageStatus:
    if not is_streaming:
        return MessageStatus.FAILED if error and message.role == Role.ASSISTANT else MessageStatus.COMPLETE
    if message.role != Role.ASSISTANT:
        raise InvalidRequest("Only an assistant's message can be streaming.", field="is_streaming")
    return MessageStatus.STREAMING


def count_messages(session_id: UUID) -> None:
    """Note how many messages a locked session has."""
    count = ChatMessage.objects.filter(session_id=session_id).count()
    ChatSession.objects.filter(id=session_id).update(message_count=count, updated_at=timezone.now())
