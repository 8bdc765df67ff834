"""Every frame of the chat socket, declared once.

Commands come from clients and are strict: an unknown field is an error. Events go to clients; a client
tolerates fields it does not know, so that servers and pages of different versions work together. The
browser's TypeScript types are generated from this module (`manage.py protocol_types`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 64 * 1024
MAX_CONTENT_CHARS = 60_000

RequestId = Annotated[str, Meta(min_length=1, max_length=100)]
Content = Annotated[str, Meta(min_length=1, max_length=MAX_CONTENT_CHARS)]
Options = dict[str, Any]


class Close:
    """Close codes of the chat socket."""

    NOT_LOGGED_IN = 4401
    NOT_ALLOWED = 4403
    NO_SUCH_SESSION = 4404
    TOO_SLOW = 4408
    TOO_MANY = 4429


# ---------------------------------------------------------------- commands


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """What a client may ask."""


class SendMessage(Command, frozen=True, kw_only=True, tag="send_message"):
    content: Content
    request_id: RequestId | None = None
    parent_id: UUID | None = None
    sibling_of: UUID | None = None
    options: Options | None = None
    attachments: Annotated[list[UUID], Meta(max_length=10)] = []


class Cancel(Command, frozen=True, kw_only=True, tag="cancel"):
    generation_id: UUID
    request_id: RequestId | None = None


class Regenerate(Command, frozen=True, kw_only=True, tag="regenerate"):
    message_id: UUID
    request_id: RequestId | None = None
    options: Options | None = None
    exactly: bool = False


class ContinueReply(Command, frozen=True, kw_only=True, tag="continue_reply"):
    message_id: UUID
    request_id: RequestId | None = None


class EditMessage(Command, frozen=True, kw_only=True, tag="edit_message"):
    message_id: UUID
    content: Content
    request_id: RequestId | None = None


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    generation_id: UUID
    after_seq: Annotated[int, Meta(ge=-1)] = -1
    request_id: RequestId | None = None


class TypingStart(Command, frozen=True, kw_only=True, tag="typing_start"):
    pass


class TypingStop(Command, frozen=True, kw_only=True, tag="typing_stop"):
    pass


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    pass


ClientCommand = (
    SendMessage | Cancel | Regenerate | ContinueReply | EditMessage | Resume | TypingStart | TypingStop | Ping
)


# ---------------------------------------------------------------- views of rows


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
    attachments: list[AttachmentView]
    error_message: str | None
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
    code: str
    message: str
    retryable: bool = False


class CommandError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command was refused: `message` says what to do, `field` which part was wrong."""

    code: str
    message: str
    field: str | None = None


# ---------------------------------------------------------------- events


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
SessionEvent = UserJoined | UserLeft | MessageUpdate | SessionUpdate | TypingIndicator
ServerEvent = ConnectionEstablished | Ack | ErrorEvent | Pong | SessionEvent | GenerationEvent


class CloseSockets(Event, frozen=True, kw_only=True, tag="close_sockets"):
    """An order to web processes, never sent to clients: close a session's sockets, or one user's."""

    code: int
    user_id: str | None = None


RoomEvent = GenerationEvent | SessionEvent | CloseSockets


class Doorbell(msgspec.Struct, frozen=True, kw_only=True):
    """What workers and services put on the channel layer: events whose rows are already committed."""

    events: list[RoomEvent]


_commands: msgspec.json.Decoder[ClientCommand] = msgspec.json.Decoder(ClientCommand)
_doorbells: msgspec.msgpack.Decoder[Doorbell] = msgspec.msgpack.Decoder(Doorbell)


def decode_command(frame: str) -> ClientCommand:
    """The command in a text frame. Raises `msgspec.DecodeError` or its `ValidationError`."""
    return _commands.decode(frame)


def encode_event(event: ServerEvent) -> str:
    """The text frame of an event."""
    return msgspec.json.encode(event).decode()


def encode_doorbell(doorbell: Doorbell) -> bytes:
    """The channel-layer payload of a doorbell."""
    return msgspec.msgpack.encode(doorbell)


def decode_doorbell(payload: bytes) -> Doorbell:
    """The doorbell in a channel-layer payload. Raises `msgspec.DecodeError`."""
    return _doorbells.decode(payload)


def session_group(session_id: object) -> str:
    """The channel-layer group of everybody in a session."""
    return f"session.{session_id}"


def login_group(user_id: object) -> str:
    """The channel-layer group of a user's sockets; a doorbell without events: check your login."""
    return f"login.{user_id}"


def generation_group(generation_id: object) -> str:
    """The channel-layer group of everybody who follows a generation."""
    return f"generation.{generation_id}"
