"""Sessions brought in from a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec
from django.db import transaction
from msgspec import Meta

from chat.models import ChatMessage, ChatSession, MessageStatus, Role, User
from chat.realtime.protocol.commands import MAX_CONTENT_CHARS
from chat.services.chatgpt import convert_conversation, is_conversation
from chat.services.errors import InvalidRequest
from chat.services.moderation.inspecting import screen_inputs
from chat.services.sessions import check_metadata, create_session
from chat.services.text import require_storable

MAX_MESSAGES = 20_000
MAX_FILES = 1000
T = TypeVar("T")


class SessionV1(msgspec.Struct, frozen=True, kw_only=True):
    """A session's own fields, without ids."""

    title: Annotated[str, Meta(max_length=200)] = ""
    system_prompt: str = ""
    chat_template: str = ""
    settings: dict[str, Any] = {}
    tags: list[str] = []
    metadata: dict[str, Any] = {}


class MessageV1(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `id` and `parent_id` only tie the messages of one file together."""

    role: Literal["system", "user", "assistant", "tool"]
    # A reply may be longer than what a person may send.
    content: Annotated[str, Meta(max_length=50 * MAX_CONTENT_CHARS)]
    id: str = ""
    parent_id: str | None = None
    status: Literal["complete", "failed", "cancelled", "streaming"] = "complete"
    llm_model: Annotated[str, Meta(max_length=100)] = ""
    finish_reason: Annotated[str, Meta(max_length=20)] | None = None
    tokens_used: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    response_time_ms: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    metadata: dict[str, Any] = {}
    created_at: datetime | None = None


class FileV1(msgspec.Struct, frozen=True, kw_only=True):
    """An exported session, version 1."""

    schema_version: Literal[1]
    session: SessionV1
    messages: Annotated[list[MessageV1], Meta(max_length=MAX_MESSAGES)]


READERS: dict[object, type[FileV1]] = {1: FileV1}


def import_session(*, user: User, file: Any) -> ChatSession:
    """A new session of the user's with everything in the file. Raises `InvalidRequest`, naming the place."""
    parsed = _parse(file)
    session_fields: dict[str, Any] = msgspec.to_builtins(parsed.session)
    rows = _rows(user, parsed.messages)
    said = [row for row in rows if row.role == Role.USER]
    seen = screen_inputs(user=user, texts=[row.content for row in said], field="messages")
    for row, each in zip(said, seen, strict=True):
        row.content = each.text
    with transaction.atomic():
        session = create_session(user=user, **session_fields)
        for row in rows:
            row.session = session
        ChatMessage.objects.bulk_create(rows, batch_size=500)
        _restore_times(rows, parsed.messages)
        session.message_count = len(rows)
        session.save(update_fields=["message_count"])
    return session


def import_sessions(*, user: User, files: list[Any]) -> list[ChatSession]:
    """One session per file, or none at all. Raises `InvalidRequest`."""
    if not 1 <= len(files) <= MAX_FILES:
        raise InvalidRequest(
            "Send from 1 to %(most)s conversations at once.", field="file", values={"most": MAX_FILES}
        )
    with transaction.atomic():
        return [import_session(user=user, file=file) for file in files]


def _parse(file: Any) -> FileV1:
    if is_conversation(file):
        file = _checked(convert_conversation, file)
    version = file.get("schema_version") if isinstance(file, dict) else None
    reader = READERS.get(version) if isinstance(version, int) else None
    if reader is None:
        known = ", ".join(map(str, READERS))
        raise InvalidRequest(
            "schema_version must be one of %(known)s.", field="schema_version", values={"known": known}
        )
    return _checked(lambda file: msgspec.convert(file, reader), file)


def _checked(convert: Callable[[Any], T], file: Any) -> T:
    try:
        return convert(file)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        raise InvalidRequest(
            "%(problem)s.", field=place.rstrip("`") or "file", values={"problem": problem}
        ) from error
    except (OverflowError, OSError) as error:
        raise InvalidRequest("A time in the file is out of range.", field="file") from error


def _rows(user: User, messages: list[MessageV1]) -> list[ChatMessage]:
    ids = {message.id: uuid4() for message in messages if message.id}
    rows: list[ChatMessage] = []
    placed: set[UUID] = set()
    for number, message in enumerate(messages):
        _check(message, number)
        parent_id = ids.get(message.parent_id or "")
        # A parent follows from the order where the file does not name an earlier message.
        before = rows[-1].id if rows and message.parent_id is None and number else None
        row = ChatMessage(
            id=ids.get(message.id) or uuid4(),
            parent_id=parent_id if parent_id in placed else before,
            author=user,
            role=message.role,
            status=_status(message),
            content=message.content,
            llm_provider="LOCAL" if message.role == Role.ASSISTANT.value else "",
            llm_model=message.llm_model,
            finish_reason=message.finish_reason or "",
            tokens_used=message.tokens_used,
            response_time_ms=message.response_time_ms,
            metadata=message.metadata,
        )
        placed.add(row.id)
        rows.append(row)
    if len(placed) != len(rows):
        raise InvalidRequest("Two messages have the same id.", field="messages")
    return rows


def _check(message: MessageV1, number: int) -> None:
    for name in ("content", "llm_model", "finish_reason"):
        require_storable(getattr(message, name), field=f"messages[{number}].{name}", error=InvalidRequest)
    check_metadata(message.metadata)


def _status(message: MessageV1) -> MessageStatus:
    if message.role != Role.ASSISTANT.value:
        return MessageStatus.COMPLETE
    # What was being written when it was exported will not go on here.
    return MessageStatus.CANCELLED if message.status == "streaming" else MessageStatus(message.status)


def _restore_times(rows: list[ChatMessage], messages: list[MessageV1]) -> None:
    timed = []
    for row, message in zip(rows, messages, strict=True):
        if message.created_at is not None:
            given = message.created_at
            row.created_at = given if given.tzinfo is not None else given.replace(tzinfo=UTC)
            timed.append(row)
    ChatMessage.objects.bulk_update(timed, ["created_at"], batch_size=200)
