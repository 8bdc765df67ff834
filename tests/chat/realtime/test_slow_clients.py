"""Clients that do not read, on a real server and a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn

from chat.realtime import consumers, outbox
from chat.realtime.presence import count_connections
from chat.realtime.protocol.closing import Close
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import TypingIndicator
from chat.realtime.publisher import publish
from chat.realtime.rooms import rooms
from chatproject.asgi import application
from chatproject.websockets import PatientWebSocket
from tests.chat.realtime.sockets import Room

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
SMALL = 4096
CLOSE_FRAME = b"\x88\x02" + int(Close.TOO_SLOW).to_bytes(2, "big")


class QuickWebSocket(PatientWebSocket):
    """Waits for nobody as long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = 0.2


@contextlib.asynccontextmanager
async def serve(**options: Any) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """A server whose sockets have small buffers, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        config = uvicorn.Config(application, ws=QuickWebSocket, lifespan="off", log_config=None, **options)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await serving


@contextlib.asynccontextmanager
async def never_reading(room: Room, port: int) -> AsyncIterator[socket.socket]:
    """A client that reads the answer to its handshake and no more."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        lines = [
            f"GET /api/v1/chat/sessions/{room.session.id}/websocket HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in room.headers.items()),
        ]
        await loop.sock_sendall(client, "\r\n".join([*lines, "", ""]).encode())
        assert b" 101 " in await loop.sock_recv(client, 100)
        yield client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def until_it_hears(room: Room) -> None:
    """Wait until the client's seat is taken and its room rings: a doorbell before that is lost."""
    await until(lambda: count_connections() == 1 and room.session.id in rooms()._rooms)
    await rooms()._rooms[room.session.id].subscription.wait_tried()


def tell(room: Room, characters: int) -> None:
    """Tell the session something long."""
    event = TypingIndicator(user_id="x", username="x" * characters, is_typing=True)
    publish(session_group(room.session.id), Doorbell(events=[event]))


async def test_who_never_reads_loses_seat_and_connection(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "CLOSE_SECONDS", 0.2)
    async with serve() as (server, port), never_reading(room, port):
        await until_it_hears(room)
        for _ in range(3):
            tell(room, 200_000)
        await until(lambda: count_connections() == 0 and not rooms()._rooms)
        await until(lambda: not server.server_state.connections and not server.server_state.tasks)


async def test_who_reads_again_learns_why(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_SECONDS", 0.2)
    async with serve() as (_, port), never_reading(room, port) as client:
        await until_it_hears(room)
        for _ in range(3):
            tell(room, 200_000)
        await until(lambda: count_connections() == 0)
        read = b""
        async with asyncio.timeout(10):
            while not read.endswith(CLOSE_FRAME):
                more = await asyncio.get_running_loop().sock_recv(client, 65_536)
                assert more
                read = read[-10:] + more


async def test_who_reads_not_even_a_ping_is_gone(room: Room) -> None:
    options = {"ws_ping_interval": 0.3, "ws_ping_timeout": 0.3}
    async with serve(**options) as (server, port), never_reading(room, port):
        await until_it_hears(room)
        tell(room, 40_000)
        await until(lambda: count_connections() == 0 and not rooms()._rooms)
        await until(lambda: not server.server_state.connections)
