"""A small client of Parley's chat API, sync and async: sessions, sending, streaming, resuming a lost stream.

    with Parley("http://127.0.0.1:8000", "pk_…") as parley:
        session = parley.new_session(title="Tea")
        for text in parley.ask(session["id"], "Why is a raven like a writing desk?"):
            print(text, end="", flush=True)

Copy it, or read it: it needs only httpx2.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx2

CHAT = "/api/v1/chat"
TRIES = 5
PAUSE_SECONDS = 0.5


class ReplyFailed(Exception):  # noqa: N818  what the server says of its reply
    """The reply ended with an error; the message says which."""


class Reading:
    """Where a reader of a reply's events is. It does no input and output, so both clients share it."""

    def __init__(self, generation_id: str) -> None:
        self.url = f"{CHAT}/generations/{generation_id}/stream"
        self.last_id = ""
        self.is_over = False
        self.tries_left = TRIES
        self._next_id = ""

    @property
    def headers(self) -> dict[str, str]:
        """Of the request that goes on where the last one broke off."""
        return {"Last-Event-ID": self.last_id} if self.last_id else {}

    def feed(self, line: str) -> str:
        """The text that a line of the stream brings; mostly none."""
        name, _, value = line.partition(": ")
        if name == "id":
            self._next_id = value
        if name != "data":
            return ""
        self.last_id, self.tries_left = self._next_id or self.last_id, TRIES
        event = json.loads(value)
        if event["type"] == "error":
            raise ReplyFailed(event["error"])
        self.is_over = event["type"] == "done"
        return str(event.get("content", ""))

    def lost(self, error: httpx2.TransportError) -> None:
        """Note a lost connection; raises when there were too many in a row."""
        self.tries_left -= 1
        if not self.tries_left:
            raise error


def _message(content: str, options: dict[str, Any]) -> dict[str, Any]:
    # With a request id a message that is sent again after a lost answer is the same message.
    return {"content": content, "request_id": uuid4().hex, "options": options}


class Parley:
    """The blocking client."""

    def __init__(self, url: str, key: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=60, transport=transport)

    def __enter__(self) -> Parley:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.http.close()

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON of an answer; raises `httpx2.HTTPStatusError` for a refusal."""
        return self.http.request(method, f"{CHAT}/{path}", **kwargs).raise_for_status().json()

    def sessions(self) -> Iterator[dict[str, Any]]:
        """All of one's sessions, the most recently changed first."""
        page = {"has_more": True, "page": 0}
        while page["has_more"]:
            page = self.call("GET", "sessions", params={"page": page["page"] + 1, "page_size": 200})
            yield from page["sessions"]

    def new_session(self, **fields: Any) -> dict[str, Any]:
        """A session: `title`, `llm_model`, `system_prompt`, `settings` …"""
        return dict(self.call("POST", "sessions", json=fields))

    def send(self, session_id: str, content: str, **options: Any) -> dict[str, Any]:
        """Say something; the answer is the message, with the `generation_id` of its reply."""
        return dict(self.call("POST", f"sessions/{session_id}/messages", json=_message(content, options)))

    def stream(self, generation_id: str) -> Iterator[str]:
        """The reply's text, piece by piece from its beginning, over as many connections as it takes."""
        reading = Reading(generation_id)
        while not reading.is_over:
            try:
                with self.http.stream("GET", reading.url, headers=reading.headers) as response:
                    response.raise_for_status()
                    for line in response.iter_lines():
                        if text := reading.feed(line):
                            yield text
            except httpx2.TransportError as error:
                reading.lost(error)
                time.sleep(PAUSE_SECONDS)

    def ask(self, session_id: str, content: str, **options: Any) -> Iterator[str]:
        """Say something and read the reply as it is written."""
        return self.stream(self.send(session_id, content, **options)["generation_id"])


class AsyncParley:
    """The same for asyncio."""

    def __init__(self, url: str, key: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=60, transport=transport)

    async def __aenter__(self) -> AsyncParley:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON of an answer; raises `httpx2.HTTPStatusError` for a refusal."""
        return (await self.http.request(method, f"{CHAT}/{path}", **kwargs)).raise_for_status().json()

    async def sessions(self) -> AsyncIterator[dict[str, Any]]:
        """All of one's sessions, the most recently changed first."""
        page = {"has_more": True, "page": 0}
        while page["has_more"]:
            page = await self.call("GET", "sessions", params={"page": page["page"] + 1, "page_size": 200})
            for session in page["sessions"]:
                yield session

    async def new_session(self, **fields: Any) -> dict[str, Any]:
        """A session: `title`, `llm_model`, `system_prompt`, `settings` …"""
        return dict(await self.call("POST", "sessions", json=fields))

    async def send(self, session_id: str, content: str, **options: Any) -> dict[str, Any]:
        """Say something; the answer is the message, with the `generation_id` of its reply."""
        body = _message(content, options)
        return dict(await self.call("POST", f"sessions/{session_id}/messages", json=body))

    async def stream(self, generation_id: str) -> AsyncIterator[str]:
        """The reply's text, piece by piece from its beginning, over as many connections as it takes."""
        reading = Reading(generation_id)
        while not reading.is_over:
            try:
                async with self.http.stream("GET", reading.url, headers=reading.headers) as response:
                    response.raise_for_status()
                    async for line in response.aiter_lines():
                        if text := reading.feed(line):
                            yield text
            except httpx2.TransportError as error:
                reading.lost(error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def ask(self, session_id: str, content: str, **options: Any) -> AsyncIterator[str]:
        """Say something and read the reply as it is written."""
        message = await self.send(session_id, content, **options)
        async for text in self.stream(message["generation_id"]):
            yield text
