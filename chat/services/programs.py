"""Turns that programs ask for: the whole conversation comes with the request, or follows an earlier reply."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from chat.models import ChatMessage, ChatSession, Generation, Participant, ParticipantRole, Role, User
from chat.selectors.programs import program_turn
from chat.services.errors import InvalidContent, InvalidOptions, ReplyInProgress
from chat.services.idempotency import digest_key, require_same
from chat.services.moderation.inspecting import screen_inputs
from chat.services.moderation.screening import note_input
from chat.services.options import validate_options
from chat.services.replies import queue_reply
from chat.services.text import require_storable
from inference.types import PromptMessage

MAX_CHARS = 2_000_000
MAX_MESSAGES = 2_000
MAX_CALL_ID = 100
PURGE_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class ProgramRequest:
    """What a program asks for: `choices` replies to each conversation, or one after an earlier reply.

    The same `idempotency_key` by the same user gives the same turn again; with another `fingerprint` (of
    the request) it is a `Conflict`. `notes` are kept with the replies.
    """

    conversations: Sequence[Sequence[PromptMessage]]
    model: str
    options: dict[str, Any]
    choices: int = 1
    after: Generation | None = None
    is_stored: bool = True
    notes: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    fingerprint: str = ""

    @property
    def request_id(self) -> str | None:
        """The key as the database keeps it."""
        return f"key:{digest_key(self.idempotency_key)}" if self.idempotency_key else None


def start_program_turn(*, user: User, request: ProgramRequest) -> list[Generation]:
    """Store the conversations in a hidden session, and queue the replies; the generations, choice by choice.

    A `ServiceError` leaves nothing behind.
    """
    _check(request)
    given = validate_options(request.options)
    try:
        with transaction.atomic():
            return _find_earlier(user, request) or _make(user, request, given)
    except IntegrityError:  # the same key twice at once; the database chose the first
        earlier = _find_earlier(user, request)
        if earlier is None:
            raise
        return earlier


def forget_generation(*, generation: Generation) -> None:
    """Show it to nobody who asks for it by an API's id any more."""
    Generation.objects.filter(id=generation.id).update(is_stored=False)


def purge_unstored() -> int:
    """Delete replies that were not to be stored, with what they answered, once nobody can resume them any
    more; returns how many.
    """
    retention = timedelta(seconds=settings.CHUNK_RETENTION_SECONDS)
    ended = Generation.objects.filter(
        is_stored=False, session__is_hidden=True, finished_at__lt=Now() - retention
    )
    replies = list(ended.values_list("session_id", "message_id")[:PURGE_AT_ONCE])
    for session_id in {session_id for session_id, _ in replies}:
        with transaction.atomic():
            _prune(session_id, [message_id for of, message_id in replies if of == session_id])
    return len(replies)


def _prune(session_id: UUID, replies: list[UUID]) -> None:
    """Delete replies, then what nothing follows any more, or all when no reply is left."""
    ChatMessage.objects.filter(id__in=replies).delete()
    if not Generation.objects.filter(session_id=session_id).exists():
        ChatSession.objects.filter(id=session_id).delete()
        return
    loose = ChatMessage.objects.filter(session_id=session_id, replies=None, generations=None)
    while loose.delete()[0]:
        pass


def _make(user: User, request: ProgramRequest, given: dict[str, Any]) -> list[Generation]:
    session = request.after.session if request.after else _new_session(user, request.model)
    session.llm_model = request.model
    notes = request.notes | {"turn": uuid.uuid4().hex, "fingerprint": request.fingerprint}
    made: list[Generation] = []
    for conversation in request.conversations:
        last = _store(session, user, conversation, request.after)
        for _ in range(request.choices):
            turn = queue_reply(
                user=user,
                session=session,
                message=last,
                given=_with_own_seed(given, len(made)),
                new=[],
                request_id=None if made else request.request_id,
                choice=len(made),
                metadata=notes,
                is_stored=request.is_stored,
            )
            made.append(turn.generation)
    return made


def _check(request: ProgramRequest) -> None:
    replies = len(request.conversations) * request.choices
    most = max(1, settings.MAX_QUEUED_PER_USER)
    if replies > most:
        raise InvalidOptions(f"A request may ask for 1 to {most} replies, not {replies}.", field="n")
    if request.after is not None and request.after.is_active:
        raise ReplyInProgress("The earlier reply is still being written: wait for its end.")
    check_conversations(request.conversations)


def check_conversations(conversations: Sequence[Sequence[PromptMessage]]) -> None:
    """Raises `InvalidContent` for what cannot be stored or is too long."""
    everything = [message for conversation in conversations for message in conversation]
    if not 1 <= len(everything) <= MAX_MESSAGES:
        raise InvalidContent(f"messages must have 1 to {MAX_MESSAGES} messages.", field="messages")
    if sum(len(message.content) for message in everything) > MAX_CHARS:
        raise InvalidContent(f"messages are too long: at most {MAX_CHARS} characters.", field="messages")
    for number, message in enumerate(everything):
        _check_message(message, f"messages[{number}]")
    if not all(any(message.content for message in each) for each in conversations):
        raise InvalidContent("messages are all empty.", field="messages")


def _check_message(message: PromptMessage, field: str) -> None:
    require_storable(message.content, field=f"{field}.content")
    for text in (message.tool_call_id, *(call.id for call in message.tool_calls)):
        if len(text) > MAX_CALL_ID:
            raise InvalidContent(f"A call's id has at most {MAX_CALL_ID} characters.", field=field)
    for call in message.tool_calls:
        require_storable(call.id + call.name + call.arguments, field=f"{field}.tool_calls")
    require_storable(message.tool_call_id, field=f"{field}.tool_call_id")


def _new_session(user: User, model: str) -> ChatSession:
    session = ChatSession.objects.create(owner=user, is_hidden=True, llm_model=model)
    Participant.objects.create(session=session, user=user, role=ParticipantRole.OWNER)
    return session


def _store(
    session: ChatSession, user: User, messages: Sequence[PromptMessage], after: Generation | None
) -> ChatMessage:
    """Write the messages, each under the one before; returns the last. Only the last user's one is new."""
    asked = [at for at, message in enumerate(messages) if message.role == "user"]
    seen = screen_inputs(user=user, texts=[messages[at].content for at in asked], field="messages")
    said = [message.content for message in messages]
    for at, each in zip(asked, seen, strict=True):
        said[at] = each.text
    ids = [uuid.uuid4() for _ in messages]
    parents = [after.message_id if after else None, *ids[:-1]]
    rows = ChatMessage.objects.bulk_create(
        ChatMessage(
            id=id_,
            session=session,
            parent_id=parent_id,
            author=user,
            role=Role(message.role),
            content=text,
            tool_calls=msgspec.to_builtins(list(message.tool_calls)),
            tool_call_id=message.tool_call_id,
        )
        for id_, parent_id, message, text in zip(ids, parents, messages, said, strict=True)
    )
    if asked:
        note_input(message=rows[asked[-1]], seen=seen[-1])
    ChatSession.objects.filter(id=session.id).update(message_count=F("message_count") + len(rows))
    return rows[-1]


def _with_own_seed(given: dict[str, Any], choice: int) -> dict[str, Any]:
    """Each choice is drawn with a seed of its own, the same at every repetition of the request."""
    seed = given.get("seed")
    return given if seed is None else given | {"seed": (seed + choice) % 2**32}


def _find_earlier(user: User, request: ProgramRequest) -> list[Generation] | None:
    if request.request_id is None:
        return None
    made = Generation.objects.select_related("message")
    first = made.filter(message__author=user, message__request_id=request.request_id).first()
    if first is None:
        return None
    require_same(known=first.message.metadata.get("fingerprint", ""), fingerprint=request.fingerprint)
    return program_turn(first)
