"""Many groups at once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from channels.layers import get_channel_layer

from chat.realtime.redis_clients import async_redis


@pytest.mark.services
async def test_each_message_reaches_its_own_group_in_order() -> None:
    layer = get_channel_layer()
    groups = [f"test.many.{number}" for number in range(3)]
    channels = {group: await layer.new_channel() for group in groups}
    for group, channel in channels.items():
        await layer.group_add(group, channel)
    sends = [(group, {"type": "doorbell", "payload": b"%d" % turn}) for turn in range(2) for group in groups]
    await asyncio.to_thread(layer.send_to_groups, sends)
    for group, channel in channels.items():
        heard = [await asyncio.wait_for(layer.receive(channel), 5) for _ in range(2)]
        assert [message["payload"] for message in heard] == [b"0", b"1"]
        await layer.group_discard(group, channel)


@pytest.mark.services
async def test_listeners_of_a_group_hear_until_they_leave() -> None:
    layer = get_channel_layer()
    first: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    second: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with layer.listening("test.listen", first.put_nowait):
        async with layer.listening("test.listen", second.put_nowait):
            await layer.group_send("test.listen", {"payload": b"both"})
            assert [(await asyncio.wait_for(queue.get(), 5))["payload"] for queue in (first, second)] == [
                b"both",
                b"both",
            ]
        await layer.group_send("test.listen", {"payload": b"one"})
        assert (await asyncio.wait_for(first.get(), 5))["payload"] == b"one"
        assert second.empty()
    assert not layer._get_layer().groups


@pytest.mark.services
async def test_the_connection_is_read_while_nobody_listens() -> None:
    layer = get_channel_layer()
    async with layer.listening("test.awake", lambda message: None):
        pass
    (shard,) = layer._get_layer()._shards
    assert shard._pubsub.subscribed


@pytest.mark.services
async def test_a_listener_hears_again_after_its_connection_was_lost() -> None:
    layer = get_channel_layer()
    heard = asyncio.Event()
    async with layer.listening("test.lost", lambda message: heard.set()):
        assert await async_redis().client_kill_filter(_type="pubsub")
        async with asyncio.timeout(20):
            while not heard.is_set():
                await layer.group_send("test.lost", {"payload": b"again"})
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), 0.1)
