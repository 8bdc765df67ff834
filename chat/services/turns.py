"""Turns: a message and the reply to it, made in one transaction; replies made again; messages edited."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import (
    ACTIVE,
    ChatMessage,
    ChatSession,
    Generation,
    MessageStatus,
    Role,
    User,
    Visitor,
)
from chat.realtime.protocol.commands import MAX_CONTENT_CHARS
from chat.services.access import lock_writable
from chat.services.admission import estimate_tokens
from chat.services.describing import first_words
from chat.services.errors import (
    Conflict,
    Forbidden,
    InvalidOptions,
    InvalidRequest,
    NotFound,
    ReplyInProgress,
)
from chat.services.holds import require_words_kept
from chat.services.moderation.inspecting import screen_input
from chat.services.moderation.screening import note_input
from chat.services.options import repeatable, validate_options
from chat.services.planning import LOCAL, plan_reply
from chat.services.replies import Turn, queue_reply
from chat.services.sessions import check_metadata
from chat.services.telling import message_update, tell_session
from chat.services.text import require_content, require_storable
from chat.services.writing import find_parent, write_message

__all__ = ["Turn", "edit_message", "regenerate_reply", "start_turn"]

IN_ANOTHER_SESSION = "request_id was already used in another session: choose another one."
FOR_SOMETHING_ELSE = "request_id was already used for something else: choose another one."
INSTRUCTIONS = ("system_prompt", "chat_template", "tools")
"""Options that say what the model is: at a panel its owner does."""


def start_turn(
    *,
    user: User,
    session_id: UUID,
    content: str,
    request_id: str | None = None,
    parent_id: UUID | None = None,
    sibling_of: UUID | None = None,
    options: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    attachments: Collection[UUID] = (),
    model: str = "",
    provider: str = "",
) -> Turn:
    """Store a user's message and queue its reply, by `model` and `provider` if not by the session's.

    The message follows `parent_id`, or what `sibling_of` (a user's message) follows, or else the session's
    latest message. The same `request_id` by the same user gives the same turn again. Raises a `ServiceError`.
    """
    require_content(content, limit=MAX_CONTENT_CHARS)
    check_metadata(metadata or {})
    require_storable(request_id, field="request_id", error=InvalidRequest)
    given = _check_options(user, options or {})
    if parent_id is not None and sibling_of is not None:
        raise InvalidRequest("Give parent_id or sibling_of, not both.", field="sibling_of")

    def make() -> Turn:
        session = lock_writable(user=user, session_id=session_id)
        earlier = _find_turn(user, session_id, request_id, Role.USER)
        if earlier is not None:
            return earlier
        sibling = _find_sibling(session, sibling_of) if sibling_of is not None else None
        parent = sibling.parent if sibling is not None else find_parent(session_id, parent_id)
        _require_finished(parent)
        message = write_message(
            user=user,
            session_id=session_id,
            parent=parent,
            content=content,
            request_id=request_id,
            metadata=metadata,
            attachments=attachments,
        )
        session.llm_model = model or session.llm_model
        session.llm_provider = provider or session.llm_provider
        session.title = session.title or first_words(message.content)
        return queue_reply(
            plan=plan_reply(user=user, session=session, given=given),
            user=user,
            session=session,
            message=message,
            estimated_tokens=estimate_tokens(message),
            new=[message],
        )

    return _once(make, user, session_id, request_id, Role.USER)


def regenerate_reply(
    *,
    user: User,
    session_id: UUID,
    message_id: UUID,
    request_id: str | None = None,
    options: dict[str, Any] | None = None,
    model: str = "",
    provider: str = "",
    exactly: bool = False,
) -> Turn:
    """Queue another reply beside an existing one. `message_id` is a reply's, or a user's message's.

    `exactly` gives it the seed, the settings and the model that the existing reply had.
    """
    require_storable(request_id, field="request_id", error=InvalidRequest)
    given = _check_options(user, options or {})
    if exactly and (options or model or provider):
        raise InvalidRequest("Give options or exactly, not both.", field="exactly")

    def make() -> Turn:
        session = lock_writable(user=user, session_id=session_id)
        earlier = _find_turn(user, session_id, request_id, Role.ASSISTANT)
        if earlier is not None:
            return earlier
        message = _find_question(session, message_id)
        recorded = _find_recorded(session, message_id) if exactly else None
        session.llm_model = recorded.model if recorded else model or session.llm_model
        session.llm_provider = (recorded.provider or LOCAL) if recorded else provider or session.llm_provider
        wanted = repeatable(recorded.options) if recorded else given
        return queue_reply(
            plan=plan_reply(user=user, session=session, given=wanted),
            user=user,
            session=session,
            message=message,
            estimated_tokens=estimate_tokens(message),
            new=[],
            request_id=request_id,
        )

    return _once(make, user, session_id, request_id, Role.ASSISTANT)


def edit_message(
    *, user: User, session_id: UUID, message_id: UUID, content: str, request_id: str | None = None
) -> ChatMessage:
    """Change the text of the user's own message. Replies that exist stay as they are.

    An edit repeated is the same edit, so `request_id` needs no memory here.
    """
    require_content(content, limit=MAX_CONTENT_CHARS)
    with transaction.atomic():
        lock_writable(user=user, session_id=session_id)
        message = (
            ChatMessage.objects.select_related("author").filter(id=message_id, session_id=session_id).first()
        )
        if message is None:
            raise NotFound("There is no such message in this session.", field="message_id")
        if message.role != Role.USER or message.author_id != user.id:
            raise Forbidden("You may only edit messages you wrote yourself.", field="message_id")
        if message.is_hidden:
            raise Forbidden("A moderator has hidden this message.", field="message_id")
        if Generation.objects.filter(message__parent=message, status__in=ACTIVE).exists():
            raise _in_progress()
        seen = screen_input(user=user, text=content)
        require_words_kept(message, content=seen.text)
        message.content = seen.text
        message.save(update_fields=["content", "updated_at"])
        note_input(message=message, seen=seen)
        ChatSession.objects.filter(id=session_id).update(updated_at=timezone.now())
        tell_session(session_id, [message_update(message, "updated")])
    return message


def _check_options(user: User, options: dict[str, Any]) -> dict[str, Any]:
    given = validate_options(options)
    told = next((name for name in INSTRUCTIONS if name in given), None)
    if told is not None and Visitor.objects.filter(user=user).exists():
        raise InvalidOptions(
            "A visitor of a chat panel cannot set %(told)s.", field=f"options.{told}", values={"told": told}
        )
    return given


def _once(make: Callable[[], Turn], user: User, session_id: UUID, request_id: str | None, role: Role) -> Turn:
    try:
        with transaction.atomic():
            return make()
    except IntegrityError:
        # The same request arrived twice at once, in another session perhaps; the database chose the first.
        earlier = _find_turn(user, session_id, request_id, role)
        if earlier is None:
            raise
        return earlier


def _find_turn(user: User, session_id: UUID, request_id: str | None, role: Role) -> Turn | None:
    """The turn an earlier request made; `role` is that of the message such a request writes itself."""
    if request_id is None:
        return None
    made = ChatMessage.objects.select_related("parent").filter(author=user, request_id=request_id).first()
    if made is None:
        return None
    if made.session_id != session_id:
        raise request_id_reused(IN_ANOTHER_SESSION)
    if made.role != role:
        raise request_id_reused(FOR_SOMETHING_ELSE)
    replies = Generation.objects.select_related("message", "message__parent")
    mine = Q(message=made) | Q(message__parent=made)
    generation = replies.filter(mine, choice=0).order_by("created_at").first()
    if generation is None or generation.message.parent is None:
        raise request_id_reused(FOR_SOMETHING_ELSE)
    reply = generation.message
    return Turn(message=generation.message.parent, reply=reply, generation=generation, created=False)


def request_id_reused(message: str) -> Conflict:
    """The refusal of a request id that another request has."""
    return Conflict(message, field="request_id", code="request_id_reused")


def _find_sibling(session: ChatSession, message_id: UUID) -> ChatMessage:
    found = ChatMessage.objects.select_related("parent").filter(id=message_id, session=session).first()
    if found is None or found.role != Role.USER:
        raise NotFound("There is no such message by a user in this session.", field="sibling_of")
    return found


def _require_finished(parent: ChatMessage | None) -> None:
    if parent is None:
        return
    if parent.status == MessageStatus.STREAMING or parent.generations.filter(status__in=ACTIVE).exists():
        raise _in_progress()


def _in_progress() -> ReplyInProgress:
    return ReplyInProgress("The reply is still being written: wait for its end, or stop it first.")


def _find_recorded(session: ChatSession, reply_id: UUID) -> Generation:
    last = Generation.objects.filter(session=session, message_id=reply_id).order_by("created_at").last()
    if last is None:
        raise NotFound("No settings were recorded for this reply: try again instead.", field="message_id")
    return last


def _find_question(session: ChatSession, message_id: UUID) -> ChatMessage:
    found = ChatMessage.objects.select_related("parent").filter(id=message_id, session=session).first()
    question = found.parent if found is not None and found.role == Role.ASSISTANT else found
    if question is None or question.role != Role.USER:
        raise NotFound("There is no such message with a reply in this session.", field="message_id")
    return question
