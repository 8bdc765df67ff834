"""What worker and engine process say to each other: length-prefixed msgpack frames over a socket pair."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from inference.config import EngineConfig
from inference.types.context import ContextPolicy
from inference.types.embeddings import Embeddings
from inference.types.engines import EngineInfo, Gauges, Totals
from inference.types.errors import Reason
from inference.types.events import EngineEvent
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse


class Load(msgspec.Struct, frozen=True, tag="load"):
    """The first command: which model to load."""

    config: EngineConfig


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Run requests; `Said` brings back their events."""

    requests: list[GenerationRequest]


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """End a request at its next token."""

    request_id: str


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """The reader has taken that many more tokens."""

    request_id: str
    tokens: int


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Render and tokenise a conversation; answered by `Prepared` or `Refused` with the same `call_id`."""

    call_id: int
    messages: list[PromptMessage]
    template: str
    tools: ToolUse | None = None
    policy: ContextPolicy = ContextPolicy()
    written: str = ""


class Embed(msgspec.Struct, frozen=True, tag="embed"):
    """Make vectors of texts or of token ids; answered by `Embedded` or `Refused` with the same `call_id`.

    A refusal counts the inputs from `first`.
    """

    call_id: int
    inputs: list[str | list[int]]
    first: int = 0


class GiveUp(msgspec.Struct, frozen=True, tag="give_up"):
    """Nobody waits any more for what the command of the same `call_id` asked."""

    call_id: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The model is loaded."""

    info: EngineInfo


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed"):
    """The model cannot be loaded; the process leaves."""

    code: str
    message: str | Reason


class Preparing(msgspec.Struct, frozen=True, tag="preparing"):
    """The turn of a call has come: its time runs from here."""

    call_id: int


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """The tokens of a conversation."""

    call_id: int
    prompt: PreparedPrompt


class Embedded(msgspec.Struct, frozen=True, tag="embedded"):
    """The vectors of a call's inputs."""

    call_id: int
    embeddings: Embeddings


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why a call cannot be answered."""

    call_id: int
    code: str
    message: str | Reason
    retryable: bool = False


class Pulse(msgspec.Struct, frozen=True, tag="pulse"):
    """A sign of life, twice a second: what the engine's loop is doing, and how far it has come."""

    phase: str
    gauges: Gauges
    totals: Totals = Totals()


class Said(msgspec.Struct, frozen=True, tag="said"):
    """What requests have said since the last time, each one's events in order."""

    events: list[EngineEvent]


Call = Prepare | Embed
Answer = Prepared | Embedded | Refused
Command = Load | Submit | Cancel | Acknowledge | Call | GiveUp
Report = Ready | LoadFailed | Preparing | Answer | Pulse | Said

_LENGTH = struct.Struct("<I")


def encode_frame(frame: Command | Report) -> bytes:
    """The bytes of one frame."""
    payload = msgspec.msgpack.encode(frame, enc_hook=str)  # the only foreign type is a Path
    return _LENGTH.pack(len(payload)) + payload


def read_commands(source: BinaryIO) -> Iterator[Command]:
    """Commands until the parent hangs up."""
    yield from _read(source, _commands)


def read_reports(source: BinaryIO) -> Iterator[Report]:
    """Reports until the child hangs up, or dies in the middle of one."""
    yield from _read(source, _reports)


def _read(source: BinaryIO, decoder: msgspec.msgpack.Decoder[Any]) -> Iterator[Any]:
    while payload := _next_payload(source):
        yield decoder.decode(payload)


def _next_payload(source: BinaryIO) -> bytes:
    try:
        header = source.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            return b""
        (size,) = _LENGTH.unpack(header)
        payload = source.read(size)
    except OSError:  # a peer that dies with unread frames resets the connection
        return b""
    return payload if len(payload) == size else b""


def _decode_path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


_commands = msgspec.msgpack.Decoder(Command, dec_hook=_decode_path)
_reports = msgspec.msgpack.Decoder(Report)


class FrameWriter:
    """Sends frames at once. What the other side has no room for goes from a thread of its own, so that nobody
    waits for it to read.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left: deque[bytes] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="frame-writer", daemon=True)
        self._thread.start()

    def send(self, frame: Command | Report) -> None:
        """Send a frame. When the other side is gone it goes nowhere: the reader will notice."""
        data = encode_frame(frame)
        with self._changed:
            if not self._left:
                data = data[self._send_now(data) :]
            if data:
                self._left.append(data)
                self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Send what is left, within the timeout, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _send_now(self, data: bytes) -> int:
        try:
            return self._connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:  # hung up
            return len(data)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # hung up; frames that follow would reach nobody
            while data := self._next():
                self._connection.sendall(data)
                with self._changed:
                    self._left.popleft()

    def _next(self) -> bytes:
        """What is sent next, and stays first in line meanwhile; nothing after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._closed)
            return self._left[0] if self._left else b""
