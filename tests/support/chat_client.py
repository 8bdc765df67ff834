"""A chat client on real sockets, for acceptance tests and benchmarks; offers compression as browsers do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.stack import Stack

SEED_SESSIONS = """
from chat.models import User
from chat.services.sessions import create_session
user = User.objects.get(username={username!r})
print(*(create_session(user=user, llm_model={model!r}).id for _ in range({count})))
"""

SEED_MESSAGES = """
from chat.models import ChatMessage, ChatSession
session = ChatSession.objects.get(id="{session}")
text = "Message %d has **some** length, as people do.\\n\\n- one\\n- two\\n\\n```python\\nx = %d\\n```"
rows, parent = [], None
for number in range({count}):
    role = ("user", "assistant")[number % 2]
    parent = ChatMessage(
        session=session, author=session.owner, parent=parent, role=role, content=text % (number, number)
    )
    rows.append(parent)
ChatMessage.objects.bulk_create(rows, batch_size=500)
ChatSession.objects.filter(id=session.id).update(message_count={count})
"""

TERMINAL = ("generation_finished", "generation_failed")
FRAME_WITHIN = 60.0


@dataclass(frozen=True)
class Timed:
    """A frame and when it was read, in seconds of the system-wide monotonic clock."""

    at: float
    frame: dict[str, Any]


@dataclass
class ChatSocket:
    """One chat socket that remembers what it has read."""

    connection: ClientConnection
    established: dict[str, Any]
    seen: list[Timed] = field(default_factory=list)

    async def send(self, **command: Any) -> float:
        """Send a command; returns when."""
        at = time.monotonic()
        await self.connection.send(json.dumps(command))
        return at

    async def ask(self, content: str, **options: Any) -> float:
        """Send a message with generation options; returns when."""
        return await self.send(type="send_message", content=content, options=options)

    async def read(self) -> Timed:
        """The next frame."""
        async with asyncio.timeout(FRAME_WITHIN):
            text = await self.connection.recv()
        timed = Timed(time.monotonic(), json.loads(text))
        self.seen.append(timed)
        return timed

    async def until(self, *types: str) -> dict[str, Any]:
        """Read up to and including the first frame of one of these types; returns it."""
        while True:
            frame = (await self.read()).frame
            if frame["type"] in types:
                return frame

    async def finish(self) -> dict[str, Any]:
        """Read up to and including the next terminal frame."""
        return await self.until(*TERMINAL)

    def deltas(self, generation_id: str) -> list[dict[str, Any]]:
        """The deltas of a generation read so far."""
        return [
            timed.frame
            for timed in self.seen
            if timed.frame["type"] == "delta" and timed.frame["generation_id"] == generation_id
        ]

    def text(self, generation_id: str) -> str:
        """The text of a generation read so far; fails when a delta was lost, repeated or reordered."""
        deltas = self.deltas(generation_id)
        assert [delta["seq"] for delta in deltas] == list(range(len(deltas)))
        return "".join(delta["text"] for delta in deltas)


def seed_sessions(stack: Stack, count: int, *, model: str = "") -> list[str]:
    """Create sessions of the stack's administrator; returns their ids."""
    script = SEED_SESSIONS.format(username=stack.username, model=model, count=count)
    return stack.manage("shell", "-v", "0", "-c", script).split()


def seed_messages(stack: Stack, session: str, count: int) -> None:
    """One line of messages in a session, with a list and code in each."""
    stack.manage("shell", "-v", "0", "-c", SEED_MESSAGES.format(session=session, count=count))


def create_api_key(stack: Stack, *, user: str | None = None) -> str:
    """A bearer key, the administrator's unless said otherwise."""
    return stack.manage("api_key", "create", "--user", user or stack.username).splitlines()[-1]


@asynccontextmanager
async def open_socket(stack: Stack, session_id: str, key: str) -> AsyncIterator[ChatSocket]:
    """A logged-in socket that has read its first frame."""
    url = f"{stack.ws_url}/api/v1/chat/sessions/{session_id}/websocket"
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(url, additional_headers=headers, compression="deflate", max_size=None) as connection:
        established = json.loads(await connection.recv())
        yield ChatSocket(connection, established)
