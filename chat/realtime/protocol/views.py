"""Rows as clients see them, in sockets and HTTP alike."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from inference.types.errors import Reason


class DroppedContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the context policy left out of the prompt: whole messages, messages shortened, tokens of both.

    `shifted` tokens made room in a full window while the reply was written.
    """

    messages: int = 0
    compressed: int = 0
    tokens: int = 0
    shifted: int = 0


class MessageMetrics(msgspec.Struct, frozen=True, kw_only=True):
    queue_ms: int | None = None
    ttft_ms: int | None = None
    tokens_per_second: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    context_length: int | None = None
    dropped: DroppedContext | None = None
    worker: str = ""


class AttachmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a message."""

    id: str
    name: str
    kind: str
    size_bytes: int


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message as clients see it, in sockets and HTTP alike."""

    id: str
    session_id: str
    parent_id: str | None
    author_id: str | None
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
    metrics: MessageMetrics
    confidence: float | None
    is_editable: bool
    is_hidden: bool
    reactions: dict[str, int]
    reacted_by: dict[str, list[str]]
    reactor_names: dict[str, str] = {}
    attachments: list[AttachmentView]
    error_message: str | None
    error_reason: Reason | None = None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str


class ActiveGeneration(msgspec.Struct, frozen=True, kw_only=True):
    generation_id: str
    message_id: str
    last_seq: int


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    total_tokens: int
    dropped: DroppedContext | None = None
    context_length: int | None = None


class GenerationMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """From creation to first claim, to first chunk (`ttft_ms`), and to the end."""

    queue_ms: int
    ttft_ms: int | None
    response_time_ms: int
    tokens_per_second: float | None


class TokenAlternative(msgspec.Struct, frozen=True, kw_only=True):
    """A token that could have been next; `bytes` tell what `token` cannot, such as half a character."""

    token: str
    bytes: list[int]
    logprob: float


class TokenLogprob(TokenAlternative, frozen=True, kw_only=True):
    """The token that was chosen, and the likeliest ones, best first."""

    top: list[TokenAlternative]


class GenerationError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a reply failed: `message` is in the reader's language, `reason` tells programs what it says of."""

    code: str
    message: str
    reason: Reason | None = None
    retryable: bool = False


class CommandError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command was refused: `message` says what to do, `field` which part was wrong."""

    code: str
    message: str
    field: str | None = None
