"""A socket to the real application, and workers' writes without a worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from channels.testing import WebsocketCommunicator

from chat.models import ChatSession, User, WorkerStatus
from chat.realtime.database import in_database
from chat.realtime.protocol.doorbells import Doorbell, generation_group
from chat.realtime.publisher import publish
from chat.services.accounts import create_api_key
from chat.services.generations import Outcome, Progress, claim_generation, flush_progress, freeze_prompt
from chat.services.workers import heartbeat
from chatproject.asgi import application
from inference.types.events import Started
from inference.types.prompts import PreparedPrompt

TIMEOUT = 10


class Socket:
    """One client of the chat socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.frames: list[dict[str, Any]] = []

    async def send(self, **command: Any) -> None:
        """Send a command."""
        await self.communicator.send_to(text_data=msgspec.json.encode(command).decode())

    async def send_text(self, text: str) -> None:
        """Send any text."""
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def read(self) -> dict[str, Any]:
        """The next frame, whatever it is."""
        frame: dict[str, Any] = msgspec.json.decode(await self.communicator.receive_from(TIMEOUT))
        self.frames.append(frame)
        return frame

    async def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this type with these fields; others are kept in `frames`."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                frame = await self.read()
                if frame["type"] == kind and fields.items() <= frame.items():
                    return frame

    async def until_silent_ping(self) -> list[dict[str, Any]]:
        """Every frame up to the answer of a ping sent now."""
        await self.send(type="ping")
        start = len(self.frames)
        await self.expect("pong")
        return self.frames[start:-1]

    async def close_code(self) -> int:
        """The code the server closes with."""
        while True:
            output = await self.communicator.receive_output(TIMEOUT)
            if output["type"] == "websocket.close":
                return int(output["code"])


@contextlib.asynccontextmanager
async def open_socket(
    session_id: UUID | str, *, headers: dict[str, str] | None = None, query: str = "", welcome: bool = True
) -> AsyncIterator[Socket]:
    """A socket of a session, past `connection_established` unless it is not to be welcome."""
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    path = f"/api/v1/chat/sessions/{session_id}/websocket{query}"
    communicator = WebsocketCommunicator(application, path, headers=raw)
    connected, _ = await communicator.connect(TIMEOUT)
    assert connected
    socket = Socket(communicator)
    if welcome:
        await socket.expect("connection_established")
    try:
        yield socket
    finally:
        await communicator.disconnect(timeout=TIMEOUT)


async def bearer(user: User) -> dict[str, str]:
    """Headers that log a user in."""
    _, secret = await in_database(create_api_key)(user=user)
    return {"authorization": f"Bearer {secret}"}


class Room:
    """A session whose owner is logged in and whose model a worker offers."""

    def __init__(self, session: ChatSession, headers: dict[str, str]) -> None:
        self.session = session
        self.headers = headers

    def open(self, **kwargs: Any) -> contextlib.AbstractAsyncContextManager[Socket]:
        """A socket of the owner."""
        return open_socket(self.session.id, headers=self.headers, **kwargs)


def offer_model(slug: str = "paced") -> None:
    """A live worker with a model."""
    heartbeat(name="w1", status=WorkerStatus.READY, loaded_models=[slug], slots=4)


def publish_events(generation_id: UUID, events: list[Any]) -> None:
    """Ring as a worker does."""
    publish(generation_group(generation_id), Doorbell(events=events))


class FakeWorker:
    """Writes what a worker would write, step by step; each step may ring or stay silent."""

    def __init__(self, *, ring: bool = True, name: str = "w1") -> None:
        self.name = name
        self.ring = ring
        self.claimed: Any = None
        self.seq = 0

    async def claim(self) -> Any:
        """Take the next generation and begin."""
        self.claimed = await in_database(claim_generation)(worker=self.name, models=["paced"])
        assert self.claimed is not None
        self.seq = self.claimed.next_seq
        await in_database(freeze_prompt)(
            generation_id=self.claimed.id,
            attempt=self.claimed.attempt,
            prompt=PreparedPrompt(token_ids=[1, 2, 3]),
            model_digest="d",
            options=self.claimed.options,
        )
        started = Started(request_id="r", prompt_tokens=3, cached_tokens=1)
        await self._flush(started=started)
        return self.claimed

    async def say(self, text: str) -> None:
        """Commit one chunk."""
        await self._flush(text=text, token_ids=[7])
        self.seq += 1

    async def finish(self, reason: str = "stop") -> None:
        """End well."""
        await self._flush(outcome=Outcome(finish_reason=reason, completion_tokens=self.seq))

    async def _flush(self, **progress: Any) -> None:
        update = Progress(
            generation_id=self.claimed.id,
            message_id=self.claimed.message_id,
            attempt=self.claimed.attempt,
            seq=self.seq,
            is_first=self.seq == self.claimed.next_seq,
            **progress,
        )
        flushed = await in_database(flush_progress)(worker=self.name, updates=[update])
        if self.ring and flushed[self.claimed.id].events:
            publish_events(self.claimed.id, flushed[self.claimed.id].events)
