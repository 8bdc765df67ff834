"""A client that reconnects with full jitter, resumes by seq, repeats unanswered sends, and records."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from websockets.exceptions import WebSocketException

from tests.support.chat_client import ChatSocket, Timed, open_socket
from tests.support.faults.history import Turn
from tests.support.stack import Stack

BASE_S = 0.1
CAP_S = 3.0
RESEND_S = 0.5
LOST = (OSError, EOFError, TimeoutError, WebSocketException)


class Reader:
    """One session's client. `turns` is its history; connections came at `back_at` and went at `lost_at`."""

    def __init__(self, stack: Stack, session_id: str, key: str, rng: random.Random) -> None:
        self.session_id = session_id
        self.turns: list[Turn] = []
        self.lost_at: list[float] = []
        self.back_at: list[float] = []
        self.close_codes: list[int | None] = []
        self._stack = stack
        self._key = key
        self._rng = rng
        self._socket: ChatSocket | None = None
        self._fresh = False
        self._here: set[str] = set()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            try:
                async with open_socket(self._stack, self.session_id, self._key) as socket:
                    failures = 0
                    self.back_at.append(time.monotonic())
                    await self._serve(socket)
            except LOST:
                failures += 1
            delay = min(CAP_S, BASE_S * 2**failures)
            await asyncio.sleep(self._rng.uniform(0, delay))  # full jitter

    async def ask(self, content: str, *, max_tokens: int, expects: str = "succeeded", **options: Any) -> Turn:
        """Send a question, once connected; repeated under the same request id until it is answered."""
        now = time.monotonic()
        turn = Turn(uuid.uuid4().hex, self.session_id, content, max_tokens, now, expects, options=options)
        self.turns.append(turn)
        if self._socket is not None:
            self._fresh = True
            await self._try(self._send_turn(turn))
        return turn

    async def cancel(self, turn: Turn) -> None:
        """Stop a reply; the frame is lost when there is no connection."""
        if self._socket is not None:
            await self._try(self._socket.send(type="cancel", generation_id=turn.generation_id))

    async def until(self, condition: Callable[[], bool], *, within: float = 30, what: str = "") -> None:
        """Wait until what was read fulfils a condition."""
        try:
            async with asyncio.timeout(within):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = [timed.frame["type"] for timed in self.turns[-1].heard[-3:]] if self.turns else []
            raise AssertionError(f"{what or condition}: not within {within:g} s; last read: {last}") from None

    async def until_chunks(self, turn: Turn, count: int, *, within: float = 30) -> None:
        """Wait for that many chunks, or the end: what an outage held back may come as one."""
        await self.until(
            lambda: len(turn.deltas) >= count or turn.end is not None, within=within, what=f"{count} chunks"
        )

    async def until_end(self, turn: Turn, *, within: float = 60) -> None:
        """Wait for the terminal frame."""
        await self.until(lambda: turn.end is not None, within=within, what="the end")

    async def _serve(self, socket: ChatSocket) -> None:
        self._socket, self._fresh, self._here = socket, False, set()
        self._changed.set()
        try:
            await self._continue(socket)
            while True:
                await self._take(socket, await socket.read())
                self._changed.set()
        finally:
            self._socket = None
            self.lost_at.append(time.monotonic())
            self.close_codes.append(socket.connection.close_code)

    async def _continue(self, socket: ChatSocket) -> None:
        turn = self._open_turn()
        if turn is not None and turn.generation_id:
            await self._resume(socket, turn)
        elif turn is not None:
            await self._send_turn(turn)

    async def _take(self, socket: ChatSocket, timed: Timed) -> None:
        frame, turn = timed.frame, self._open_turn()
        if turn is None:
            return
        if frame.get("request_id") == turn.request_id:
            await self._take_answer(socket, turn, frame)
        elif frame["type"] == "pong" and turn.generation_id and turn.generation_id not in self._here:
            await self._resume(socket, turn)
        elif frame.get("generation_id") and frame["generation_id"] == turn.generation_id:
            self._here.add(turn.generation_id)
            turn.heard.append(timed)

    async def _take_answer(self, socket: ChatSocket, turn: Turn, frame: dict[str, Any]) -> None:
        if frame["type"] == "error":
            await asyncio.sleep(self._rng.uniform(0, RESEND_S))
            await self._send_turn(turn)
            return
        turn.generation_id = frame["generation_id"]
        listed = {active["generation_id"] for active in socket.established["active_generations"]}
        if turn.generation_id in listed:
            await self._resume(socket, turn)
        elif not self._fresh:  # made now, and followed; or made earlier, and over: the pong tells
            await socket.send(type="ping")

    async def _resume(self, socket: ChatSocket, turn: Turn) -> None:
        self._here.add(turn.generation_id)
        await socket.send(type="resume", generation_id=turn.generation_id, after_seq=turn.last_seq)

    async def _send_turn(self, turn: Turn) -> None:
        if self._socket is not None:
            await self._socket.send(
                type="send_message",
                content=turn.content,
                request_id=turn.request_id,
                options={"max_tokens": turn.max_tokens, **turn.options},
            )

    async def _try(self, sending: Any) -> None:
        try:
            await sending
        except LOST:
            return  # the loop notices too, and continues

    def _open_turn(self) -> Turn | None:
        turn = self.turns[-1] if self.turns else None
        return turn if turn is not None and (turn.end is None) else None


@asynccontextmanager
async def open_readers(
    stack: Stack, session_ids: Sequence[str], key: str, *, seed: int
) -> AsyncIterator[list[Reader]]:
    """A connected reader for each session, until the end of the block."""
    rng = random.Random(seed)
    readers = [Reader(stack, id_, key, random.Random(rng.random())) for id_ in session_ids]
    tasks = [asyncio.create_task(reader.run(), name=f"reader {reader.session_id}") for reader in readers]
    try:
        for reader in readers:
            await reader.until(lambda reader=reader: bool(reader.back_at), what="a connection")  # type: ignore[misc]
        yield readers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
