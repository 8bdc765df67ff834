"""Rings doorbells on the channel layer, from any thread, without waiting for Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis
from channels.layers import get_channel_layer

from chat.background import BackgroundSender
from chat.realtime.protocol.doorbells import Doorbell, encode_doorbell

SEND_SECONDS = 5
CONNECTION_LOST = (redis.ConnectionError, ConnectionError)


def publish(group: str, doorbell: Doorbell) -> None:
    """Tell a group about rows that are committed. A lost doorbell is a delay, not a loss."""
    _sender.put((group, encode_doorbell(doorbell)))


def flush_publisher(timeout: float) -> bool:
    """Wait until every doorbell is out or given up, before a process exits; False on timeout (seconds)."""
    return _sender.flush(timeout)


def _open() -> Callable[[list[tuple[str, bytes]]], None]:
    # The layer keeps its connections per event loop, so the thread has one loop for all its life.
    runner = asyncio.Runner()

    def ring(bells: list[tuple[str, bytes]]) -> None:
        runner.run(_ring(bells))

    return ring


async def _ring(bells: list[tuple[str, bytes]]) -> None:
    layer = get_channel_layer()
    sends = [(group, {"type": "doorbell", "payload": payload}) for group, payload in bells]
    async with asyncio.timeout(SEND_SECONDS):
        try:
            await layer.group_send_many(sends)
        except CONNECTION_LOST:  # by a restart of Redis, perhaps: a new connection may do
            await layer.group_send_many(sends)


_sender: BackgroundSender[tuple[str, bytes]] = BackgroundSender("doorbells", _open)
