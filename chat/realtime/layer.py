"""The channel layer, with many sends in one round trip, and listeners that need no channel."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from chat.realtime.redis_clients import REDIS_ERRORS

AWAKE = "awake"
"""A group nobody sends to. A connection that is subscribed to nothing is read only ten times a second, and
who listens first would hear late.
"""


@dataclass(frozen=True)
class _Bell:
    """Stands where the layer has a channel's queue."""

    ring: Callable[[bytes], None]

    def put_nowait(self, message: bytes) -> None:
        self.ring(message)


class PipelinedChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels-redis has no types
    """A flush of many generations rings many groups at the same moment."""

    async def group_send_many(self, sends: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send each message to its group, in order; a round trip for each Redis, not for each message."""
        layer = self._get_layer()
        by_shard = defaultdict(list)
        for group, message in sends:
            channel = layer._get_group_channel_name(group)
            by_shard[layer._get_shard(channel)].append((channel, self.serialize(message)))
        for shard, messages in by_shard.items():
            async with shard._lock:
                shard._ensure_redis()
                async with shard._redis.pipeline(transaction=False) as pipe:
                    for channel, payload in messages:
                        pipe.publish(channel, payload)
                    await pipe.execute()

    @asynccontextmanager
    async def listening(self, group: str, hear: Callable[[dict[str, Any]], None]) -> AsyncIterator[None]:
        """Inside, `hear` is called with every message to the group as it is read; it must not raise."""
        layer = self._get_layer()
        name, channel = uuid.uuid4().hex, layer._get_group_channel_name(group)
        layer.channels[name] = _Bell(lambda message: hear(self.deserialize(message)))
        layer.groups.setdefault(channel, set()).add(name)
        try:
            shard = layer._get_shard(channel)
            await shard.subscribe(layer._get_group_channel_name(AWAKE))
            await shard.subscribe(channel)
            yield
        finally:
            layer.channels.pop(name, None)
            # An error here would hide why it ends, and a task that is cancelled would go on.
            with suppress(*REDIS_ERRORS):
                await layer.group_discard(group, name)
