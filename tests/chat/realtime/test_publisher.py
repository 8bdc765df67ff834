from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import get_channel_layer

from chat.realtime.protocol.doorbells import Doorbell, decode_doorbell
from chat.realtime.protocol.events import Pong, TypingIndicator
from chat.realtime.publisher import flush_publisher, publish
from chat.realtime.redis_clients import redis_client
from chat.realtime.subscription import Subscription
from tests.support.services import start_redis

DEAD = {
    "default": {
        "BACKEND": "chat.realtime.layer.PipelinedChannelLayer",
        "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
    }
}


def indicator(user: str) -> TypingIndicator:
    return TypingIndicator(user_id=user, username=user, is_typing=True)


@pytest.mark.services
async def test_a_doorbell_reaches_the_group_in_order() -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("test.order", channel)
    for number in range(20):
        publish("test.order", Doorbell(events=[indicator(str(number))]))
    messages = [await asyncio.wait_for(layer.receive(channel), 5) for _ in range(20)]
    await layer.group_discard("test.order", channel)
    heard = [decode_doorbell(message["payload"]).events[0] for message in messages]
    assert heard == [indicator(str(number)) for number in range(20)]


@pytest.mark.services
async def test_a_subscription_hears_until_it_is_stopped_and_survives_nonsense() -> None:
    heard: asyncio.Queue[Doorbell] = asyncio.Queue()
    subscription = Subscription("test.heard", heard.put_nowait)
    subscription.start()
    await subscription.wait_tried()
    await get_channel_layer().group_send("test.heard", {"type": "doorbell", "payload": b"\xc1"})
    publish("test.heard", Doorbell(events=[indicator("a")]))
    assert (await asyncio.wait_for(heard.get(), 5)).events == [indicator("a")]
    await subscription.stop()
    publish("test.heard", Doorbell(events=[indicator("b")]))
    assert await asyncio.to_thread(flush_publisher, 5)
    await get_channel_layer().group_send("test.heard", {"type": "doorbell", "payload": b""})
    assert heard.empty()


@pytest.mark.services
async def test_the_first_doorbell_on_a_lost_connection_is_rung_again() -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("test.lost", channel)
    publish("test.lost", Doorbell(events=[indicator("before")]))
    await asyncio.wait_for(layer.receive(channel), 5)
    redis_client().client_kill_filter(_type="normal", skipme=True)
    publish("test.lost", Doorbell(events=[indicator("after")]))
    message = await asyncio.wait_for(layer.receive(channel), 5)
    await layer.group_discard("test.lost", channel)
    assert decode_doorbell(message["payload"]).events == [indicator("after")]


async def test_without_redis_nobody_waits(settings: Any) -> None:
    settings.CHANNEL_LAYERS = DEAD
    publish("test.dead", Doorbell(events=[indicator("a")]))
    assert await asyncio.to_thread(flush_publisher, 10)
    subscription = Subscription("test.dead", lambda doorbell: None)
    subscription.start()
    await asyncio.wait_for(subscription.wait_tried(), 5)
    await subscription.stop()


async def test_a_subscription_that_never_started_stops() -> None:
    await Subscription("test.never", lambda doorbell: None).stop()


def test_pong_is_no_doorbell() -> None:
    with pytest.raises(TypeError):
        Doorbell(events=[indicator("a")], other=Pong())  # type: ignore[call-arg]


@pytest.mark.services
async def test_a_subscription_stops_while_redis_is_away(settings: Any) -> None:
    with start_redis() as url:
        settings.CHANNEL_LAYERS = {"default": DEAD["default"] | {"CONFIG": {"hosts": [url]}}}
        subscription = Subscription("test.left", lambda doorbell: None)
        subscription.start()
        await subscription.wait_tried()
        (shard,) = get_channel_layer()._get_layer()._shards
    while shard._pubsub.connection.is_connected:  # until its loss is noticed
        await asyncio.sleep(0.01)
    await asyncio.wait_for(subscription.stop(), 10)
    assert not get_channel_layer()._get_layer().groups
