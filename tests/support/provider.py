"""A provider that does as a test says: a real HTTP server, down to half a frame and a cut connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

WORDS = [f"word{number} " for number in range(200)]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class Call:
    """A request as it arrived, and the connection to answer on. `gone` is set when the client hung up."""

    headers: dict[str, str]
    body: dict[str, Any]
    writer: asyncio.StreamWriter
    gone: threading.Event = field(default_factory=threading.Event)

    async def send(self, data: bytes) -> None:
        """Bytes, at once."""
        self.writer.write(data)
        await self.writer.drain()

    async def frame(self, **fields: Any) -> None:
        """One frame of the stream."""
        await self.send(f"data: {json.dumps(fields)}\n\n".encode())

    async def say(self, *texts: str) -> None:
        """Frames with text."""
        for text in texts:
            await self.frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    async def finish(self, reason: str = "stop", **usage: Any) -> None:
        """The regular end."""
        await self.frame(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])
        if usage:
            await self.frame(choices=[], usage=usage)
        await self.send(b"data: [DONE]\n\n")


Script = Callable[[Call], Awaitable[None]]


async def answer(call: Call) -> None:
    """The next words after those of the conversation's last message, if that is the assistant's."""
    await call.send(HEAD)
    last = call.body["messages"][-1]
    said = len(last["content"].split()) if last["role"] == "assistant" else 0
    limit = call.body["max_tokens"]
    words = WORDS[said : said + limit]
    await call.say(*words)
    await call.finish("length", prompt_tokens=11, completion_tokens=len(words))


def status(code: int, body: str = "", **headers: str) -> Script:
    """An HTTP error."""

    async def script(call: Call) -> None:
        lines = [f"HTTP/1.1 {code} No", "Connection: close", f"Content-Length: {len(body.encode())}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await call.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    return script


def says_then(*texts: str, then: Script | None = None) -> Script:
    """A few words, and then something else; without `then` the connection is cut."""

    async def script(call: Call) -> None:
        await call.send(HEAD)
        await call.say(*texts)
        if then is not None:
            await then(call)
        else:
            call.writer.transport.abort()

    return script


def sends(data: bytes) -> Script:
    """Any bytes."""
    return lambda call: call.send(data)


async def silence(call: Call) -> None:
    """Nothing more until the client hangs up."""
    while not call.gone.is_set():
        await asyncio.sleep(0.01)


class StubProvider:
    """Answers each request with the next script, and without one with `answer`."""

    def __init__(self) -> None:
        self.scripts: deque[Script] = deque()
        self.calls: list[Call] = []
        self.url = ""

    @property
    def last(self) -> Call:
        """The latest request."""
        return self.calls[-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers["content-length"]))
            call = Call(headers, json.loads(body), writer)
            script = self.scripts.popleft() if self.scripts else answer
            self.calls.append(call)
            watch = asyncio.create_task(_watch(reader, call))
            await script(call)
            writer.close()
            watch.cancel()


async def _watch(reader: asyncio.StreamReader, call: Call) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    call.gone.set()


@contextlib.contextmanager
def start_provider(port: int = 0) -> Iterator[StubProvider]:
    """A running provider in a thread of its own."""
    stub = StubProvider()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(stub.serve, "127.0.0.1", port)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    stub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
