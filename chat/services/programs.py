"""Turns that programs ask for: the whole conversation comes with the request."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from chat.models import ChatMessage, ChatSession, Generation, Participant, ParticipantRole, Role, User
from chat.services.errors import Conflict, InvalidContent
from chat.services.options import validate_options
from chat.services.replies import Turn, queue_reply
from chat.services.text import require_storable
from inference.types import PromptMessage

MAX_CHARS = 2_000_000
MAX_MESSAGES = 2_000


def start_program_turn(
    *,
    user: User,
    messages: Sequence[PromptMessage],
    model: str,
    options: dict[str, Any],
    idempotency_key: str | None = None,
    fingerprint: str = "",
) -> Turn:
    """Store a conversation in a hidden session of its own, and queue the reply to its last message.

    The same `idempotency_key` by the same user gives the same turn again; with another `fingerprint` (of
    the request) it is a `Conflict`. Raises a `ServiceError`.
    """
    _check(messages)
    given = validate_options(options)
    request_id = f"key:{_digest(idempotency_key)}" if idempotency_key else None

    def make() -> Turn:
        earlier = _find_earlier(user, request_id, fingerprint)
        if earlier is not None:
            return earlier
        session = ChatSession.objects.create(
            owner=user,
            is_hidden=True,
            llm_model=model,
            message_count=len(messages),
            metadata={"fingerprint": fingerprint},
        )
        Participant.objects.create(session=session, user=user, role=ParticipantRole.OWNER)
        rows = _store(session, user, messages)
        return queue_reply(
            user=user, session=session, message=rows[-1], given=given, new=[], request_id=request_id
        )

    try:
        with transaction.atomic():
            return make()
    except IntegrityError:  # the same key twice at once; the database chose the first
        earlier = _find_earlier(user, request_id, fingerprint)
        if earlier is None:
            raise
        return earlier


def _check(messages: Sequence[PromptMessage]) -> None:
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise InvalidContent(f"messages must have 1 to {MAX_MESSAGES} messages.", field="messages")
    if sum(len(message.content) for message in messages) > MAX_CHARS:
        raise InvalidContent(f"messages are too long: at most {MAX_CHARS} characters.", field="messages")
    for number, message in enumerate(messages):
        require_storable(message.content, field=f"messages[{number}].content")
    if not any(message.content for message in messages):
        raise InvalidContent("messages are all empty.", field="messages")


def _store(session: ChatSession, user: User, messages: Sequence[PromptMessage]) -> list[ChatMessage]:
    ids = [uuid.uuid4() for _ in messages]
    parents = [None, *ids[:-1]]
    return ChatMessage.objects.bulk_create(
        ChatMessage(
            id=id_,
            session=session,
            parent_id=parent_id,
            author=user,
            role=Role(message.role),
            content=message.content,
        )
        for id_, parent_id, message in zip(ids, parents, messages, strict=True)
    )


def _find_earlier(user: User, request_id: str | None, fingerprint: str) -> Turn | None:
    if request_id is None:
        return None
    found = (
        Generation.objects.select_related("message", "message__parent", "session")
        .filter(message__author=user, message__request_id=request_id)
        .first()
    )
    if found is None or found.message.parent is None:
        return None
    if found.session.metadata.get("fingerprint") != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used for another request: choose a new one.", field="Idempotency-Key"
        )
    return Turn(message=found.message.parent, reply=found.message, generation=found, created=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
