"""The only writer of one socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NoReturn

from django.conf import settings

from chat.realtime.protocol.events import ServerEvent, encode_event
from chat.realtime.wording import event_in_words

STALL_SECONDS = 15.0
"""Less than a ping may go unanswered: who stalls is told why, with 4408, and not cut off."""
MAX_POSTED = 1000
REPLY_BACKLOG = 100


class Stalled(Exception):  # noqa: N818  the socket's state, not a fault
    """The client does not read; the socket is being closed."""


class Outbox:
    """Posted frames and followed generations share the socket, in order and one at a time.

    `stall` is called once, when a write takes longer than `STALL_SECONDS` or too much is posted. Why replies
    failed is said in `language`.
    """

    def __init__(self, write: Callable[[str], Awaitable[None]], stall: Callable[[], None]) -> None:
        self.language = settings.LANGUAGE_CODE
        self._write_text = write
        self._on_stall = stall
        self._posted: deque[str] = deque()
        self._turn = asyncio.Lock()
        self._drainer: asyncio.Task[None] | None = None
        self._is_stalled = False

    def post(self, event: ServerEvent) -> None:
        """Send soon; never waits. For what happens in the session."""
        if self._is_stalled:
            return
        self._posted.append(self._encode(event))
        if self._drainer is None or self._drainer.done():
            self._drainer = asyncio.create_task(self._drain(), name="outbox")

    async def reply(self, event: ServerEvent) -> None:
        """Post the answer to a command; waits while many wait, so that a flood slows only its sender."""
        self.post(event)
        if len(self._posted) > REPLY_BACKLOG and self._drainer is not None:
            await asyncio.wait([self._drainer])

    async def deliver(self, event: ServerEvent) -> None:
        """Send and wait, after everything posted so far. Raises `Stalled`."""
        async with self._turn:
            await self._flush_posted()
            await self._write(self._encode(event))

    def close(self) -> None:
        """Send nothing any more."""
        self._is_stalled = True
        self._posted.clear()
        if self._drainer is not None and self._drainer is not asyncio.current_task():
            self._drainer.cancel()

    def _encode(self, event: ServerEvent) -> str:
        return encode_event(event_in_words(event, self.language))

    async def _drain(self) -> None:
        try:
            async with self._turn:
                await self._flush_posted()
        except (Stalled, OSError):  # OSError: the client is gone
            self.close()

    async def _flush_posted(self) -> None:
        while self._posted:
            if len(self._posted) > MAX_POSTED:
                self._give_up()
            await self._write(self._posted.popleft())

    async def _write(self, text: str) -> None:
        if self._is_stalled:
            raise Stalled
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._write_text(text)
        except TimeoutError:
            self._give_up()

    def _give_up(self) -> NoReturn:
        self._is_stalled = True
        self._posted.clear()
        self._on_stall()
        raise Stalled
