"""Many groups at once."""

from __future__ import annotations

import asyncio

import pytest
from channels.layers import get_channel_layer


@pytest.mark.services
async def test_each_message_reaches_its_own_group_in_order() -> None:
    layer = get_channel_layer()
    groups = [f"test.many.{number}" for number in range(3)]
    channels = {group: await layer.new_channel() for group in groups}
    for group, channel in channels.items():
        await layer.group_add(group, channel)
    sends = [(group, {"type": "doorbell", "payload": b"%d" % turn}) for turn in range(2) for group in groups]
    await layer.group_send_many(sends)
    for group, channel in channels.items():
        heard = [await asyncio.wait_for(layer.receive(channel), 5) for _ in range(2)]
        assert [message["payload"] for message in heard] == [b"0", b"1"]
        await layer.group_discard(group, channel)
