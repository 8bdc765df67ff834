"""What a client may ask. Strict: an unknown field is an error."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

MAX_FRAME_BYTES = 64 * 1024
MAX_CONTENT_CHARS = 60_000
RequestId = Annotated[str, Meta(min_length=1, max_length=100)]
Content = Annotated[str, Meta(min_length=1, max_length=MAX_CONTENT_CHARS)]
Options = dict[str, Any]


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
_commands: msgspec.json.Decoder[ClientCommand] = msgspec.json.Decoder(ClientCommand)


def decode_command(frame: str) -> ClientCommand:
    """The command in a text frame. Raises `msgspec.DecodeError` or its `ValidationError`."""
    return _commands.decode(frame)
