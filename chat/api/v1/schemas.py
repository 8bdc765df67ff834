"""What the chat API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.conf import settings
from ninja import Schema
from pydantic import ConfigDict, Field, PlainSerializer

from chat.api.parsing import TYPED, Id, example
from chat.models import ChatSession, Deletion
from chat.realtime.protocol.commands import MAX_CONTENT_CHARS
from chat.realtime.protocol.views import MessageView
from chat.realtime.wording import message_in_words
from chat.selectors.messages import iso_time

MOST_PER_PAGE = 200

Time = Annotated[datetime, PlainSerializer(iso_time, return_type=str)]
Page = Annotated[int, Field(ge=1, le=1_000_000)]
PageSize = Annotated[int, Field(ge=1, le=MOST_PER_PAGE)]
Content = Annotated[str, Field(min_length=1, max_length=MAX_CONTENT_CHARS)]
RequestId = Annotated[str, Field(min_length=1, max_length=100)]
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Temperature = Annotated[float, Field(ge=0, le=5)]
MaxTokens = Annotated[int, Field(ge=1, le=1_000_000)]


class Strict(Schema):
    """A body in which an unknown field is an error, so that a typo is found."""

    model_config = TYPED | ConfigDict(extra="forbid")


class Done(Schema):
    """It is done."""

    message: str


class Deleted(Done):
    """It is gone. `POST deletions/{deletion_id}/undo` takes it back until then, which is in `undo_seconds`;
    null: nothing does.
    """

    deletion_id: UUID | None
    undo_until: Time | None
    undo_seconds: int | None

    @staticmethod
    def of(message: str, deletion: Deletion | None) -> Deleted:
        """From what it may be taken back by."""
        if deletion is None:
            return Deleted(message=message, deletion_id=None, undo_until=None, undo_seconds=None)
        return Deleted(
            message=message,
            deletion_id=deletion.id,
            undo_until=deletion.until,
            undo_seconds=settings.UNDO_SECONDS,
        )


class Problem(Schema):
    """Where and what."""

    field: str | None
    message: str


class Error(Schema):
    """The body of every error."""

    error: str
    error_code: str
    details: Problem
    timestamp: str


class SessionFields(Strict):
    """What may be given and changed; all have defaults."""

    title: Annotated[str, Field(max_length=200)] = ""
    llm_provider: Annotated[str, Field(max_length=50)] = "LOCAL"
    llm_model: Annotated[str, Field(max_length=100)] = ""
    system_prompt: Annotated[str, Field(max_length=60_000)] = ""
    chat_template: Annotated[str, Field(max_length=100_000)] = ""
    settings: dict[str, Any] = {}
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    retention_days: int | None = None


class SessionIn(SessionFields):
    """A new session. A temporary one is in no list and deleted soon after its page is closed."""

    model_config = example(title="Tea")

    is_temporary: bool = False


class SessionChanges(SessionFields):
    """Only what is given changes."""

    model_config = example(title="Coffee", tags=["drinks"])

    is_active: bool = True


class SessionOut(Schema):
    """A session."""

    id: UUID
    title: str
    user_id: UUID
    llm_provider: str
    llm_model: str
    system_prompt: str
    chat_template: str
    settings: dict[str, Any]
    tags: list[str]
    metadata: dict[str, Any]
    summary: str
    retention_days: int | None
    is_active: bool
    is_temporary: bool
    message_count: int
    token_usage: int
    last_seen_at: Time | None
    created_at: Time
    updated_at: Time

    @staticmethod
    def of(row: ChatSession) -> SessionOut:
        """From its row."""
        values = {name: getattr(row, name) for name in SessionOut.model_fields if name != "user_id"}
        return SessionOut(user_id=row.owner_id, **values)


class SessionList(Schema):
    """One page, the most recently changed first."""

    sessions: list[SessionOut]
    total_count: int
    page: int
    page_size: int
    has_more: bool


class Dropped(Schema):
    """What the context policy left out, and the tokens that context shifts discarded."""

    messages: int = 0
    compressed: int = 0
    tokens: int = 0
    shifted: int = 0


class Metrics(Schema):
    """How a reply came about; null where unknown."""

    queue_ms: int | None
    ttft_ms: int | None
    tokens_per_second: float | None
    prompt_tokens: int | None
    cached_tokens: int | None
    context_length: int | None
    dropped: Dropped | None
    worker: str


class Attached(Schema):
    """A file that came with a message."""

    id: UUID
    name: str
    kind: str
    size_bytes: int


class MessageOut(Schema):
    """A message."""

    id: UUID
    session_id: UUID
    parent_id: UUID | None
    author_id: UUID | None
    author_name: str | None
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    status: Literal["streaming", "complete", "failed", "cancelled"]
    is_streaming: bool
    llm_provider: str
    llm_model: str
    response_time_ms: int | None
    tokens_used: int
    finish_reason: str | None
    metrics: Metrics
    confidence: float | None
    is_editable: bool
    is_hidden: bool
    reactions: dict[str, int]
    reacted_by: dict[str, list[UUID]]
    reactor_names: dict[str, str]
    attachments: list[Attached]
    error_message: str | None
    error_reason: dict[str, Any] | None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str

    @staticmethod
    def of(view: MessageView) -> MessageOut:
        """From the view that sockets send too."""
        return MessageOut(**msgspec.to_builtins(message_in_words(view)))


class MessageSent(MessageOut):
    """A message, and the generation of its reply when one was queued."""

    generation_id: UUID | None = None
    reply_id: UUID | None = None


class MessageList(Schema):
    """One page, in the order of writing."""

    messages: list[MessageOut]
    total_count: int
    page: int
    page_size: int
    has_more: bool
    session_id: UUID


class MessageIn(Strict):
    """What to say. `respond` asks for a reply to a user's message."""

    model_config = example(content="Why is a raven like a writing desk?")

    content: Content
    role: Literal["user", "system", "assistant"] = "user"
    parent_id: Id | None = None
    metadata: dict[str, Any] = {}
    request_id: RequestId | None = None
    respond: bool = True
    attachments: list[Id] = []
    options: dict[str, Any] = {}


class MessageChanges(Strict):
    """One's own `content`; the rest is for services."""

    model_config = example(content="Why is a raven black?")

    content: Content = ""
    is_streaming: bool = False
    tokens_used: Count = 0
    response_time_ms: Count | None = None
    error_message: Annotated[str, Field(max_length=10_000)] | None = None
