"""What the server tells. A client tolerates fields that it does not know."""

from __future__ import annotations

from typing import Literal

import msgspec

from chat.realtime.protocol.views import (
    ActiveGeneration,
    CommandError,
    GenerationError,
    GenerationMetrics,
    MessageView,
    TokenLogprob,
    UsageView,
)

PROTOCOL_VERSION = 1


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server tells."""


class ConnectionEstablished(Event, frozen=True, kw_only=True, tag="connection_established"):
    session_id: str
    user_id: str
    connection_id: str
    active_generations: list[ActiveGeneration]
    protocol: int = PROTOCOL_VERSION


class UserJoined(Event, frozen=True, kw_only=True, tag="user_joined"):
    user_id: str
    username: str


class UserLeft(Event, frozen=True, kw_only=True, tag="user_left"):
    user_id: str
    username: str


class Ack(Event, frozen=True, kw_only=True, tag="ack"):
    request_id: str | None
    message_id: str
    generation_id: str | None


class MessageUpdate(Event, frozen=True, kw_only=True, tag="message_update"):
    session_id: str
    action: Literal["new_message", "updated", "deleted"]
    message: MessageView


class SessionUpdate(Event, frozen=True, kw_only=True, tag="session_update"):
    """The session has another title."""

    session_id: str
    title: str


class ParticipantUpdate(Event, frozen=True, kw_only=True, tag="participant_update"):
    """Somebody who takes part has another role."""

    session_id: str
    user_id: str
    role: str


class TypingIndicator(Event, frozen=True, kw_only=True, tag="typing_indicator"):
    user_id: str
    username: str
    is_typing: bool


class GenerationQueued(Event, frozen=True, kw_only=True, tag="generation_queued"):
    generation_id: str
    message_id: str
    position: int
    eta_seconds: float | None


class GenerationStarted(Event, frozen=True, kw_only=True, tag="generation_started"):
    generation_id: str
    message_id: str
    attempt: int
    worker: str
    prompt_tokens: int
    cached_tokens: int


class DeltaEvent(Event, frozen=True, kw_only=True, omit_defaults=True, tag="delta"):
    """A committed chunk of so many tokens; `logprobs` only where the turn's options ask for them."""

    generation_id: str
    message_id: str
    seq: int
    text: str
    tokens: int = 0
    logprobs: list[TokenLogprob] | None = None


class GenerationFinished(Event, frozen=True, kw_only=True, tag="generation_finished"):
    generation_id: str
    message_id: str
    finish_reason: str
    last_seq: int
    usage: UsageView
    metrics: GenerationMetrics
    worker: str = ""


class GenerationFailed(Event, frozen=True, kw_only=True, tag="generation_failed"):
    generation_id: str
    message_id: str
    error: GenerationError


class ErrorEvent(Event, frozen=True, kw_only=True, tag="error"):
    request_id: str | None
    error: CommandError


class Pong(Event, frozen=True, kw_only=True, tag="pong"):
    pass


GenerationEvent = GenerationQueued | GenerationStarted | DeltaEvent | GenerationFinished | GenerationFailed
SessionEvent = UserJoined | UserLeft | MessageUpdate | SessionUpdate | ParticipantUpdate | TypingIndicator
ServerEvent = ConnectionEstablished | Ack | ErrorEvent | Pong | SessionEvent | GenerationEvent


def encode_event(event: ServerEvent) -> str:
    """The text frame of an event."""
    return msgspec.json.encode(event).decode()
