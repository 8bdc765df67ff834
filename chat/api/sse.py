"""Server-sent events: frames, heartbeats, and what closing the connection means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from uuid import UUID
from weakref import WeakSet

import msgspec
from django.http import HttpRequest, StreamingHttpResponse

from chat.api.errors import OUR_FAULT
from chat.models import User
from chat.realtime.database import give_back, in_database
from chat.realtime.logins import logins
from chat.realtime.stopping import is_stopping, watch_for_stop, when_stopping
from chat.services.errors import InvalidRequest
from chat.services.generations import request_cancel

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
PARTING_SECONDS = 4.0
"""How long streams go on in a server that stops, which hangs up after 5."""
HEARTBEAT = b": keep-alive\n"
"""A blank line after it would end an event, and after an id OpenAI's clients then see one without data."""
READ_AHEAD = 16
"""Frames that wait for a client that reads slowly; what follows them waits where it is committed."""
MAX_SEQ = 2**31 - 1
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def encode_frame(data: object, *, seq: int | str | None = None, event: str = "") -> bytes:
    """One event with JSON data, which has no line breaks. `seq`, which has none either, becomes its id."""
    head = f"id: {seq}\n" if seq is not None else ""
    head += f"event: {event}\n" if event else ""
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"


BROKEN = encode_frame({"type": "error", "error": str(OUR_FAULT), "code": "internal_error"})
"""What ends a stream that cannot go on."""


async def with_heartbeat(
    frames: AsyncGenerator[bytes, None], *, broken: bytes = BROKEN
) -> AsyncIterator[bytes]:
    """The frames, those that came together in one piece, and a comment whenever `HEARTBEAT_SECONDS` pass
    without one; `broken` behind them when there can be no more, as in a server that stops.
    """
    watch_for_stop()
    read: asyncio.Queue[bytes] = asyncio.Queue(READ_AHEAD)
    reader = asyncio.create_task(_read(frames, read, broken))
    _readers.add(reader)
    # Whoever waits for a frame hears of the end too.
    reader.add_done_callback(lambda _: None if read.full() else read.put_nowait(b""))
    try:
        while not (reader.done() and read.empty()):
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    piece = await read.get()
            except TimeoutError:
                yield HEARTBEAT
                continue
            while not read.empty():
                piece += read.get_nowait()
            if piece:
                yield piece
        if reader.cancelled():
            yield broken
        else:
            reader.result()
    finally:
        reader.cancel()
        await asyncio.wait([reader])


_readers: WeakSet[asyncio.Task[None]] = WeakSet()


def _part() -> None:
    for reader in list(_readers):
        reader.get_loop().call_soon_threadsafe(_end_soon, reader)


def _end_soon(reader: asyncio.Task[None]) -> None:
    reader.get_loop().call_later(PARTING_SECONDS, reader.cancel)


when_stopping(_part)


async def _read(frames: AsyncGenerator[bytes, None], read: asyncio.Queue[bytes], broken: bytes) -> None:
    async with aclosing(frames):
        try:
            async for frame in frames:
                await read.put(frame)
        except Exception:  # the edge of a request whose status was sent long ago
            logger.exception("a stream broke off")
            await read.put(broken)


async def _next(frames: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(frames, None)


async def cancel_when_left(
    generation_id: UUID, frames: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """The frames. Leaving before their end stops the generation, unless it is the server that leaves."""
    watch_for_stop()
    is_complete = False
    async with aclosing(frames):
        try:
            async for frame in frames:
                yield frame
            is_complete = True
        finally:
            if not is_complete and not is_stopping():
                await in_database(request_cancel)(generation_id=generation_id)


class Reader:
    """Somebody who reads another's reply: `gone` once the account may not log in any more."""

    def __init__(self, user_id: UUID) -> None:
        self.gone = asyncio.Event()
        self._user_id = user_id
        self._checking: asyncio.Task[None] | None = None

    def check_login(self) -> None:
        """Look at the account; never waits."""
        self._checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        user = await in_database(User.objects.get)(id=self._user_id)
        if not user.may_log_in:
            self.gone.set()


async def while_welcome(user_id: UUID, frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames, until their reader is suspended."""
    reader = Reader(user_id)
    logins().join(user_id, reader)
    leaving = asyncio.create_task(reader.gone.wait())
    pending: asyncio.Task[bytes | None] | None = None
    async with aclosing(frames):
        try:
            while not reader.gone.is_set():
                pending = asyncio.create_task(_next(frames))
                await asyncio.wait([pending, leaving], return_when=asyncio.FIRST_COMPLETED)
                frame = pending.result() if pending.done() else None
                if frame is None:
                    return
                yield frame
        finally:
            logins().leave(user_id, reader)
            for task in filter(None, (pending, leaving)):
                task.cancel()
                await asyncio.wait([task])


def stream_response(
    frames: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None, *, broken: bytes = BROKEN
) -> StreamingHttpResponse:
    """The response that sends the frames as they come, and holds no connection to the database meanwhile."""
    give_back()
    return StreamingHttpResponse(
        with_heartbeat(frames, broken=broken),
        content_type="text/event-stream",
        headers={**HEADERS, **(headers or {})},
    )


def last_event_id(request: HttpRequest, default: int = -1) -> int:
    """Where a client that lost its connection had come to. Raises `InvalidRequest`."""
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return default
    try:
        return min(max(int(given), -1), MAX_SEQ)
    except ValueError:
        raise InvalidRequest("Last-Event-ID must be a whole number.", field="Last-Event-ID") from None
