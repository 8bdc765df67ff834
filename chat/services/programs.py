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
from django.db.models.functions import Now

from chat.models import ChatMessage, ChatSession, Generation, Participant, ParticipantRole, Role, User
from chat.selectors.prepared import insert_rows
from chat.selectors.programs import program_turn
from chat.services.admission import estimate_tokens
from chat.services.errors import InvalidContent, InvalidOptions, ReplyInProgress
from chat.services.idempotency import digest_key, require_same
from chat.services.moderation.inspecting import screen_inputs
from chat.services.moderation.screening import note_input
from chat.services.options import validate_options
from chat.services.planning import ReplyPlan, plan_reply
from chat.services.replies import queue_reply
from chat.services.text import require_pairs, require_storable
from inference.content import Screened
from inference.counting import guess_tokens
from inference.types.prompts import PromptMessage

MESSAGES = "messages"
MAX_CHARS = 2_000_000
MAX_MESSAGES = 2_000
MAX_CALL_ID = 100
PURGE_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class ProgramRequest:
    """What a program asks for: `choices` replies to each conversation, or one after an earlier reply.
    `field_name` is what its API calls the conversation.

    The same `idempotency_key` by the same user gives the same turn again; with another `fingerprint` (of
    the request) it is a `Conflict`. `notes` are kept with the replies.
    """

    conversations: Sequence[Sequence[PromptMessage]]
    field_name: str = MESSAGES
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
    earlier = _find_earlier(user, request)
    if earlier is not None:
        return earlier
    draft = _draft(user, request, given)  # before the transaction: on SQLite others wait for its end
    try:
        with transaction.atomic():
            return _make(user, request, draft)
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


@dataclass(frozen=True)
class _Draft:
    """What is to be written: the conversations as content rules leave them, and what replies to them."""

    session: ChatSession
    plan: ReplyPlan
    conversations: list[list[Screened]]


def _draft(user: User, request: ProgramRequest, given: dict[str, Any]) -> _Draft:
    session = request.after.session if request.after else ChatSession(owner=user, is_hidden=True)
    session.llm_model = request.model
    seen = [_screen(user, each, request.field_name) for each in request.conversations]
    return _Draft(session, plan_reply(user=user, session=session, given=given), seen)


def _screen(user: User, messages: Sequence[PromptMessage], field: str) -> list[Screened]:
    """Every message as it may be stored; rules look at what users say."""
    asked = [message.content for message in messages if message.role == "user"]
    seen = iter(screen_inputs(user=user, texts=asked, field=field))
    return [next(seen) if each.role == "user" else Screened(each.content, None, ()) for each in messages]


def _make(user: User, request: ProgramRequest, draft: _Draft) -> list[Generation]:
    session = draft.session
    if request.after is None:
        insert_rows([session])
        insert_rows([Participant(session=session, user=user, role=ParticipantRole.OWNER)])
    notes = request.notes | {"turn": uuid.uuid4().hex, "fingerprint": request.fingerprint}
    made: list[Generation] = []
    for messages, seen in zip(request.conversations, draft.conversations, strict=True):
        rows = _store(session, user, messages, seen, request.after)
        tokens = estimate_tokens(rows[-1]) if request.after else guess_tokens(*(row.content for row in rows))
        for number in range(request.choices):
            turn = queue_reply(
                plan=draft.plan.for_choice(len(made)),
                user=user,
                session=session,
                message=rows[-1],
                estimated_tokens=tokens,
                new=[] if number else rows,
                request_id=None if made else request.request_id,
                choice=len(made),
                metadata=notes,
                is_stored=request.is_stored,
                is_told=False,  # hardly anybody has such a session open, and who has finds it by polling
            )
            made.append(turn.generation)
    return made


def _check(request: ProgramRequest) -> None:
    replies = len(request.conversations) * request.choices
    most = max(1, settings.MAX_QUEUED_PER_USER)
    if replies > most:
        raise InvalidOptions(
            "A request may ask for 1 to %(most)s replies, not %(replies)s.",
            field="n",
            values={"most": most, "replies": replies},
        )
    if request.after is not None and request.after.is_active:
        raise ReplyInProgress("The earlier reply is still being written: wait for its end.")
    check_conversations(request.conversations, field=request.field_name)
    require_pairs(request.notes.get("metadata", {}))


def check_conversations(conversations: Sequence[Sequence[PromptMessage]], *, field: str = MESSAGES) -> None:
    """Raises `InvalidContent` for what cannot be stored or is too long, with the `field` that has it."""
    everything = [message for conversation in conversations for message in conversation]
    if not 1 <= len(everything) <= MAX_MESSAGES:
        raise InvalidContent(
            "%(field)s must have 1 to %(most)s messages.",
            field=field,
            values={"field": field, "most": MAX_MESSAGES},
        )
    if sum(len(message.content) for message in everything) > MAX_CHARS:
        raise InvalidContent(
            "%(field)s must have at most %(most)s characters.",
            field=field,
            values={"field": field, "most": MAX_CHARS},
        )
    for number, message in enumerate(everything):
        _check_message(message, field, number)
    if not all(any(message.content or message.role == "tool" for message in each) for each in conversations):
        raise InvalidContent("%(field)s must not be empty.", field=field, values={"field": field})


def _check_message(message: PromptMessage, field: str, number: int) -> None:
    def place(part: str) -> str:  # a prompt is a text, and of an input calls are joined
        return f"{field}[{number}].{part}" if field == MESSAGES else field

    require_storable(message.content, field=place("content"))
    for text in (message.tool_call_id, *(call.id for call in message.tool_calls)):
        if len(text) > MAX_CALL_ID:
            raise InvalidContent(
                "A call's id has at most %(most)s characters.",
                field=place("tool_calls"),
                values={"most": MAX_CALL_ID},
            )
    for call in message.tool_calls:
        require_storable(call.id + call.name + call.arguments, field=place("tool_calls"))
    require_storable(message.tool_call_id, field=place("tool_call_id"))


def _store(
    session: ChatSession,
    user: User,
    messages: Sequence[PromptMessage],
    seen: Sequence[Screened],
    after: Generation | None,
) -> list[ChatMessage]:
    """Write the messages, each under the one before. Only the last user's one is new to content rules."""
    ids = [uuid.uuid4() for _ in messages]
    parents = [after.message_id if after else None, *ids[:-1]]
    rows = [
        ChatMessage(
            id=id_,
            session=session,
            parent_id=parent_id,
            author=user,
            role=Role(message.role),
            content=each.text,
            tool_calls=msgspec.to_builtins(list(message.tool_calls)),
            tool_call_id=message.tool_call_id,
        )
        for id_, parent_id, message, each in zip(ids, parents, messages, seen, strict=True)
    ]
    insert_rows(rows)
    asked = [at for at, message in enumerate(messages) if message.role == "user"]
    if asked:
        note_input(message=rows[asked[-1]], seen=seen[asked[-1]])
    return rows


def _find_earlier(user: User, request: ProgramRequest) -> list[Generation] | None:
    if request.request_id is None:
        return None
    made = Generation.objects.select_related("message")
    first = made.filter(message__author=user, message__request_id=request.request_id).first()
    if first is None:
        return None
    require_same(known=first.message.metadata.get("fingerprint", ""), fingerprint=request.fingerprint)
    return program_turn(first)
