"""What workers and services put on the channel layer, and for whom."""

from __future__ import annotations

import msgspec

from chat.realtime.protocol.closing import CloseSockets
from chat.realtime.protocol.events import GenerationEvent, SessionEvent

RoomEvent = GenerationEvent | SessionEvent | CloseSockets


class Doorbell(msgspec.Struct, frozen=True, kw_only=True):
    """What workers and services put on the channel layer: events whose rows are already committed."""

    events: list[RoomEvent]


_doorbells: msgspec.msgpack.Decoder[Doorbell] = msgspec.msgpack.Decoder(Doorbell)


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
